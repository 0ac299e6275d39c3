"""The chapter on whom message passing serves: effects by activity, neighbourhood and field, beside the paper's Table 4.

Its breakdowns of measured studies are those that :mod:`ctrnb.report.analyse` wrote to ``book/results/groups``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
from ctrnb.report.provenance import by_place, seeds_said
from ctrnb.report.tuning import MARK, flagged, open_cells
from ctrnb.study.changes import LEVEL, Runs
from ctrnb.study.finished import Finished
from ctrnb.study.results import CELL, results_folder
from ctrnb.theory.effort import efforts
from ctrnb.training import RunStore, train
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import MARKS, counted, with_interval

KINDS = ("effects", "spreads", "targets")
COMPARISONS = (("control", "base"), ("ft", "base"), ("ft", "control"), ("ts", "base"), ("ts", "control"))
AGES = {  # MovieLens' codes of age
    "1": "under 18", "18": "18 to 24", "25": "25 to 34", "35": "35 to 44", "45": "45 to 49", "50": "50 to 55", "56": "56 and over",
}  # fmt: skip
NARROWED, FAVOURED = -1, 1  # the sides of the paper's claim: a smaller gap, a larger gain of the group served worst
WIDTHS = {"narrower": "narrower", "wider": "wider", "no significant change": "="}  # the sign of a change of the gap
NOT_MEASURED = "not measured"

Measured = tuple[str, str, list[pd.DataFrame]]  # title, provenance, and effects, spreads and targets


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


def tiers_of(runs: Runs) -> list[str]:
    """Return the tiers of runs in their usual order."""
    return [tier for tier in TIER_NAMES if any(tier == each for each, _ in runs)]


def comparisons_of(runs: Runs) -> list[tuple[str, str]]:
    """Return the pairs of tiers that are compared and both among the runs."""
    return [pair for pair in COMPARISONS if set(pair) <= set(tiers_of(runs))]


def breakdown(
    runs: Runs, encoded: Encoded, parts: Sequence[Grouping], *, repeats: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return effects, spreads and targets of one model's runs for every grouping, in a column ``grouping``.

    Within a grouping, intervals of its groups are widened for their number.
    """
    tiers, comparisons = tiers_of(runs), comparisons_of(runs)
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
    """Return the breakdowns of a study that were kept, with its name as ``ledger``, or None."""
    paths = [results_folder(folder) / "groups" / f"{name}-{kind}.csv" for kind in KINDS]
    return [pd.read_csv(path).assign(ledger=name) for path in paths] if all(path.is_file() for path in paths) else None


def measured_parts(names: Iterable[str], folder: Path | None = None) -> Iterator[Measured]:
    """Yield title, provenance, and effects, spreads and targets of each dataset and core of the studies that have them.

    Raises:
        ParameterError: ``names`` is no list.
    """
    for name in as_list(names, "results", least=0):
        kept = measured_breakdowns(name, folder)
        if kept is not None:
            yield from by_place(name, kept, folder)


def pooled(parts: Sequence[Measured]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spreads and the targets of all :func:`measured_parts`."""
    spread, target = (pd.concat([tables[place] for _, _, tables in parts]) for place in (1, 2))
    return spread, target


def verdict(parts: Sequence[Measured], folder: Path | None = None) -> str:
    """Return whether FT narrows the gap or favours the group served worst in :func:`measured_parts`, and how sure that is."""
    if not parts:
        return "Not measured on real ratings."
    spread, target = pooled(parts)
    rows = compared(target, "ft", "activity", "control")
    if rows.empty:
        return "Not measured against the control."
    found, more = beyond(spread, target), tally(rows, "change").above
    shared = rows.groupby(["dataset", "k", "drop_middle"])["model"].size()
    each = "; ".join(
        f"{tally(part, 'change').above} of {len(part)} on {title}" for title, part in by_title(parts, rows)
    )
    unsure = int(flagged(rows, open_cells(folder))["open"].sum())
    return (
        f"{found.head().capitalize()}. {found.said()} {beyond(spread, target, 'mci').by_mci()} By its estimate, sure or not, the group served worst "
        f"gains more than the others in {more} of {counted(len(rows), 'case')} against the control ({each})"
        f"{', but cases of one dataset share test users, so they are no independent votes' if (shared > 1).any() else ''}; "
        f"{unsure} of {len(rows)} are open. A case is a model on a dataset: {'; '.join(rests_on(*part) for part in parts)}."
    )


def advice(parts: Sequence[Measured]) -> str:
    """Return what a reader should do by :func:`verdict`."""
    if parts and beyond(*pooled(parts)).kept_towards:
        return (
            "Measure your own groups against a control: a gain for the group served worst is seen in some cases alone."
        )
    return (
        "Do not add message passing for the sake of a group of users: decide by the gain over all users, and measure your own "
        "groups against a control."
    )


def sides(table: pd.DataFrame) -> str:
    """Return how many changes of each series of a figure are off zero by their intervals, in a sentence.

    Columns: series, low and high (NaN without an interval).
    """
    told = []
    for series, rows in table.groupby("series", sort=False):
        kept = rows.dropna(subset=["low"])
        told.append(f"{series} {(kept['low'] > 0).sum()} above and {(kept['high'] < 0).sum()} below, of {len(kept)}")
    if not ((table["low"] > 0) | (table["high"] < 0)).any():
        return "No change is off zero by these intervals."
    return f"Off zero by these intervals: {'; '.join(told)}."


def run_sides(effect: pd.DataFrame, column: str) -> str:
    """Return :func:`sides` of FT's changes to Base by activity in a run, in AUC (change) or in MCI (mci)."""
    rows = compared(effect, "ft", "activity")
    return sides(pd.DataFrame({"series": rows["group"], "low": rows[f"{column}_low"], "high": rows[f"{column}_high"]}))


def by_title(parts: Sequence[Measured], rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each title of :func:`measured_parts` and those of the rows that are of its dataset and core."""
    keys = ["ledger", "dataset", "k", "drop_middle"]
    for title, _, (effect, *_) in parts:
        yield title, rows.merge(effect[keys].drop_duplicates(), on=keys)


def rests_on(title: str, source: str, tables: Sequence[pd.DataFrame]) -> str:
    """Return of how many models and seeds a measured part is, in words."""
    effect = tables[0]
    return f"{title}, {counted(effect['model'].nunique(), 'model')}, {seeds_said(effect['seeds'])}"


def counts_table(parts: Sequence[Measured], folder: Path | None = None) -> pd.DataFrame:
    """Return, for each of :func:`measured_parts` and all of them, in how many cases the estimates are as the paper claims."""
    spread, target = pooled(parts)
    cells = open_cells(folder)
    rows = []
    titles = [title for title, *_ in parts]
    for title, tables in [*((title, (tables[1], tables[2])) for title, _, tables in parts), ("all", (spread, target))]:
        gap, worst = (
            gaps(tables[0]),
            {name: compared(tables[1], "ft", "activity", name) for name in ("base", "control")},
        )
        count = len(worst["base"])
        row = {"cases": title, "open": f"{int(flagged(worst['base'], cells)['open'].sum())} of {count}"}
        for name, said in (("base", "Base"), ("control", "control")):
            below, of = (gap[gap["to"] == name]["change"] < 0), int((gap["to"] == name).sum())
            row[f"gap smaller than {said}'s"] = f"{int(below.sum())} of {of}"
            row[f"worst group gains more, to {said}"] = f"{tally(worst[name], 'change').above} of {len(worst[name])}"
        rows.append(row)
    return pd.DataFrame(rows if len(titles) > 1 else rows[:1]).set_index("cases")


def gaps(spread: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of FT's Var(L,M,H) to Base and to the control: ``to``, model, change, change_low, change_high.

    Where a study did not keep the change to the control, it is the difference of the two estimates, without an interval.
    """
    to_base, to_control = (compared(spread, "ft", "activity", name) for name in ("base", "control"))
    keys = [name for name in ("ledger", *CELL) if name in spread]
    control = compared(spread, "control", "activity").drop_duplicates(keys)[[*keys, "variance"]]
    without = to_base.merge(control, on=keys, suffixes=("", "_control"))
    without = without[~pd.MultiIndex.from_frame(without[keys]).isin(pd.MultiIndex.from_frame(to_control[keys]))]
    without = without.assign(
        change=without["variance"] - without["variance_control"], change_low=np.nan, change_high=np.nan
    )
    tables = (to_base.assign(to="base"), to_control.assign(to="control"), without.assign(to="control"))
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def measured_gaps(parts: Sequence[Measured], folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`gaps` of all parts to be drawn: case, model_name (MARK behind an open one), series, change, low, high."""
    found = [gaps(tables[1]).assign(case=title) for title, _, tables in parts]
    table = pd.concat(found, ignore_index=True)
    return drawn(table.assign(series=table["to"].map({"base": "to Base", "control": "to the control"})), 1, folder)


def measured_groups(parts: Sequence[Measured], folder: Path | None = None) -> pd.DataFrame:
    """Return FT's changes of AUC to the control by activity to be drawn, as :func:`measured_gaps`, in points; series: groups."""
    found = [compared(tables[0], "ft", "activity", "control").assign(case=title) for title, _, tables in parts]
    table = pd.concat(found, ignore_index=True)
    table = table[table["group"] != EVERYONE]
    return drawn(table.assign(series=table["group"]), 100, folder)


def drawn(table: pd.DataFrame, scale: float, folder: Path | None = None) -> pd.DataFrame:
    """Return the columns that :func:`ctrnb.plots.changes_by_case` draws."""
    names = table["model_name"] + np.where(flagged(table, open_cells(folder))["open"], MARK, "")
    ends = {
        name: scale * table[column]
        for name, column in (("change", "change"), ("low", "change_low"), ("high", "change_high"))
    }
    return table[["case", "series"]].assign(model_name=names, **ends)


def without_interval(parts: Sequence[Measured]) -> str:
    """Return which measured parts did not keep the interval of the change of the gap to the control, in a sentence."""
    found = [title for title, _, tables in parts if gaps(tables[1])["change_low"].isna().any()]
    return f"Not kept for {', '.join(found)}: the interval of the change to the control." if found else ""


def group_named(grouping: str, group: str) -> str:
    """Return a group's name to read: MovieLens' codes of age as years."""
    return AGES.get(str(group), str(group)) if grouping == "age" else str(group)


def groups_table(effect: pd.DataFrame, grouping: str, metric: str = "auc", tier: str = "ft") -> pd.DataFrame:
    """Return one row a model and group to read: Base's metric, and the tier's change to Base in points, percent and MCI."""
    rows = effect[(effect["grouping"] == grouping) & (effect["metric"] == metric)]
    rows = rows[(rows["tier"] == tier) & (rows["reference"] == "base")]
    table = pd.DataFrame(
        {
            "model": rows["model_name"],
            "group": [group_named(grouping, name) for name in rows["group"]],
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
            key: with_interval(r.change, r.change_low, r.change_high, mark=WIDTHS.get(r.verdict, ""))
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
        "served worst": [group_named(row.grouping, row.underserved) for row in rows.itertuples()],
    }
    for name, label in (("change", "points"), ("mci", "MCI, hundredths")):
        columns[f"excess, {label}"] = [
            with_interval(value, low, high, mark=MARKS.get(said, "="), scale=100)
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


@dataclass(frozen=True)
class Beyond:
    """How many changes are beyond chance, on the side that the paper claims and on the other.

    Attributes:
        towards, away: by their own 95 % intervals.
        kept_towards, kept_away: with intervals widened for the number of cases, at most.
        of: how many there are.
    """

    towards: int
    away: int
    kept_towards: int
    kept_away: int
    of: int

    def head(self) -> str:
        """Return the verdict in a few words."""
        return f"shown by {self.kept_towards} of {counted(self.of, 'change')}" if self.kept_towards else "not shown"

    def said(self) -> str:
        """Return the counts in words, and how many would be expected by chance."""
        chance = self.of * LEVEL / 2
        return (
            f"Of {self.of} changes of the gap and of the excess of the group served worst, in points, {self.towards} are beyond zero "
            f"as the paper claims and {self.away} against its claim, each by its own 95 % interval; without any effect about "
            f"{chance:.1f} would be so on either side. With intervals widened for the number of cases {self.remaining()}."
        )

    def by_mci(self) -> str:
        """Return the counts with the excess in MCI."""
        return f"With the excess in MCI these are {self.towards} and {self.away}, and {self.remaining()}."

    def remaining(self) -> str:
        """Return how many changes are beyond zero with widened intervals, in words."""
        count = self.kept_towards + self.kept_away
        if not count:
            return "none remains"
        sides = ((self.kept_towards, "as the paper claims"), (self.kept_away, "against its claim"))
        told = " and ".join(f"{n} {way}" for n, way in sides if n)
        return f"at most {told} {'remains' if count == 1 else 'remain'}"


def beyond(spread: pd.DataFrame, target: pd.DataFrame, measure: str = "change") -> Beyond:
    """Return how many of FT's changes, to Base and to the control, of the gap and of the excess of the group served worst are
    beyond chance. An excess counts once: in points (change) or in MCI (mci)."""
    counts, of = np.zeros(4, int), 0
    for reference in ("base", "control"):
        gap, worst = (compared(table, "ft", "activity", reference) for table in (spread, target))
        for rows, column, side in ((gap, "change", NARROWED), (worst, measure, FAVOURED)):
            if len(rows):
                both = (tally(rows, column), tally(rows, column, comparisons=len(rows)))
                counts += [n for each in both for n in (each.surely_above, each.surely_below)[::side]]
                of += len(rows)
    towards, away, kept_towards, kept_away = (int(count) for count in counts)
    return Beyond(towards, away, kept_towards, kept_away, of)


def table_4(effects: Sequence[pd.DataFrame] = ()) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield dataset and core, and the paper's Table 4 and Figure 5 by model, tier and group beside our measurements of it.

    The paper's MCI comes of its rounded cells; its changes stand in points, MCI in hundredths of a nat. Ours have 95 %
    intervals; there are no columns of ours where none of the cells was measured.
    """
    cells = efforts().merge(
        pd.Series(paper.MODELS, name="key").rename_axis("model").reset_index(), on="model", how="left"
    )
    keys = ["dataset", "k", "key", "tier", "group"]
    own = pd.concat([measured_cells(effect) for effect in effects]) if len(effects) else pd.DataFrame()
    for (dataset, k), rows in cells.groupby(["dataset", "k"], sort=False):
        table = pd.DataFrame(
            {
                "model": rows["model"],
                "tier": rows["tier"],
                "group": rows["group"],
                "paper: Base": rows["base"].map("{:.2f}".format),
                "paper: points": rows["absolute"].map("{:+.2f}".format),
                "paper: MCI": (100 * rows["MCI"]).map("{:+.2f}".format),
            }
        )
        places = pd.MultiIndex.from_frame(rows[keys])
        there = len(own) > 0 and bool(places.isin(own.index).any())
        for label, name in (("ours: points", "change"), ("ours: MCI", "mci")) if there else ():
            columns = [name, f"{name}_low", f"{name}_high"]
            values = 100 * own[columns][~own.index.duplicated()].reindex(places).to_numpy()
            table[label] = [with_interval(*row) or NOT_MEASURED for row in values]
        yield (
            f"{dataset}, k = {k}{'' if there else f': {NOT_MEASURED} here'}",
            table.set_index(["model", "tier", "group"]),
        )


def measured_cells(effect: pd.DataFrame) -> pd.DataFrame:
    """Return effects to Base by activity, indexed as the paper's Table 4: dataset, k, model, tier, group."""
    own = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["reference"] == "base")]
    return own.assign(
        dataset=own["dataset"].map(PAPER_NAMES), key=own["model"], tier=own["tier"].map(TIER_NAMES),
        group=own["group"].str.capitalize(),
    ).set_index(["dataset", "k", "key", "tier", "group"])  # fmt: skip
