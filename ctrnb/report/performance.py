"""The benchmarks' CSVs under ``book/results/benchmarks``, read by the performance chapter."""

from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.models import DISPLAY
from ctrnb.report.provenance import devices
from ctrnb.study.results import measured, results_folder
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import counted
from ctrnb.words import span as written

WANTED = ("fuxictr", "dataloader", "tiers", "growth", "stacked", "ceilings", "memory", "yelp-size")
COLUMNS = {  # what a table of the chapter shows, and under which name
    "run": {
        "tier_name": "tier", "epochs": "epochs", "seconds_per_epoch": "seconds an epoch",
        "train_samples_per_second": "samples/s", "peak_memory_mb": "peak, MiB",
    },
    "growth": {"grows": "what grows", "factors": "sizes", "time_exponent": "time", "memory_exponent": "memory"},
    "ceilings": {
        "stage": "stage", "achieved": "achieved", "unit": "unit", "share": "of the ceiling", "milliseconds": "ms",
    },
    "stacked": {
        "model": "model", "tier": "tier", "seeds": "seeds", "stacked_over_one": "time over one seed's",
        "speedup_over_one_by_one": "speed over one by one",
    },
    "yelp-size": {
        "stage": "stage", "seconds_whole": "seconds", "over_base": "over Base's epoch", "share_run": "share run",
        "peak_memory_mb": "peak, MiB",
    },
    "memory": {"model": "model", "tier": "tier", "peak_memory_mb": "peak, MiB"},
}  # fmt: skip
EPOCH = "DCNv2 epoch, "  # begins the stages of yelp-size that are epochs; the tier follows
PROVENANCE = ("device", "processor", "torch", "date")


def benchmark(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a benchmark's rows with readable names of models and tiers; none where it has not been run."""
    path = results_folder(folder) / "benchmarks" / f"{name}.csv"
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    return rows.replace({"model": DISPLAY, "tier": TIER_NAMES})


def at_size(folder: Path | None = None) -> pd.DataFrame:
    """Return the stages at Yelp2022's size with ``over_base``: an epoch's seconds over those of Base's, NaN of others."""
    rows = benchmark("yelp-size", folder)
    if rows.empty:
        return rows
    epochs = rows["stage"].str.startswith(EPOCH)
    base = rows.loc[rows["stage"] == f"{EPOCH}base", "seconds_whole"].mean()
    return rows.assign(over_base=(rows["seconds_whole"] / base).where(epochs))


def graph_ratio(rows: pd.DataFrame, base: str = "base") -> pd.Series:
    """Return the time of TS's epoch over that of a Base's in :func:`at_size` rows; none where it was not measured."""
    seconds = rows.groupby("stage")["seconds_whole"].mean() if len(rows) else pd.Series(dtype=float)
    ours, theirs = f"{EPOCH}ts", f"{EPOCH}{base}"
    return seconds[[ours]] / seconds[theirs] if {ours, theirs} <= set(seconds.index) else pd.Series(dtype=float)


def said_on(values: pd.Series, rows: pd.DataFrame) -> str:
    """Return the span of values and, in brackets, what they were measured on."""
    return span(values) if rows.empty else f"{span(values)} ({devices(rows)})"


def cost(folder: Path | None = None) -> str:
    """Return what an epoch with the graph takes over one without it, on both sizes, in words."""
    tiers, size = benchmark("tiers", folder), graph_ratio(at_size(folder))
    if tiers.empty or size.empty:
        return "what an epoch takes is not measured"
    small = span(tiers["epoch_over_base_epoch"])
    models = tiers["model"].unique()
    of = models[0] if len(models) == 1 else counted(len(models), "model")
    return (
        f"an epoch takes {small} times one without the graph on MovieLens-1M ({of}; {devices(tiers)}), {span(size)} times at the "
        "size of Yelp2022 (DCNv2)"
    )


def with_graph(rows: pd.DataFrame) -> pd.DataFrame | str:
    """Return what an epoch with the graph takes over one without, to read: a row a model, a column a number of hops.

    Args:
        rows: of the benchmark ``tiers``; its ratios are medians over rounds, with the least and the largest.
    """
    if rows.empty:
        return "not measured"
    shown = [
        f"{row.epoch_over_base_epoch:.2f} ({row.epoch_over_base_epoch_low:.2f} to {row.epoch_over_base_epoch_high:.2f})"
        for row in rows.itertuples()
    ]
    hops = rows["layers"].map(lambda layers: counted(layers, "hop"))
    table = rows.assign(shown=shown, hops=hops, base=rows["base_steps_per_second"].map("{:.2f}".format))
    wide = table.pivot_table(index=["model", "base"], columns="hops", values="shown", aggfunc="first", sort=False)
    return wide.reset_index("base").rename(columns={"base": "Base, steps/s"}).rename_axis(columns=None)


def rounds_said(rows: pd.DataFrame) -> str:
    """Return what the extremes over a benchmark's rounds say of the true median, in words; empty for no rows."""
    if rows.empty:
        return ""
    rounds = int(rows["rounds"].min())
    return (
        f"Each ratio is the median over {rounds} rounds. In brackets are the least and the largest, which hold the true median "
        f"with a probability of {100 * (1 - 2.0 ** (1 - rounds)):.0f} %."
    )


def epochs_of(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return the final runs of Base and FT in a study; none where it has not been measured."""
    rows = measured(name, folder)
    return pd.DataFrame() if rows is None else rows[rows["tier"].isin(["base", "ft"])]


def epochs_said(rows: pd.DataFrame) -> str:
    """Return how many epochs Base took in :func:`epochs_of` rows, and how many FT took after them, in words."""
    if rows.empty:
        return "not measured"
    base, more = (span(rows.loc[rows["tier"] == tier, "epochs"], "{:.0f}") for tier in ("base", "ft"))
    models, seeds = rows["model"].nunique(), rows["seed"].nunique()
    places = ", ".join(
        f"{place.dataset}, k = {place.k}" for place in rows[["dataset", "k"]].drop_duplicates().itertuples()
    )
    return f"{more} epochs after Base's {base} ({places}, {counted(models, 'model')}, {counted(seeds, 'seed')})"


def missing(folder: Path | None = None) -> str:
    """Return the benchmarks that have no CSV, in a sentence; empty where all have one."""
    names = ", ".join(name for name in WANTED if benchmark(name, folder).empty)
    return f"Benchmarks not run: {names}." if names else ""


def measured_on(rows: pd.DataFrame) -> str:
    """Return where and when rows were measured, in words."""
    if rows.empty:
        return "not measured"
    places = rows[list(PROVENANCE)].drop_duplicates()
    return "; ".join(f"{row.device}, {row.processor}, torch {row.torch}, {row.date}" for row in places.itertuples())


def ratios(folder: Path | None = None) -> pd.DataFrame:
    """Return our samples a second over another loop's on the same machine: columns model, against, ratio."""
    parts = [
        benchmark(name, folder).assign(against=label)
        for name, label in (("fuxictr", "FuxiCTR"), ("dataloader", "a DataLoader loop"))
    ]
    rows = pd.concat([part for part in parts if len(part) > 0] or [pd.DataFrame(columns=["model", "against", "ratio"])])
    return rows[["model", "against", "ratio"]].reset_index(drop=True)


def exponents(folder: Path | None = None) -> pd.DataFrame:
    """Return the growth exponents, a row each of what grows: columns grows, time_exponent, memory_exponent, factors."""
    rows = benchmark("growth", folder)
    if rows.empty:
        return pd.DataFrame(columns=["grows", "time_exponent", "memory_exponent", "factors"])
    found = rows.groupby("grows", sort=False)[["time_exponent", "memory_exponent"]].first()
    factors = rows.groupby("grows", sort=False)["factor"].agg(
        lambda values: ", ".join(f"×{value:g}" for value in values)
    )
    return found.assign(factors=factors).reset_index()


def readable(rows: pd.DataFrame, name: str) -> pd.DataFrame | str:
    """Return the columns of a benchmark that its table shows, by the names that readers see; or that there are none."""
    if rows.empty:
        return "not measured"
    shown = rows[list(COLUMNS[name])].rename(columns=COLUMNS[name])
    numbers = shown.select_dtypes("float").columns
    shown[numbers] = shown[numbers].map(
        lambda value: "" if np.isnan(value) else f"{value:,.{0 if value >= 1000 else 2}f}"
    )
    return shown.set_index(next(iter(shown.columns)))


def span(values: pd.Series, pattern: str = "{:.2f}") -> str:
    """Return the least and the largest value in words; "not measured" where there is none."""
    if values.empty or np.isnan(values).all():
        return "not measured"
    return written(values.dropna(), pattern)
