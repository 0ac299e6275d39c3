"""The chapter on whom message passing serves: effects by activity, neighbourhood and field, beside the paper's Table 4.

Its breakdowns of measured studies are those that :mod:`ctrnb.report.analyse` wrote to ``book/results/groups``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from ctrnb import paper
from ctrnb.analysis.groups import (
    EVERYONE,
    TERTILES,
    Grouping,
    by_activity,
    by_field,
    by_neighbourhood,
    draws_by_group,
    effects,
    spreads,
    targeting,
)
from ctrnb.data import Encoded
from ctrnb.evaluation.groups import group_thresholds
from ctrnb.models import DISPLAY
from ctrnb.report.beside import PAPER_NAMES
from ctrnb.report.parameters import as_list
from ctrnb.report.provenance import by_place
from ctrnb.report.words import MARKS, counted, with_interval
from ctrnb.study.changes import LEVEL, Runs
from ctrnb.study.finished import Finished
from ctrnb.study.results import results_folder
from ctrnb.theory.effort import efforts
from ctrnb.training import RunStore, train
from ctrnb.training.config import TIER_NAMES

KINDS = ("effects", "spreads", "targets")
COMPARISONS = (("control", "base"), ("ft", "base"), ("ft", "control"), ("ts", "base"), ("ts", "control"))
FEW = 2  # models whose numbers a sentence gives each


def groupings(
    encoded: Encoded, users: pd.DataFrame, *, quantiles: Sequence[float] = TERTILES, fields: Iterable[str] = ()
) -> list[Grouping]:
    """Return users by activity, by neighbourhood, and by each of the fields.

    Raises:
        ConfigError: there is no such field, or quantiles that are not two increasing numbers between 0 and 1.
    """
    return [
        by_activity(encoded, quantiles), by_neighbourhood(encoded, quantiles),
        *(by_field(encoded, users, name) for name in fields),
    ]  # fmt: skip


def thresholds(encoded: Encoded, quantiles: Sequence[float] = TERTILES) -> str:
    """Return which training interactions bound the activity groups, in words."""
    low, mid = group_thresholds(encoded.train_degree_user, quantiles)
    return f"low: up to {low:g}; mid: above {low:g}, up to {mid:g}; high: above {mid:g} training interactions"


def runs_of(
    encoded: Encoded, model: str, tiers: Sequence[str], seeds: Sequence[int], *, runs: Path, epochs: int
) -> Runs:
    """Return trainings of one model by tier and number of the seed; a finished one is not repeated."""
    limit, store = {"training.epochs": epochs}, RunStore(runs)
    return {
        (tier, number): train(
            encoded, model, tier, seed=seed, runs=store, device="auto", overrides=limit, base_overrides=limit
        )
        for tier in tiers
        for number, seed in enumerate(seeds)
    }


def breakdown(
    runs: Runs, encoded: Encoded, parts: Sequence[Grouping], *, repeats: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return effects, spreads and targets of one model's runs for every grouping, in a column ``grouping``.

    Within a grouping, intervals of its groups are widened for their number.
    """
    tiers = [tier for tier in TIER_NAMES if any(tier == each for each, _ in runs)]
    comparisons = [pair for pair in COMPARISONS if set(pair) <= set(tiers)]
    found: tuple[list, list, list] = ([], [], [])
    for grouping in parts:
        draws = draws_by_group(runs, encoded, grouping, repeats=repeats)
        own = effects(draws, grouping, comparisons, level=LEVEL / len(grouping.labels))
        whole = effects(draws, Grouping(grouping.name, (), grouping.code), comparisons)
        tables = (
            pd.concat([whole, own[own["group"] != EVERYONE]], ignore_index=True),
            spreads(draws, grouping, tiers, comparisons),
            targeting(draws, grouping, comparisons),
        )
        for rows, table in zip(found, tables, strict=True):
            rows.append(table.assign(grouping=grouping.name))
    effect, spread, target = (pd.concat(rows, ignore_index=True) for rows in found)
    return effect, spread, target


def breakdowns(by_model: dict[str, Runs], encoded: Encoded, parts: Sequence[Grouping], *, repeats: int = 100, **place: Any) -> list[pd.DataFrame]:  # fmt: skip
    """Return :func:`breakdown` of several models, one table a kind, with columns model, model_name and those of ``place``."""
    found = [
        [table.assign(model=model, model_name=DISPLAY[model], **place) for table in breakdown(runs, encoded, parts, repeats=repeats)]
        for model, runs in by_model.items()
    ]  # fmt: skip
    return [pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True)]


def of_cells(cells: Iterable[Finished], *, fields: Sequence[str] = (), repeats: int = 100) -> list[pd.DataFrame]:
    """Return the breakdowns of a study's cells; fields that a dataset lacks are passed over."""
    found = []
    for cell in cells:
        parts = groupings(cell.encoded, cell.users, fields=[name for name in fields if name in cell.users])
        found.append(breakdowns({cell.model: cell.runs}, cell.encoded, parts, repeats=repeats, **cell.place))
    return [pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True)]


def measured_breakdowns(name: str, folder: Path | None = None) -> list[pd.DataFrame] | None:
    """Return the breakdowns of a study that were kept, or None."""
    paths = [results_folder(folder) / "groups" / f"{name}-{kind}.csv" for kind in KINDS]
    return [pd.read_csv(path) for path in paths] if all(path.is_file() for path in paths) else None


def measured_parts(names: Iterable[str], folder: Path | None = None) -> Iterator[tuple[str, str, list[pd.DataFrame]]]:
    """Yield title, provenance, and effects, spreads and targets of each dataset and core of the studies that have them.

    Raises:
        ParameterError: ``names`` is no list.
    """
    for name in as_list(names, "results", least=0):
        kept = measured_breakdowns(name, folder)
        if kept is not None:
            yield from by_place(name, kept, folder)


def measured_said(parts: Sequence[tuple[str, str, list[pd.DataFrame]]]) -> str:
    """Return what :func:`measured_parts` say of activity in a few sentences on all of them."""
    if not parts:
        return "nothing is measured."
    return said(*pooled(parts), of="case")


def pooled(parts: Sequence[tuple[str, str, list[pd.DataFrame]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spreads and the targets of all :func:`measured_parts`."""
    spread, target = (pd.concat([tables[place] for _, _, tables in parts]) for place in (1, 2))
    return spread, target


def verdict(parts: Sequence[tuple[str, str, list[pd.DataFrame]]]) -> str:
    """Return whether anything is beyond chance in :func:`measured_parts`, which way the estimates point, and what they rest on."""
    if not parts:
        return "Not measured on real ratings."
    spread, target = pooled(parts)
    titles = "; ".join(f"{title}, {rests_on(tables[0])}" for title, _, tables in parts)
    rows, name = compared(spread, "ft", "activity"), TIER_NAMES["ft"]
    found = tally(rows, "change")
    gains = [
        f"{each.above} of {each.count} against {TIER_NAMES[reference]}"
        for reference in ("base", "control")
        for each in [tally(compared(target, "ft", "activity", reference), "change")]
        if each.count
    ]
    return (
        f"{widened_said(spread, target, of='case').capitalize()}. {name}'s Var(L,M,H) is below "
        f"Base's in {found.below} of {counted(found.count, 'case')}{control_said(spread, rows, name, 'activity')}, and the group served "
        f"worst gains more than the others in {' and in '.join(gains)}. A case is a model on a dataset: {titles}."
    )


def rests_on(effect: pd.DataFrame) -> str:
    """Return of how many models and seeds effects are, in words."""
    fewest, most = int(effect["seeds"].min()), int(effect["seeds"].max())
    seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    return f"{counted(effect['model'].nunique(), 'model')}, {seeds}"


def said(spread: pd.DataFrame, target: pd.DataFrame, of: str = "model") -> str:
    """Return what FT does to the gap between activity groups and to the group served worst, and how sure that is."""
    return f"{chance_said(spread, target, of=of)} {spread_said(spread, of=of)}. {target_said(target, of=of)}.".strip()


def groups_table(effect: pd.DataFrame, grouping: str, metric: str = "auc", tier: str = "ft") -> pd.DataFrame:
    """Return one row a model and group to read: Base's metric, and the tier's change to Base in points, percent and MCI."""
    rows = effect[(effect["grouping"] == grouping) & (effect["metric"] == metric)]
    rows = rows[(rows["tier"] == tier) & (rows["reference"] == "base")]
    table = pd.DataFrame(
        {
            "model": rows["model_name"],
            "group": rows["group"],
            "Base": rows["reference_value"].map("{:.4f}".format),
            f"{TIER_NAMES[tier]} to Base, points": [
                with_interval(row.change, row.change_low, row.change_high, mark=MARKS.get(row.verdict, "="), scale=100)
                for row in rows.itertuples()
            ],
            "in %": rows["change_percent"].map("{:+.2f}".format),
            "MCI, hundredths": [
                with_interval(row.mci, row.mci_low, row.mci_high, scale=100) for row in rows.itertuples()
            ],
        }
    )
    return table.set_index(["model", "group"])


def spreads_table(spread: pd.DataFrame, grouping: str) -> pd.DataFrame:
    """Return Var(L,M,H) by model and tier to read, of the groups' AUC and of their users' own AUC, with its changes.

    A change is to Base and to the control, empty where it was not kept.
    """
    rows = spread[spread["grouping"] == grouping].fillna({"reference": ""}).sort_values("metric", kind="stable")
    keys = ["metric", "model_name", "tier"]
    of_tier = rows.drop_duplicates(keys).set_index(keys)
    columns = {"variance, points²": [f"{r.variance:.2f} ({r.low:.2f} to {r.high:.2f})" for r in of_tier.itertuples()]}
    for reference, title in (("base", "change to Base"), ("control", "change to the control")):
        against = rows[rows["reference"] == reference].set_index(keys)
        shown = {
            key: f"{with_interval(r.change, r.change_low, r.change_high, mark=MARKS.get(r.verdict, '='))}, {r.verdict}"
            for key, r in zip(against.index, against.itertuples(), strict=True)
        }
        columns[title] = [shown.get(key, "") for key in of_tier.index]
    metric, model, tier = (of_tier.index.get_level_values(name) for name in keys)
    index = [metric.map({"auc": "group AUC", "user_auc": "mean own AUC"}), model, tier.map(TIER_NAMES)]
    return pd.DataFrame(columns, index=pd.MultiIndex.from_arrays(index, names=["of", "model", "tier"]))


def targets_table(target: pd.DataFrame, tier: str = "ft") -> pd.DataFrame:
    """Return, by grouping, model and reference, how the tier's change for the group served worst differs from the others' mean."""
    rows = target[(target["metric"] == "auc") & (target["tier"] == tier)]
    columns = {
        "grouping": rows["grouping"],
        "model": rows["model_name"],
        "against": rows["reference"].map(TIER_NAMES),
        "served worst": rows["underserved"],
    }
    for name, label, scale in (("change", "points", 100), ("change_percent", "%", 1), ("mci", "MCI, hundredths", 100)):
        columns[f"excess, {label}"] = [
            with_interval(value, low, high, mark=MARKS.get(said, "="), scale=scale)
            for value, low, high, said in zip(
                *(rows[each] for each in (name, f"{name}_low", f"{name}_high", f"{name}_verdict")), strict=True
            )
        ]
    return pd.DataFrame(columns).set_index(["grouping", "model", "against"])


@dataclass(frozen=True)
class Tally:
    """How many estimates there are, how many lie above and below zero, and how many of these with their whole interval."""

    count: int
    above: int
    below: int
    surely_above: int
    surely_below: int

    @property
    def surely(self) -> int:
        """Estimates whose whole interval lies on either side of zero."""
        return self.surely_above + self.surely_below


def tally(rows: pd.DataFrame, column: str, comparisons: int = 1) -> Tally:
    """Return the tally of a column with its 95 % intervals, or with the same widened for a number of comparisons.

    They are widened to 1 - 0.05 / m by the normal distribution, since tables keep no degrees of freedom. With these the
    intervals would be wider still, so that the number of those off zero is the largest possible.
    """
    factor = stats.norm.ppf(1 - LEVEL / 2 / comparisons) / stats.norm.ppf(1 - LEVEL / 2)
    value = rows[column]
    low, high = (value + factor * (rows[f"{column}_{end}"] - value) for end in ("low", "high"))
    counts = (value > 0, value < 0, low > 0, high < 0)
    return Tally(len(rows), *(int(each.sum()) for each in counts))


def compared(table: pd.DataFrame, tier: str, grouping: str, reference: str = "base") -> pd.DataFrame:
    """Return the rows of one comparison of tiers and one grouping, of the groups' AUC, of spreads or of targets."""
    rows = table[(table["grouping"] == grouping) & (table["metric"] == "auc")]
    return rows[(rows["tier"] == tier) & (rows["reference"] == reference)]


def spread_said(spread: pd.DataFrame, tier: str = "ft", grouping: str = "activity", of: str = "model") -> str:
    """Return in how many models a tier's gap between the groups is below Base's, and below the control's, in words."""
    rows = compared(spread, tier, grouping)
    found, name = tally(rows, "change"), TIER_NAMES[tier]
    return (
        f"{name}'s Var(L,M,H) is below Base's in {found.below} of {counted(found.count, of)}, {sides(found)}"
        f"{each_model(rows, 'change', 1)}{control_said(spread, rows, name, grouping)}"
    )


def sides(found: Tally) -> str:
    """Return how many gaps are surely below and above another, in words."""
    return f"beyond chance in {found.surely_below}, and above it beyond chance in {found.surely_above}"


def control_said(spread: pd.DataFrame, rows: pd.DataFrame, name: str, grouping: str) -> str:
    """Return how the control's gap stands to Base's and to a tier's ``rows``, in words; empty where there is none.

    Some studies kept the change to the control without an interval, as the difference of two estimates.
    """
    control = compared(spread, "control", grouping)
    keys = [key for key in ("dataset", "k", "drop_middle", "model") if key in spread]
    both = rows.merge(control, on=keys, suffixes=("", "_control"))
    if both.empty:
        return ""
    below = int((both["variance"] < both["variance_control"]).sum())
    told = tally(compared(spread, rows["tier"].iloc[0], grouping, "control"), "change")
    kept = "" if told.count == len(both) else f" (intervals of {told.count} of {len(both)} were kept)"
    return (
        f"; the control's is below Base's in {tally(control, 'change').below} of {len(control)}, and {name}'s is below the "
        f"control's in {below} of {len(both)}" + (f", {sides(told)}{kept}" if told.count else " (estimates alone)")
    )


def target_said(target: pd.DataFrame, tier: str = "ft", grouping: str = "activity", of: str = "model") -> str:
    """Return in how many models the group that Base, or the control, serves worst gains most, by AUC and by MCI, in words."""
    parts = []
    for reference in ("base", "control"):
        rows = compared(target, tier, grouping, reference)
        if rows.empty:
            continue
        auc, mci = tally(rows, "change"), tally(rows, "mci")
        server = "Base" if reference == "base" else f"the {TIER_NAMES[reference].lower()}"
        parts.append(
            f"the group that {server} serves worst, {TIER_NAMES[tier]}'s change to {server} exceeds the others' in {auc.above} of "
            f"{counted(auc.count, of)} by AUC and in {mci.above} by MCI, beyond chance in {auc.surely_above} and "
            f"{mci.surely_above}, and falls short beyond chance in {auc.surely_below} and {mci.surely_below}"
            f"{each_model(rows, 'change', 100)}"
        )
    return f"In {'; in '.join(parts)}" if parts else "FT is not compared"


def chance_said(spread: pd.DataFrame, target: pd.DataFrame, of: str = "model") -> str:
    """Return how many of the intervals would lie off zero by chance, and how many do once widened; empty for few."""
    count = len(compared(spread, "ft", "activity"))
    if count <= FEW:
        return ""
    return (
        f"{widened_said(spread, target, of=of)}. The counts that follow are of 95 % intervals off zero, where chance alone puts "
        f"about {count * LEVEL / 2:.1f} of {count} on each side."
    )


def widened_said(spread: pd.DataFrame, target: pd.DataFrame, of: str = "model") -> str:
    """Return how many changes are beyond chance with intervals widened for the number of cases, in words."""
    columns = []
    for reference in ("base", "control"):
        gap, worst = (compared(table, "ft", "activity", reference) for table in (spread, target))
        columns += [(gap, "change"), (worst, "change"), (worst, "mci")]
    columns = [(rows, column) for rows, column in columns if len(rows)]
    surely = sum(tally(rows, column, comparisons=len(rows)).surely for rows, column in columns)
    left = (
        f"at most {counted(surely, 'change')} {'is' if surely == 1 else 'are'} beyond chance"
        if surely
        else "no change of the gap or of the group served worst is beyond chance"
    )
    return f"with intervals widened for {counted(len(columns[0][0]), of)}, {left}"


def each_model(rows: pd.DataFrame, column: str, scale: float, most: int = FEW) -> str:
    """Return a number of each model with its interval, in brackets; empty for more than ``most`` models."""
    if len(rows) > most:
        return ""
    values = (
        f"{row['model_name']} {scale * row[column]:+.2f}, 95 % interval {scale * row[f'{column}_low']:+.2f} to "
        f"{scale * row[f'{column}_high']:+.2f}"
        for _, row in rows.iterrows()
    )
    return f" ({'; '.join(values)} {'points' if scale == 100 else 'points²'})"


def table_4(effects: Sequence[pd.DataFrame] = ()) -> pd.DataFrame:
    """Return the paper's Table 4 and Figure 5 by model, tier and group, and our measurements of the same cells where kept.

    The paper's MCI comes of its rounded cells; its changes stand in points. Ours have 95 % intervals.
    """
    cells = efforts().merge(
        pd.Series(paper.MODELS, name="key").rename_axis("model").reset_index(), on="model", how="left"
    )
    table = pd.DataFrame(
        {
            "dataset": cells["dataset"] + ", k = " + cells["k"].astype(str),
            "model": cells["model"],
            "tier": cells["tier"],
            "group": cells["group"],
            "paper: Base": cells["base"].map("{:.2f}".format),
            "paper: points": cells["absolute"].map("{:+.2f}".format),
            "paper: MCI, hundredths": (100 * cells["MCI"]).map("{:+.2f}".format),
        }
    )
    keys = ["dataset", "k", "key", "tier", "group"]
    if len(effects):
        effect = pd.concat(effects)
        own = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["reference"] == "base")]
        own = own.assign(
            dataset=own["dataset"].map(PAPER_NAMES), key=own["model"], tier=own["tier"].map(TIER_NAMES),
            group=own["group"].str.capitalize(),
        ).set_index(keys)  # fmt: skip
        places = pd.MultiIndex.from_frame(cells[keys])
        for label, name, scale in (("ours: points", "change", 100), ("ours: MCI, hundredths", "mci", 100)):
            columns = [name, f"{name}_low", f"{name}_high"]
            values = scale * own[columns][~own.index.duplicated()].reindex(places).to_numpy()
            table[label] = [with_interval(*row) for row in values]
    return table.set_index(["dataset", "model", "tier", "group"])
