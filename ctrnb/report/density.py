"""The chapter on density: its arms, each from a ledger under ``book/results/density`` where that was measured.

The studies of the same names are under ``book/studies/density``. The arm of real datasets takes every other ledger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.analysis.density import (
    FEWEST,
    DoseResponse,
    dose_response,
    effects_of,
    mean_effect,
    proportional_p,
    statement,
    trend,
)
from ctrnb.data.variant import split_variant
from ctrnb.errors import MetricError
from ctrnb.models import DISPLAY
from ctrnb.report.provenance import devices, provenance, sources
from ctrnb.report.tuning import (
    MARK,
    NARROW,
    cells_of,
    closed,
    compared_with_control,
    flagged,
    open_cells,
    penalties,
    surely_above,
)
from ctrnb.study.changes import LEVEL, Estimate
from ctrnb.study.penalties import FAR
from ctrnb.study.results import CELL, all_changes, measured, measured_changes, results_folder
from ctrnb.words import by_chance, counted, sign, span, with_interval

__all__ = [
    "FEWEST",
    "Arm",
    "at_a_glance",
    "coefficients",
    "concluded",
    "conduct",
    "drawn",
    "effects_table",
    "measured_arms",
    "rests_on",
    "slopes",
    "summary",
    "synthetic_arm",
    "trends",
]

COMPARISONS = (("ft", "control"), ("ft", "base"), ("ts", "control"), ("ts", "base"))
NAMES = {"ft": "FT", "ts": "TS", "base": "Base", "control": "control"}
UNITS = {"density": "density", "per_user": "ratings a user"}
TENFOLD = {"density": "a tenfold density", "per_user": "ten times the ratings a user"}
NO_TREND, UNDECIDED = "excludes a trend as large as the mean gain", "undecided"
HEADS = {
    "rises": "The gain rises with density",
    "falls": "The gain falls with density",
    NO_TREND: "No trend that matters",
    UNDECIDED: "Undecided at this power",
}
WHOLE = ":thin=1"  # of the name of a dataset that is thinned by nothing
THINNED, CORES, SYNTHETIC, REAL = "thinned", "cores", "synthetic", "real"
TITLES = {
    THINNED: "global density alone ({})",
    CORES: "local density at one size ({})",
    SYNTHETIC: "synthetic ratings, density set apart",
    REAL: "real datasets as they are",
}


@dataclass(frozen=True)
class Arm:
    """One experiment: its changes, the dose that it moves, where it was measured, and in ``note`` what else to know of it."""

    title: str
    changes: pd.DataFrame
    source: str
    dose: str = "density"
    covariates: tuple[str, ...] = ()
    by: tuple[str, ...] = ("dataset", "k")
    note: str = ""

    @property
    def cells(self) -> pd.DataFrame:
        """The arm's cells, a row each: dataset (thinned by nothing it is the whole one), k, drop_middle, model, open."""
        found = self.changes.drop_duplicates(CELL).reindex(columns=[*CELL, "open"]).fillna({"open": False})
        return found.assign(dataset=found["dataset"].str.removesuffix(WHOLE))

    def effects(self, tier: str = "ft", reference: str = "control") -> pd.DataFrame:
        """Return the arm's effects, a row a dataset (and k): means over models, with the settings of variants as columns.

        Columns: those of ``by``, density, per_user, change, se, df, low, high, p_value, open, then as texts models, seeds,
        device and searched (the largest penalty tried for Base), and the settings. Models share test users, so that their errors go together, how much is unknown: the mean of their standard errors is the most that the standard
        error of their mean can be, and the fewest degrees of freedom of any of them give the widest interval.
        """
        rows = effects_of(self.changes, tier, reference)
        kept = self.changes.reindex(columns=[*CELL, "device", "searched", "open"]).drop_duplicates(CELL)
        rows = rows.merge(kept.drop(columns="drop_middle"), on=["dataset", "k", "model"], how="left")
        found = rows.groupby(list(self.by), sort=False, as_index=False).agg(
            **{name: (name, "mean") for name in ("density", "per_user", "change", "se")},
            df=("df", "min"),
            models=("model", named),
            seeds=("seeds", listed),
            device=("device", listed),
            searched=("searched", listed),
            open=("open", lambda flags: bool((flags == True).any())),  # noqa: E712  (NaN is neither)
        )
        estimates = [Estimate(row.change, row.se, row.df) for row in found.itertuples()]
        found["low"], found["high"] = (
            zip(*(each.interval() for each in estimates), strict=True) if estimates else ((), ())
        )
        found["p_value"] = [each.p_value for each in estimates]
        settings = pd.DataFrame([split_variant(str(name))[1] for name in found["dataset"]], index=found.index)
        return found.join(settings.apply(pd.to_numeric).drop(columns="density", errors="ignore"))

    def fit(self, tier: str = "ft", reference: str = "control") -> DoseResponse | None:
        """Return the dose-response of one comparison, or None where too little was measured."""
        try:
            return dose_response(self.effects(tier, reference), self.dose, self.covariates)
        except MetricError:  # too few points for so many coefficients
            return None

    def outcome(self) -> str:
        """Return what the arm says of a trend: rises or falls, NO_TREND where the slope's whole interval lies within the mean
        gain to either side, or UNDECIDED."""
        fit, mean = self.fit(), mean_effect(self.effects())
        if fit is None or mean is None:
            return UNDECIDED
        slope, size = fit.coefficient(f"tenfold {self.dose}"), abs(mean.coefficient("mean")["value"])
        if "no trend" not in trend(fit, self.dose):
            return trend(fit, self.dose)
        return NO_TREND if max(-slope["low"], slope["high"]) < size else UNDECIDED

    def statement(self) -> str:
        """Return what FT's gain over the control does with the dose, what this could have shown, and what it rests on."""
        fit, mean, effects = self.fit(), mean_effect(self.effects()), self.effects()
        if fit is None or mean is None:
            return f"{counted(len(effects), 'gain')} measured, too few for a line. {pattern(self)}".strip()
        gain = mean.coefficient("mean")
        power = (
            f"A slope of {fit.detectable(f'tenfold {self.dose}'):.2f} points or more would have been found with about 80 % "
            f"probability; the mean gain is {with_interval(gain['value'], gain['low'], gain['high'])} points."
        )
        said = statement(fit, self.dose, UNITS[self.dose], TENFOLD[self.dose])
        return " ".join(filter(None, [said, power, pattern(self), conditions(self), self.note]))


def named(models: pd.Series) -> str:
    """Return the names of models to read."""
    return ", ".join(sorted(DISPLAY.get(str(name), str(name)) for name in models.unique()))


def listed(values: pd.Series) -> str:
    """Return the values that there are, each once, to read; empty where none is known."""
    known = sorted(values.dropna().unique())
    return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in known)


def pattern(arm: Arm) -> str:
    """Return at which doses the gain is beyond chance (Holm's test over the arm's points) and at which it is not."""
    rows = arm.effects().sort_values(arm.dose)
    if rows.empty:
        return ""
    sure = surely_above(rows["change"], rows["p_value"]).to_numpy()
    of, unit = ("a training density of ", " %") if arm.dose == "density" else ("", " ratings a user")
    tested = "(Holm's test over the points)"
    if sure.all() or not sure.any() or not rows[arm.dose].is_unique:
        ends = " to ".join(f"{rows[arm.dose].agg(each):.2g}" for each in ("min", "max"))
        return f"From {of}{ends}{unit} the gain is beyond chance {tested} at {sure.sum()} of {len(rows)} points."
    shown = np.array(
        [f"{row.dose:.2g}{MARK if row.open else ''}" for row in rows.rename(columns={arm.dose: "dose"}).itertuples()]
    )
    each_user = span(rows.loc[sure, "per_user"], "{:.2g}")
    besides = f", {each_user} ratings a user," if arm.dose == "density" else ""
    at, other = ", ".join(shown[sure]), ", ".join(shown[~sure])
    said = f"The gain is beyond chance {tested} at {of}{at}{unit}{besides} and not at {other}{unit}"
    fit = arm.fit()
    if fit is None or sure[0] or sure[-1] or fit.p_misfit >= LEVEL:
        return f"{said}."
    return f"{said}: at neither end, and no straight line fits the points ({by_chance(fit.p_misfit)})."


def conditions(arm: Arm) -> str:
    """Return what else may move the gain between the points of an arm, in a sentence; empty where nothing does."""
    rows = arm.effects()
    names = {"models": "the models", "device": "the device", "searched": "how far the penalty was searched"}
    found = [said for name, said in names.items() if rows[name].nunique() > 1]
    if not found:
        return ""
    said = " and ".join(filter(None, [", ".join(found[:-1]), found[-1]]))
    verb = "differs" if len(found) == 1 else "differ"
    return f"Between the points {said} {verb} as well (see the table): part of the pattern may be theirs."


def synthetic_arm(changes: pd.DataFrame, source: str, title: str = TITLES[SYNTHETIC]) -> Arm:
    """Return an arm of synthetic ratings; the settings that its datasets differ in, besides density, are covariates."""
    settings = pd.DataFrame([split_variant(str(name))[1] for name in changes["dataset"].unique()])
    differing = [name for name in ("signal", "users") if name in settings and settings[name].nunique() > 1]
    return Arm(title, changes, source, covariates=tuple(differing))


def measured_arms() -> Iterator[Arm]:
    """Yield the arms that were measured: thinned and cores of each dataset, synthetic, real."""
    folder, everything = results_folder() / "density", conditioned(flagged(all_changes(), open_cells()))
    for name, dose in ((THINNED, "density"), (CORES, "per_user")):
        changes, rows = measured_changes(name, folder), measured(name, folder)
        if changes is None or rows is None:
            continue
        changes = conditioned(flagged(changes.assign(ledger=name), cells_of(name, folder)), folder)
        of, rows_of = (table["dataset"].map(lambda text: split_variant(str(text))[0]) for table in (changes, rows))
        for dataset, part in changes.groupby(of, sort=False):
            source = source_of(rows[rows_of == dataset])
            whole = unthinned(str(dataset), part, everything) if name == THINNED else part.iloc[:0]
            if len(whole):
                part, source = (
                    pd.concat([part, whole], ignore_index=True),
                    f"{source} | {sources(whole.assign(dataset=dataset))}",
                )
            yield Arm(TITLES[name].format(dataset), part, source, dose)
    changes = measured_changes(SYNTHETIC, folder)
    if changes is not None:
        changes = conditioned(flagged(changes.assign(ledger=SYNTHETIC), cells_of(SYNTHETIC, folder)), folder)
        arm = synthetic_arm(changes, source_of(measured(SYNTHETIC, folder)))
        yield replace(arm, note=searched_further(arm, folder))
    dropped = everything.get("drop_middle", pd.Series(False, everything.index)).astype(bool)
    real = everything[~dropped]
    if len(real) and len(effects_of(real)):
        rows = loosest(real)
        yield Arm(TITLES[REAL], rows, sources(rows), by=("dataset",), note=passed_over(rows, real))


def searched_further(arm: Arm, folder: Path) -> str:
    """Return what a wider search of the penalty made of the mean gain over the arm's closed cells, in a sentence; empty where
    none of them was searched twice.

    Args:
        folder: of the ledger ``synthetic``; that of the narrower search is in ``tuning`` below it.
    """
    before = measured_changes(SYNTHETIC, folder / NARROW)
    if before is None:
        return ""
    cells = arm.cells.loc[~arm.cells["open"].astype(bool), CELL].merge(before[CELL].drop_duplicates())
    narrow, wide = (mean_effect(effects_of(table.merge(cells, on=CELL))) for table in (before, arm.changes))
    if narrow is None or wide is None:
        return ""
    largest = [
        span(
            [max(each) for each in penalties(SYNTHETIC, place).query("tier == 'base'").merge(cells, on=CELL)["tried"]],
            "{:g}",
        )
        for place in (folder / NARROW, folder)
    ]
    gains = [with_interval(*fit.coefficient("mean")[["value", "low", "high"]]) for fit in (narrow, wide)]
    return (
        f"Over the {len(cells)} cells that are not open the mean gain is {gains[1]} points with Base's penalty searched to "
        f"{largest[1]}; with a search to {largest[0]} it was {gains[0]}."
    )


def conditioned(changes: pd.DataFrame, folder: Path | None = None) -> pd.DataFrame:
    """Return changes with the ``device`` of their cells and the largest penalty that was tried for Base, ``searched``."""
    keys, parts = ["ledger", *CELL], []
    for name in changes["ledger"].unique() if len(changes) else ():
        rows, tried = measured(name, folder), penalties(name, folder).query("tier == 'base'")
        if rows is None:
            continue
        trained = rows.groupby(CELL).apply(devices, include_groups=False).rename("device").reset_index()
        most = tried[CELL].assign(searched=[max(each, default=np.nan) for each in tried["tried"]])
        parts.append(trained.merge(most, on=CELL, how="left").assign(ledger=name))
    found = pd.concat(parts) if parts else pd.DataFrame(columns=[*keys, "device", "searched"])
    return changes.merge(found, on=keys, how="left") if len(changes) else changes


def summary(arms: Sequence[Arm]) -> str:
    """Return what the measured arms say together: the verdict, what they could have shown, and the size of the gain."""
    fits = [(arm, fit) for arm in arms if (fit := arm.fit()) is not None]
    if not fits:
        return "No experiment has been measured on real ratings yet."
    outcomes = [arm.outcome() for arm, _ in fits]
    head = HEADS[outcomes[0]] if len(set(outcomes)) == 1 else "The experiments differ"
    told = [f"it {each} with density in {outcomes.count(each)}" for each in ("rises", "falls") if each in outcomes]
    least = [fit.detectable(f"tenfold {arm.dose}") for arm, fit in fits]
    gains = [mean.coefficient("mean")["value"] for arm, _ in fits if (mean := mean_effect(arm.effects())) is not None]
    return (
        f"{head}. Of {counted(len(fits), 'experiment')} on FT's gain over the control, "
        f"{' and '.join(told) or 'none shows a trend'}, and {outcomes.count(NO_TREND) or 'none'} excludes a trend as large as "
        f"the mean gain itself. To be found with about 80 % probability, a trend would have had to be {min(least):.2f} to "
        f"{max(least):.2f} points, by experiment, for a tenfold density (or tenfold ratings a user); the mean gains are {min(gains):+.2f} to {max(gains):+.2f} points. {trained(arms)}"
    )


def conduct(arms: Sequence[Arm]) -> str:
    """Return what a reader should do with a dataset's density, in a sentence."""
    if arms and {arm.outcome() for arm in arms} == {"rises"}:
        return "The denser the ratings, the larger was the gain, in every experiment."
    return f"Density alone does not say whether message passing pays: {trends(arms)}. Do not use it as a rule."


def trends(arms: Sequence[Arm]) -> str:
    """Return in how many arms a trend is shown and in how many it is excluded, in words."""
    outcomes = [arm.outcome() for arm in arms]
    shown, excluded = sum(each in ("rises", "falls") for each in outcomes), outcomes.count(NO_TREND)
    of = counted(len(outcomes), "experiment")
    return f"{shown or 'none'} of {of} shows a trend, and {excluded or 'none'} excludes one as large as the mean gain"


def concluded(arm: Arm) -> str:
    """Return what one arm's figure shows, in words: its outcome, and how many of its points are off zero."""
    rows = arm.effects()
    sure = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
    return (
        f"{HEADS[arm.outcome()]}; each by its own interval, of {counted(len(rows), 'gain')} {sure[0] or 'none'} above zero and "
        f"{sure[1] or 'none'} below"
    )


def rests_on(arms: Sequence[Arm]) -> str:
    """Return, as Markdown, what *open* means and how many distinct cells are, which
    cells count twice, and where effects proportional to density are rejected."""
    if not arms:
        return ""
    return " ".join(filter(None, [opened(arms), shared(arms), rejecting(arms)]))


def trained(arms: Sequence[Arm]) -> str:
    """Return which models were trained, with how many seeds, in a sentence."""
    of = [set(arm.cells["model"]) for arm in arms]
    common = set.intersection(*of)
    others = [
        f'{named(pd.Series(sorted(have - common)))} in "{arm.title}"'
        for arm, have in zip(arms, of, strict=True)
        if have - common
    ]
    seeds = sorted({int(number) for arm in arms for number in arm.changes["seeds"].dropna().unique()})
    every = (
        f"Every experiment trained {named(pd.Series(sorted(common)))}" if common else "No model is in every experiment"
    )
    more = f"; besides, there are {'; '.join(others)}" if others else ""
    return f"{every}{more}; each model with {' or '.join(map(str, seeds))} seeds."


def opened(arms: Sequence[Arm]) -> str:
    """Return what an open cell is and how many there are, each counted once."""
    cells = pd.concat([arm.cells for arm in arms]).drop_duplicates(CELL)
    return (
        f"A *cell* is a model on a curated dataset. It is *open* (\\{MARK}) if Base's best penalty on embeddings was the "
        f"largest tried, or none reached {FAR:g}: a gain there may be the penalty's rather than message passing's. "
        f"{int(cells['open'].sum())} of {len(cells)} distinct cells are open."
    )


def shared(arms: Sequence[Arm]) -> str:
    """Return which cells count in more than one arm, in a sentence; empty where none does."""
    cells = pd.concat([arm.cells for arm in arms])
    twice = cells[cells.duplicated(CELL)]
    if twice.empty:
        return ""
    names = "; ".join(f"{row.dataset} k = {row.k}, {DISPLAY.get(row.model, row.model)}" for row in twice.itertuples())
    count = "counts" if len(twice) == 1 else "count"
    return f"The experiments are not independent: {counted(len(twice), 'cell')} ({names}) {count} in two of them."


def rejecting(arms: Sequence[Arm]) -> str:
    """Return in which arms a gain proportional to density is rejected, and how many of their cells are open."""
    fitted = [arm for arm in arms if arm.fit() is not None]
    found = [
        f'"{arm.title}", of whose {len(arm.cells)} cells {int(arm.cells["open"].sum())} are open'
        for arm in fitted
        if proportional_p(arm.effects()) < LEVEL
    ]
    where = f": {'; '.join(found)}" if found else ""
    said = "That the gain is *proportional* to density, a line through zero, is rejected at 5 %"
    return f"{said} in {len(found)} of {len(fitted)}{where}."


def at_a_glance(arms: Sequence[Arm]) -> pd.DataFrame:
    """Return one row an experiment, to read: verdict, slope, what slope it could have shown, mean gain, open cells."""
    rows = []
    for arm in arms:
        fit, mean, cells = arm.fit(), mean_effect(arm.effects()), arm.cells
        slope = None if fit is None else fit.coefficient(f"tenfold {arm.dose}")
        gain = None if mean is None else mean.coefficient("mean")
        rows.append(
            {
                "experiment": arm.title,
                "verdict": "too few points" if fit is None else arm.outcome(),
                "points for a tenfold dose": ""
                if slope is None
                else with_interval(slope["value"], slope["low"], slope["high"]),
                "least slope found with 80 %": "" if fit is None else f"{fit.detectable(f'tenfold {arm.dose}'):.2f}",
                "mean gain, points": "" if gain is None else with_interval(gain["value"], gain["low"], gain["high"]),
                "open cells": f"{int(cells['open'].sum())} of {len(cells)}",
            }
        )
    return pd.DataFrame(rows).set_index("experiment") if rows else pd.DataFrame()


def loosest(changes: pd.DataFrame) -> pd.DataFrame:
    """Return each dataset at the smallest k at which FT was compared with the control; open cells only where it has no others."""
    found = compared_with_control(changes)
    told = closed(found)
    rest = found[~found["dataset"].isin(told["dataset"])]
    rows = pd.concat([told, rest], ignore_index=True)
    return rows[rows["k"] == rows.groupby("dataset")["k"].transform("min")]


def passed_over(used: pd.DataFrame, everything: pd.DataFrame) -> str:
    """Return which smaller k of the datasets used were measured but left out as open, in a sentence; empty for none."""
    cells, found = compared_with_control(everything)[["dataset", "k"]].drop_duplicates(), []
    for dataset, k in used.groupby("dataset", sort=False)["k"].min().items():
        smaller = sorted(cells.loc[(cells["dataset"] == dataset) & (cells["k"] < k), "k"])
        if smaller:
            found.append(
                f"{dataset} is shown at k = {k}: k = {listed(pd.Series(smaller))} was measured as well, but all of it is open"
            )
    return f"{'; '.join(found)}." if found else ""


def unthinned(dataset: str, thinned: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Return, of all measured changes, those of a dataset as it is, for the cores and models of a thinned arm that lacks them, as thin=1.

    Thinned by nothing it is the same data, so a study of the whole dataset has measured that point already.
    """
    keys = ["k", "drop_middle", "model"]
    if whole.empty:
        return whole
    there = thinned[thinned["dataset"] == f"{dataset}{WHOLE}"]
    wanted = pd.MultiIndex.from_frame(thinned[keys]).difference(pd.MultiIndex.from_frame(there[keys]))
    rows = whole[(whole["dataset"] == dataset) & pd.MultiIndex.from_frame(whole[keys]).isin(wanted)]
    return rows.assign(dataset=f"{dataset}{WHOLE}")


def slopes(arm: Arm) -> pd.DataFrame:
    """Return the dose-response of each comparison to read: slope with its interval, trend, the least slope that would have
    been found, what is left over."""
    rows = []
    for tier, reference in COMPARISONS:
        fit = arm.fit(tier, reference)
        if fit is None:
            continue
        slope = fit.coefficient(f"tenfold {arm.dose}")
        mark = {"rises": "▲", "falls": "▼"}.get(trend(fit, arm.dose), "=")
        effects = arm.effects(tier, reference)
        rows.append(
            {
                "change": f"{NAMES[tier]} to {NAMES[reference]}",
                f"points for {TENFOLD[arm.dose]}": with_interval(slope["value"], slope["low"], slope["high"]),
                "trend": f"{mark} {trend(fit, arm.dose).removeprefix('shows ')}",
                "least found with 80 %": f"{fit.detectable(f'tenfold {arm.dose}'):.2f}",
                "left over, points": f"{fit.tau:.2f}",
                "proportional to density?": "rejected" if proportional_p(effects) < LEVEL else "not rejected",
            }
        )
    return pd.DataFrame(rows).set_index("change") if rows else pd.DataFrame()


def coefficients(fit: DoseResponse) -> pd.DataFrame:
    """Return every coefficient of a fit to read, in points with its 95 % interval."""
    shown = [with_interval(row.value, row.low, row.high) for row in fit.terms.itertuples()]
    return pd.DataFrame({"term": fit.terms["term"], "points (95 % interval)": shown}).set_index("term")


def effects_table(arm: Arm) -> pd.DataFrame:
    """Return FT's changes to the control and to Base on each dataset of an arm, to read: a column for whatever differs."""
    shown = arm.effects("ft", "control")
    columns = {"dataset": [split_variant(str(name))[0] for name in shown["dataset"]]}
    columns |= {name: shown[name].tolist() for name in ("k", "users", "items", "signal", "models") if name in shown}
    table = pd.DataFrame({name: values for name, values in columns.items() if len(set(values)) > 1})
    if {"users", "items"} <= set(table):
        table["users"] = [f"{row.users:g} × {row.items:g}" for row in table[["users", "items"]].itertuples()]
        table = table.rename(columns={"users": "users × items"}).drop(columns="items")
    table["training density, %"] = [
        f"{row.density:.2g}{MARK if row.open else ''}" for row in shown[["density", "open"]].itertuples()
    ]
    if "k" in arm.by:
        table["ratings a user"] = [f"{value:.3g}" for value in shown["per_user"]]
    for reference in ("control", "base"):
        rows = shown[list(arm.by)].merge(arm.effects("ft", reference), on=list(arm.by), how="left")
        table[f"FT to {NAMES[reference]}, points"] = [
            with_interval(row.change, row.low, row.high, mark=sign(row.low, row.high), scale=100)
            for row in rows.itertuples()
        ]
    if shown["searched"].nunique() > 1:
        table["Base's penalty tried up to"] = shown["searched"]
    if shown["seeds"].nunique() > 1 or shown["device"].nunique() > 1:
        table["seeds, device"] = [", ".join(filter(None, [row.seeds, short(row.device)])) for row in shown.itertuples()]
    return table.set_index(table.columns[0])


def short(device: str) -> str:
    """Return the first two words of a device's name: "NVIDIA H100", "CPU"."""
    return " ".join(device.partition(",")[0].split()[:2])


def source_of(rows: pd.DataFrame) -> str:
    """Return a caption's account of rows whose datasets are variants: each dataset named once."""
    return provenance(rows.assign(dataset=[split_variant(str(name))[0] for name in rows["dataset"]]))


def drawn(arm: Arm) -> dict:
    """Return what :func:`ctrnb.plots.dose_responses` draws of an arm: effects, dose, label, title, hue, fitted line."""
    effects, fit = arm.effects(), arm.fit()
    hue = next((name for name in arm.covariates if name in effects), None)
    line = None
    if fit is not None:
        x = np.geomspace(effects[arm.dose].min(), effects[arm.dose].max(), 60)
        held = [np.full(60, effects[name].mean()) for name in arm.covariates]
        line = (x, *fit.line(np.column_stack([np.ones(60), np.log10(x), *held])))
    label = "density of the training ratings, %" if arm.dose == "density" else "training ratings a user"
    return {
        "effects": effects,
        "dose": arm.dose,
        "label": label,
        "title": arm.title[0].upper() + arm.title[1:],
        "hue": hue,
        "line": line,
    }
