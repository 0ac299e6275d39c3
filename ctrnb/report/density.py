"""The chapter on density: its arms, each from a ledger under ``book/results/density`` where that was measured.

The studies of the same names are under ``book/studies/density``. The arm of real datasets takes every other ledger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ctrnb.analysis.density import FEWEST, DoseResponse, dose_response, effects_of, proportional_p, statement, trend
from ctrnb.data.variant import split_variant
from ctrnb.errors import MetricError
from ctrnb.report.provenance import provenance, sources
from ctrnb.report.tuning import MARK, cells_of, closed, flagged, open_cells
from ctrnb.report.words import sign, with_interval
from ctrnb.study.results import CELL, all_changes, measured, measured_changes, results_folder

__all__ = [
    "FEWEST",
    "Arm",
    "coefficients",
    "drawn",
    "effects_table",
    "measured_arms",
    "slopes",
    "summary",
    "synthetic_arm",
    "trend",
]

COMPARISONS = (("ft", "control"), ("ft", "base"), ("ts", "control"), ("ts", "base"))
NAMES = {"ft": "FT", "ts": "TS", "base": "Base", "control": "control"}
UNITS = {"density": "density", "per_user": "ratings a user"}
REJECTED = 0.05  # level of the test of proportional effects
THINNED, CORES, SYNTHETIC, REAL = "thinned", "cores", "synthetic", "real"
TITLES = {
    THINNED: "global density alone ({})",
    CORES: "local density at one size ({})",
    SYNTHETIC: "synthetic ratings, density set apart",
    REAL: "real datasets as they are",
}


@dataclass(frozen=True)
class Arm:
    """One experiment: its changes, the dose that it moves, and where it was measured."""

    title: str
    changes: pd.DataFrame
    source: str
    dose: str = "density"
    covariates: tuple[str, ...] = ()
    by: tuple[str, ...] = ("dataset", "k")

    @property
    def open(self) -> tuple[int, int]:
        """How many cells have a penalty that was not searched far enough (:mod:`ctrnb.report.tuning`), and how many there are."""
        cells = self.changes.drop_duplicates(CELL)
        return int(cells["open"].sum()) if "open" in cells else 0, len(cells)

    def effects(self, tier: str = "ft", reference: str = "control") -> pd.DataFrame:
        """Return the arm's effects, a row a dataset (and k): means over models, with the settings of variants as columns.

        Models share test users and data, so the mean of their standard errors stands for that of their mean.
        """
        rows = effects_of(self.changes, tier, reference)
        numbers = {name: "mean" for name in ("density", "per_user", "change", "se", "low", "high")}
        flags = self.changes.get("open", pd.Series(False, self.changes.index)).groupby(
            [self.changes[key] for key in self.by]
        )
        found = rows.groupby(list(self.by), sort=False, as_index=False).agg(numbers | {"model": "nunique"})
        found = found.join(flags.any().rename("open"), on=list(self.by))
        settings = pd.DataFrame([split_variant(str(name))[1] for name in found["dataset"]], index=found.index)
        return found.join(settings.apply(pd.to_numeric).drop(columns="density", errors="ignore"))

    def fit(self, tier: str = "ft", reference: str = "control") -> DoseResponse | None:
        """Return the dose-response of one comparison, or None where too little was measured."""
        try:
            return dose_response(self.effects(tier, reference), self.dose, self.covariates)
        except MetricError:  # too few points for so many coefficients
            return None

    def statement(self) -> str:
        """Return what FT's gain over the control does with the dose, and what stands against it."""
        fit, name = self.fit(), self.title[0].upper() + self.title[1:]
        few = fit is None and len(self.effects())
        said = (
            f"{name}: {few} measured, too few for a line." if few else statement(name, fit, self.dose, UNITS[self.dose])
        )
        return f"{said} {said_open(*self.open)}".strip()

    def slope(self) -> str:
        """Return the fitted slope of FT's gain over the control with its interval, in words."""
        fit = self.fit()
        if fit is None:
            return f"{self.title}: {len(self.effects())} effects, too few for a line"
        slope = fit.coefficient(f"tenfold {self.dose}")
        unit = "" if self.dose == "density" else f" for tenfold {UNITS[self.dose]}"
        return f"{self.title}: {with_interval(slope['value'], slope['low'], slope['high'])}{unit}"


def synthetic_arm(changes: pd.DataFrame, source: str, title: str = TITLES[SYNTHETIC]) -> Arm:
    """Return an arm of synthetic ratings; the settings that its datasets differ in, besides density, are covariates."""
    settings = pd.DataFrame([split_variant(str(name))[1] for name in changes["dataset"].unique()])
    differing = [name for name in ("signal", "users") if name in settings and settings[name].nunique() > 1]
    return Arm(title, changes, source, covariates=tuple(differing))


def measured_arms() -> Iterator[Arm]:
    """Yield the arms that were measured: thinned and cores of each dataset, synthetic, real."""
    folder, everything = results_folder() / "density", flagged(all_changes(), open_cells())
    for name, dose in ((THINNED, "density"), (CORES, "per_user")):
        changes, rows = measured_changes(name, folder), measured(name, folder)
        if changes is None or rows is None:
            continue
        changes = flagged(changes.assign(ledger=name), cells_of(name, folder))
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
        changes = flagged(changes.assign(ledger=SYNTHETIC), cells_of(SYNTHETIC, folder))
        yield synthetic_arm(changes, source_of(measured(SYNTHETIC, folder)))
    dropped = everything.get("drop_middle", pd.Series(False, everything.index)).astype(bool)
    real = everything[~dropped]
    if len(real) and len(effects_of(real)):
        rows = loosest(real)
        yield Arm(TITLES[REAL], rows, sources(rows), by=("dataset",))


def summary(arms: Sequence[Arm]) -> str:
    """Return what the measured arms say together, in a sentence or two."""
    if not arms:
        return "No experiment has been measured on real ratings yet."
    fits = [(arm.fit(), arm.dose) for arm in arms]
    found = ["has too few points for a trend" if fit is None else trend(fit, dose) for fit, dose in fits]
    said = ", ".join(f"{each} in {found.count(each)}" for each in dict.fromkeys(found))
    tested = [proportional_p(arm.effects()) < REJECTED for arm in arms if arm.fit() is not None]
    numbers = [arm.open for arm in arms]
    note = said_open(sum(number for number, _ in numbers), sum(of for _, of in numbers))
    slopes = "; ".join(arm.slope() for arm in arms)
    return (
        f"Of {len(arms)} measured experiments FT's gain over the control {said}; that it is proportional to density is "
        f"rejected in {sum(tested)} of {len(tested)}. Points for a tenfold density (95 % interval): {slopes}. {note}"
    ).strip()


def loosest(changes: pd.DataFrame) -> pd.DataFrame:
    """Return each dataset at the smallest k at which FT was compared with the control; open cells only where it has no others."""
    compared = changes.merge(
        changes[(changes["tier"] == "ft") & (changes["reference"] == "control")][CELL].drop_duplicates(), on=CELL
    )
    told = closed(compared)
    rest = compared[~compared["dataset"].isin(told["dataset"])]
    rows = pd.concat([told, rest], ignore_index=True)
    return rows[rows["k"] == rows.groupby("dataset")["k"].transform("min")]


def said_open(number: int, of: int) -> str:
    """Return how many cells are open, in a sentence; empty where none is."""
    if not number:
        return ""
    return (
        f"In {number} of {of} cells ({MARK}) the penalty was not searched far enough to tell message passing from it."
    )


def unthinned(dataset: str, thinned: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Return, of all measured changes, those of a dataset as it is, for the cores and models of a thinned arm that lacks them, as thin=1.

    Thinned by nothing it is the same data, so a study of the whole dataset has measured that point already.
    """
    keys = ["k", "drop_middle", "model"]
    if whole.empty:
        return whole
    there = thinned[thinned["dataset"] == f"{dataset}:thin=1"]
    wanted = pd.MultiIndex.from_frame(thinned[keys]).difference(pd.MultiIndex.from_frame(there[keys]))
    rows = whole[(whole["dataset"] == dataset) & pd.MultiIndex.from_frame(whole[keys]).isin(wanted)]
    return rows.assign(dataset=f"{dataset}:thin=1")


def slopes(arm: Arm) -> pd.DataFrame:
    """Return the dose-response of each comparison to read: slope with its interval, trend, what is explained and left over."""
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
                f"points for a tenfold {UNITS[arm.dose]}": with_interval(slope["value"], slope["low"], slope["high"]),
                "trend": f"{mark} {trend(fit, arm.dose)}",
                "explained": "" if mark == "=" or pd.isna(fit.explained) else f"{100 * fit.explained:.0f} %",
                "left over, points": f"{fit.tau:.2f}",
                "proportional to density?": "rejected" if proportional_p(effects) < REJECTED else "not rejected",
            }
        )
    return pd.DataFrame(rows).set_index("change") if rows else pd.DataFrame()


def coefficients(fit: DoseResponse) -> pd.DataFrame:
    """Return every coefficient of a fit to read, in points with its 95 % interval."""
    shown = [with_interval(row.value, row.low, row.high) for row in fit.terms.itertuples()]
    return pd.DataFrame({"term": fit.terms["term"], "points (95 % interval)": shown}).set_index("term")


def effects_table(arm: Arm) -> pd.DataFrame:
    """Return FT's changes to the control and to Base on each dataset of an arm, to read."""
    shown = arm.effects("ft", "control")
    table = pd.DataFrame({"dataset": [split_variant(str(name))[0] for name in shown["dataset"]]})
    for name in ("k", "thin", "interactions", "users", "items", "signal"):
        if name in shown and (shown[name].nunique() > 1 or name == "k"):
            table[name] = shown[name].to_numpy()
    table["training density, %"] = [
        f"{row.density:.2g}{MARK if row.open else ''}" for row in shown[["density", "open"]].itertuples()
    ]
    table["ratings a user"] = [f"{value:.3g}" for value in shown["per_user"]]
    for reference in ("control", "base"):
        rows = shown[list(arm.by)].merge(arm.effects("ft", reference), on=list(arm.by), how="left")
        table[f"FT to {NAMES[reference]}, points"] = [
            with_interval(row.change, row.low, row.high, mark=sign(row.low, row.high), scale=100)
            for row in rows.itertuples()
        ]
    return table.set_index("dataset")


def source_of(rows: pd.DataFrame) -> str:
    """Return a caption's account of rows whose datasets are variants: each dataset named once."""
    return provenance(rows.assign(dataset=[split_variant(str(name))[0] for name in rows["dataset"]]))


def drawn(arm: Arm) -> dict:
    """Return what :func:`ctrnb.plots.dose_response` draws of an arm: effects, dose, label, title, hue and the fitted line."""
    effects, fit = arm.effects(), arm.fit()
    hue = next((name for name in arm.covariates if name in effects), None)
    line = None
    if fit is not None:
        x = np.geomspace(effects[arm.dose].min(), effects[arm.dose].max(), 60)
        held = [np.full(60, effects[name].mean()) for name in arm.covariates]
        line = (x, *fit.line(np.column_stack([np.ones(60), np.log10(x), *held])))
    label = "density of the training ratings, %" if arm.dose == "density" else "training ratings a user"
    return {"effects": effects, "dose": arm.dose, "label": label, "title": "FT to control", "hue": hue, "line": line}
