"""The chapter on the penalty: what each penalty on embeddings makes of the tiers, from a run or from what was measured.

``ctrnb results penalty DATASET`` measures one dataset and puts its rows into ``book/results/penalty.csv`` and
``penalty-changes.csv`` and ``penalty-moves.csv`` under ``book/results/tuning``.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ctrnb.report import tuning
from ctrnb.report.experiments import runs_folder
from ctrnb.report.join import put, replaced
from ctrnb.report.parameters import as_list, as_numbers
from ctrnb.report.provenance import provenance
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.local import LocalEngine
from ctrnb.study.penalties import sweep_penalties
from ctrnb.study.progress import Lines
from ctrnb.study.results import CELL, CHANGES, measured, measured_changes, results_folder
from ctrnb.training import RunStore
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import counted, with_interval

NAME = "penalty"
MOVES = "-moves"
GAIN = ("ft", "control")
POINTS = 100
PENALTIES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]


class Kept(NamedTuple):
    """What was measured of one dataset and model: ledger, changes, and what each penalty moves against the smallest."""

    title: str
    rows: pd.DataFrame
    changes: pd.DataFrame
    moves: pd.DataFrame


def run(
    dataset: str, model: str, penalties: Sequence[float], *, k: int, seeds: Sequence[int], epochs: int | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return :func:`ctrnb.study.penalties.sweep_penalties` in this process; what has finished before is not repeated.

    Raises:
        ParameterError: ``penalties`` is no list of numbers, or ``seeds`` no list.
    """
    return sweep_penalties(
        dataset, model, as_numbers(penalties, "penalties"), k=k, seeds=as_list(seeds, "seeds"), epochs=epochs,
        engine=InProcessEngine(), store=RunStore(runs_folder()),
    )  # fmt: skip


def kept(folder: Path | None = None) -> Iterator[Kept]:
    """Yield what was measured, a dataset and model at a time."""
    place = results_folder(folder) / tuning.NARROW
    rows, changes, path = measured(NAME, place), measured_changes(NAME, place), place / f"{NAME}{MOVES}.csv"
    if rows is None or changes is None or not path.is_file():
        return
    moves = pd.read_csv(path)
    for values, part in rows.groupby(CELL, sort=False):
        own, moved = (table[(table[CELL] == list(values)).all(axis=1)] for table in (changes, moves))
        yield Kept(f"{values[0]}, {values[1]}-core, {part['model_name'].iloc[0]}", part, own, moved)


def move(of: str, moves: pd.DataFrame, penalty: float) -> str:
    """Return what a penalty changes against the smallest in Base's AUC (``base``) or in FT's gain (``gain``), in points."""
    row = moves[(moves["of"] == of) & (moves["penalty"] == penalty)].iloc[0]
    return with_interval(row["change"], row["low"], row["high"], scale=POINTS)


def best(rows: pd.DataFrame) -> pd.Series:
    """Return the penalty of highest mean validation AUC, by tier."""
    means = rows.groupby(["tier", "penalty"])["valid_auc"].mean().unstack()
    return means.idxmax(axis=1)


def gains(changes: pd.DataFrame) -> pd.DataFrame:
    """Return FT's change of test AUC to the control by penalty: penalty, change, low, high."""
    tier, reference = GAIN
    own = changes[(changes["metric"] == "auc") & (changes["tier"] == tier) & (changes["reference"] == reference)]
    return own[["penalty", "change", "low", "high"]].sort_values("penalty", ignore_index=True)


def levels(changes: pd.DataFrame) -> pd.DataFrame:
    """Return mean test AUC by penalty and tier: penalty, tier_name, auc."""
    own = changes[(changes["metric"] == "auc") & (changes["reference"].fillna("") == "")]
    names = own["tier"].map(TIER_NAMES)
    return own.assign(tier_name=names, auc=own["mean"])[["penalty", "tier_name", "auc"]].reset_index(drop=True)


def statement(rows: pd.DataFrame, changes: pd.DataFrame) -> str:
    """Return FT's gain over the control at the smallest penalty and at the one that serves Base best, in words."""
    table, chosen = gains(changes).set_index("penalty"), best(rows)["base"]
    least = table.index.min()

    def points(penalty: float) -> str:
        row = POINTS * table.loc[penalty]
        return f"{row['change']:+.2f} points ({row['low']:+.2f} to {row['high']:+.2f})"

    if chosen == least:
        return f"FT gains {points(least)} over the control at {least:g}, the smallest penalty and the best for Base"
    beyond = ", the largest tried" if chosen == table.index.max() else ""
    return (
        f"FT gains {points(least)} over the control at a penalty of {least:g} and {points(chosen)} at {chosen:g}, which "
        f"validation prefers for Base{beyond}"
    )


def base_raised(parts: Sequence[Kept]) -> str:
    """Return what Base's best penalty changes in its test AUC against the smallest tried, dataset by dataset, in words."""
    told = []
    for title, rows, _, moves in parts:
        chosen, least = best(rows)["base"], rows["penalty"].min()
        told.append(
            f"nothing on {title}, where the smallest is the best"
            if chosen == least
            else f"{move('base', moves, chosen)} points on {title} ({chosen:g} for {least:g})"
        )
    if not told:
        return "what the best one changes is not measured"
    return f"the best one instead of the smallest changes Base's test AUC by {' and '.join(told)}"


def readable(rows: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return a row a penalty to read: AUC by tier, the one that validation prefers in brackets, and FT's gains in points."""
    auc = levels(changes).pivot(index="penalty", columns="tier_name", values="auc")[list(TIER_NAMES.values())]
    chosen = best(rows)
    shown = pd.DataFrame(
        {
            f"AUC, {name}": [
                f"[{value:.4f}]" if penalty == chosen[tier] else f"{value:.4f}" for penalty, value in auc[name].items()
            ]
            for tier, name in TIER_NAMES.items()
        },
        index=[f"{penalty:g}" for penalty in auc.index],
    )
    shown["FT to control, points"] = [
        with_interval(row.change, row.low, row.high, scale=POINTS) for row in gains(changes).itertuples()
    ]
    return shown.rename_axis("penalty")


def tuned(rows: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return each tier at the penalty that validation prefers for it, to read: tier, penalty, test AUC."""
    auc, chosen = levels(changes).set_index(["tier_name", "penalty"])["auc"], best(rows)
    found = [
        {"tier": name, "penalty": f"{chosen[tier]:g}", "test AUC": f"{auc[name, chosen[tier]]:.4f}"}
        for tier, name in TIER_NAMES.items()
    ]
    return pd.DataFrame(found).set_index("tier")


def said(title: str, rows: pd.DataFrame, changes: pd.DataFrame) -> str:
    """Return :func:`statement` with the dataset before it, :func:`searched_apart` and the devices behind it."""
    return f"**{title}.** {statement(rows, changes)}{searched_apart(rows)}. *Measured on:* {provenance(rows)}."


def searched_apart(rows: pd.DataFrame, folder: Path | None = None) -> str:
    """Return FT's gain on the same cell where each tier's penalty and rate were searched, as the end of a sentence; empty if nowhere."""
    found = tuning.gains(*GAIN, folder)
    own = found[(found[CELL] == rows[CELL].iloc[0].tolist()).all(axis=1)]
    if own.empty:
        return ""
    gain = own.iloc[0]
    shown = with_interval(gain["change"], gain["low"], gain["high"], scale=POINTS)
    return f", and {shown} where penalty and learning rate are searched for each tier by itself"


def falls(parts: Sequence[Kept]) -> str:
    """Return the gain on each measured dataset at the smallest penalty and at Base's best, and its change, in words."""
    if not parts:
        return "not measured on real ratings yet"
    smaller = surely = 0
    told = []
    for title, rows, changes, moves in parts:
        chosen, sentence = best(rows)["base"], f"on {title} {statement(rows, changes)}"
        own = moves[(moves["of"] == "gain") & (moves["penalty"] == chosen)]
        smaller, surely = smaller + int((own["change"] < 0).sum()), surely + int((own["high"] < 0).sum())
        change = f", a change of {move('gain', moves, chosen)}" if len(own) else ""
        told.append(f"{sentence}{change}{searched_apart(rows)}")
    return (
        f"at Base's best penalty FT gains less than at the smallest in {smaller} of {counted(len(parts), 'dataset')}, with an "
        f"interval below zero in {surely}: {'; '.join(told)}"
    )


def here(rows: pd.DataFrame) -> str:
    """Return the dataset and the number of seeds of a run, in words."""
    return f"{', '.join(map(str, rows['dataset'].unique()))}, {counted(rows['seed'].nunique(), 'seed')}"


def measure(
    dataset: str,
    model: str,
    penalties: Sequence[float] | None = None,
    *,
    k: int,
    seeds: int,
    workers: int,
    device: str,
    runs: Path,
    data_dir: Path | None = None,
) -> None:
    """Train the tiers of one dataset at each penalty (default: :data:`PENALTIES`) and put them into ``book/results``.

    Raises:
        ConfigError, DataError, RunError: as of :func:`ctrnb.study.penalties.sweep_penalties`.
    """
    values = penalties or PENALTIES
    with closing(LocalEngine(workers)) as engine:
        found = sweep_penalties(
            dataset, model, values, k=k, seeds=range(seeds), engine=engine, store=RunStore(runs), device=device,
            data_dir=data_dir, observer=Lines(4 * seeds * len(values)),
        )  # fmt: skip
    place = results_folder() / tuning.NARROW
    names = (NAME, f"{NAME}{CHANGES}", f"{NAME}{MOVES}")
    put({place / f"{name}.csv": table for name, table in zip(names, found, strict=True)}, replaced)
