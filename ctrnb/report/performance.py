"""The benchmarks' CSVs under ``book/results/benchmarks``, read by the performance chapter."""

from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.models import DISPLAY
from ctrnb.report.provenance import devices, seeds_of
from ctrnb.study.results import ledgers, measured, results_folder
from ctrnb.training.config import TIER_NAMES, settings
from ctrnb.words import NONE, core, counted, middle_and_span, span

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
        "model": "model", "tier": "tier", "seeds": "seeds", "one_seconds": "one seed alone, s",
        "one_by_one_seconds": "one by one, s", "stacked_seconds": "stacked, s",
        "speedup_over_one_by_one": "one by one over stacked",
    },
    "yelp-size": {
        "stage": "stage", "seconds_whole": "seconds", "over_base": "over Base's epoch", "share_run": "share run",
        "peak_memory_mb": "peak, MiB",
    },
    "memory": {"model": "model", "tier": "tier", "peak_memory_mb": "peak, MiB"},
}  # fmt: skip
EPOCH = "DCNv2 epoch, "  # begins the stages of yelp-size that are epochs; the tier follows
PROVENANCE = ("device", "processor", "torch", "date")
TIMED = ("ml-1m", 6)  # dataset and core of the benchmark ``tiers``
PLACE = ["dataset", "k"]
NEAR = 0.15  # of an exponent to 1 or 0, that growth is called proportional or none


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
    return span_if_measured(values) if rows.empty else f"{span_if_measured(values)} ({devices(rows)})"


def how_timed(rows: pd.DataFrame) -> str:
    """Return how much of TS's epoch in :func:`at_size` rows was run, how often and on what, in words; empty where none was."""
    own = rows[rows["stage"] == f"{EPOCH}ts"] if len(rows) else rows
    if own.empty:
        return ""
    share, device = own["share_run"].min(), "a CPU" if on_cpu(own) else devices(own)
    part = f"extrapolated from {100 * share:.0f} % of an epoch, " if share < 1 else ""
    return f"{part}timed {'once' if len(own) == 1 else f'{len(own)} times'} on {device}"


def on_cpu(rows: pd.DataFrame) -> bool:
    """Return whether rows were measured on CPUs alone."""
    return bool(rows["device"].str.startswith("CPU").all())


def cost(folder: Path | None = None) -> str:
    """Return what an epoch with the graph takes over one without it, on both sizes, in words."""
    tiers, rows = benchmark("tiers", folder), at_size(folder)
    size = graph_ratio(rows)
    if tiers.empty or size.empty:
        return "what an epoch takes is not measured"
    small = span_if_measured(tiers["epoch_over_base_epoch"])
    models = tiers["model"].unique()
    of = models[0] if len(models) == 1 else counted(len(models), "model")
    no_gpu = "; no ratio was measured on a GPU" if on_cpu(tiers) and on_cpu(rows) else ""
    return (
        f"an epoch takes {small} times one without the graph on MovieLens-1M ({of}; {devices(tiers)}), and "
        f"{span_if_measured(size)} times at Yelp2022's size (DCNv2), {how_timed(rows)}{no_gpu}"
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


def epochs(folder: Path | None = None) -> pd.DataFrame:
    """Return the epochs of every final training of Base with those of FT and TS: ledger, dataset, k, model, seed, base,
    ft, ts.

    Of every ledger, middle ratings kept; a training without the other two is left out. The epochs without improvement after the
    best one, by which a training ends, are counted.
    """
    keys, tiers = [*PLACE, "model", "seed"], ["base", "ft", "ts"]
    parts = [
        rows[~rows["drop_middle"].astype(bool)]
        .pivot(index=keys, columns="tier", values="epochs")
        .reindex(columns=tiers)
        for name in ledgers(folder)
        if (rows := measured(name, folder)) is not None
    ]
    if not parts:
        return pd.DataFrame(columns=["ledger", *keys, *tiers])
    wide = pd.concat(parts, keys=ledgers(folder), names=["ledger"]).dropna()
    return wide.rename_axis(columns=None).reset_index().drop_duplicates(keys, ignore_index=True)


def epoch_ratios(folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`epochs` with what training up to FT costs: over_base and over_ts, the epochs of Base and FT over those of Base
    and of TS; ft_over_ts; and time_over_base and time_over_ts, the same in time, NaN where no ratio of epochs was timed.

    An epoch of FT or TS is taken to last as many of Base's as the benchmark ``tiers`` found for the model and its shipped number
    of hops on :data:`TIMED`, and nowhere else.
    """
    rows, timed = epochs(folder), benchmark("tiers", folder)
    ratio = pd.Series(np.nan, rows.index)
    if len(timed):
        found = timed.set_index(["model", "layers"])["epoch_over_base_epoch"]
        own = (rows[PLACE] == TIMED).all(axis=1)
        ratio[own] = [found.get((DISPLAY[model], hops(model)), np.nan) for model in rows.loc[own, "model"]]
    both, timely = rows["base"] + rows["ft"], rows["base"] + ratio * rows["ft"]
    return rows.assign(
        over_base=both / rows["base"],
        over_ts=both / rows["ts"],
        ft_over_ts=rows["ft"] / rows["ts"],
        time_over_base=timely / rows["base"],
        time_over_ts=timely / (ratio * rows["ts"]),
    )


def hops(model: str) -> int:
    """Return the shipped number of LightGCN's layers in FT."""
    return settings(model, "ft", {})[1].layers


def epochs_table(ratios: pd.DataFrame) -> pd.DataFrame | str:
    """Return :func:`epoch_ratios` to read, a row a dataset and core: medians and, in brackets, the least and the largest over models
    and seeds."""
    if ratios.empty:
        return "not measured"
    columns = {
        "over_base": "(Base + FT) / Base", "over_ts": "(Base + FT) / TS", "ft_over_ts": "FT / TS",
        "time_over_base": "time, (Base + FT) / Base", "time_over_ts": "time, (Base + FT) / TS",
    }  # fmt: skip
    rows = []
    for (dataset, k), part in ratios.groupby(PLACE):
        shown = {
            said: NONE if part[name].isna().any() else middle_and_span(part[name]) for name, said in columns.items()
        }
        rows.append(
            {
                "dataset": core(dataset, k),
                "models": part["model"].nunique(),
                "seeds": part["seed"].nunique(),
            }
            | shown
        )
    return pd.DataFrame(rows).set_index("dataset")


def epochs_measured_on(ratios: pd.DataFrame, folder: Path | None = None) -> str:
    """Return the ledgers that :func:`epoch_ratios` rest on, and with how many seeds and on what these were trained, in words."""
    if ratios.empty:
        return "not measured"
    found = {name: measured(name, folder) for name in ratios["ledger"].unique()}
    own = {name: rows[rows["tier"].isin(["base", "ft", "ts"])] for name, rows in found.items() if rows is not None}
    return "; ".join(f"{name} ({seeds_of(rows)}, {devices(rows)})" for name, rows in own.items())


def epochs_said(ratios: pd.DataFrame) -> str:
    """Return how many epochs Base and FT take over those of Base alone, in a sentence."""
    if ratios.empty:
        return "What FT takes in epochs is not measured."
    medians = ratios.groupby(PLACE)["over_base"].median()
    return (
        f"Base and FT together take {span(medians, '{:.2f}')} times Base's epochs: medians over models and seeds on "
        f"{counted(len(medians), 'core')} of datasets; single pairs of trainings, {span(ratios['over_base'], '{:.2f}')}."
    )


def cheaper_than_ts(ratios: pd.DataFrame) -> str:
    """Return whether FT takes fewer epochs than TS, alone and with the Base that it starts from, in sentences."""
    if ratios.empty:
        return ""
    alone, whole = (ratios[name] < 1 for name in ("ft_over_ts", "over_ts"))
    if alone.mean() > 0.5 and whole.mean() <= 0.5:
        verdict = "as a rule it does where a trained Base is at hand, and not where Base must be trained first"
    elif whole.mean() > 0.5:
        verdict = "as a rule it does, training Base included"
    else:
        verdict = "as a rule it does not, even where a trained Base is at hand"
    return (
        f"That FT costs less than TS (Section 4.3): in epochs, {verdict}. FT alone took fewer epochs than TS in "
        f"{int(alone.sum())} of {len(ratios)} pairs of trainings, FT and its Base together in {int(whole.sum())}."
    )


def missing(folder: Path | None = None) -> str:
    """Return the benchmarks that have no CSV, in a sentence; empty where all have one."""
    names = ", ".join(name for name in WANTED if benchmark(name, folder).empty)
    return f"Benchmarks not run: {names}." if names else ""


def measured_on(rows: pd.DataFrame) -> str:
    """Return where and when rows were measured, in words."""
    if rows.empty:
        return "not measured"
    places = rows[list(PROVENANCE)].drop_duplicates()
    return "; ".join(
        f"{devices(places.loc[[row.Index]])}, {row.processor}, torch {row.torch}, {row.date}"
        for row in places.itertuples()
    )


def ratios(folder: Path | None = None) -> pd.DataFrame:
    """Return our samples a second over another loop's on the same machine: columns model, against, ratio."""
    parts = [
        benchmark(name, folder).assign(against=label)
        for name, label in (("fuxictr", "FuxiCTR"), ("dataloader", "a DataLoader loop"))
    ]
    rows = pd.concat([part for part in parts if len(part) > 0] or [pd.DataFrame(columns=["model", "against", "ratio"])])
    return rows[["model", "against", "ratio"]].reset_index(drop=True)


def speeds_said(table: pd.DataFrame) -> str:
    """Return in how many of :func:`ratios` ours is the faster loop, in a sentence; empty for none."""
    if table.empty:
        return ""
    return f"ctrnb is the faster in {int((table['ratio'] > 1).sum())} of {counted(len(table), 'comparison')}."


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


def growth_said(table: pd.DataFrame) -> str:
    """Return how time grows by :func:`exponents`, in a sentence; empty for none."""
    if table.empty:
        return ""
    found: dict[str, list[str]] = {}
    for row in table.itertuples():
        near = {"about in proportion to": abs(row.time_exponent - 1), "hardly with": abs(row.time_exponent)}
        how = min(near, key=lambda each: near[each])
        how = how if near[how] <= NEAR else f"by an exponent of {row.time_exponent:.2f} with"
        found.setdefault(how, []).append(row.grows)
    told = ", ".join(f"{how} {' and '.join(names)}" for how, names in found.items())
    return f"Time grows {told}."


def memory_said(rows: pd.DataFrame) -> str:
    """Return how far apart two peaks of one work may be by chance, in sentences: TS holds the graph as well, and needs no less than
    Base. Empty where that is not seen."""
    if rows.empty:
        return ""
    wide = rows.pivot(index="model", columns="tier", values="peak_memory_mb")
    more = (wide[TIER_NAMES["ts"]] - wide[TIER_NAMES["base"]]).dropna()
    noise = -more.min()
    if noise <= 0:
        return ""
    beyond = ", ".join(f"{model} ({value:+.0f})" for model, value in more[more > noise].items()) or "none"
    return (
        f"Each peak was taken once. TS holds the graph besides all that Base holds; yet its peak is below Base's for {int((more < 0).sum())} "
        f"of {counted(len(more), 'model')}, by up to {noise:.0f} MiB: differences of that size are noise. TS needs more than that for: {beyond}."
    )


def stacked_said(rows: pd.DataFrame) -> str:
    """Return how the columns of the benchmark ``stacked`` were timed, in sentences; empty for no rows."""
    if rows.empty:
        return ""
    times = span_if_measured(rows["one_by_one_seconds"] / rows["one_seconds"])
    return (
        f"Each of the three was timed by itself, in turn, over an epoch of {span(rows['samples'], '{:,}')} interactions: medians of "
        f"{counted(int(rows['rounds'].min()), 'round')}. {int(rows['seeds'].min())} seeds one by one took {times} times as long as one alone."
    )


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


def span_if_measured(values: pd.Series, pattern: str = "{:.2f}") -> str:
    """Return the least and the largest value in words; "not measured" where there is none."""
    if values.empty or np.isnan(values).all():
        return "not measured"
    return span(values.dropna(), pattern)
