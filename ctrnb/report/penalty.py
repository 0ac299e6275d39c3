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
UNDECIDED, NOT_ALL, ALL = "undecided", "not all", "all"
CONCLUSIONS = {
    UNDECIDED: "Whether the penalty explains FT's gain is undecided",
    NOT_ALL: "The penalty does not explain all of FT's gain",
    ALL: "A larger penalty leaves FT no gain beyond chance",
}
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
    return points(row)


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

    def gained(penalty: float) -> str:
        row = POINTS * table.loc[penalty]
        return f"{row['change']:+.2f} points ({row['low']:+.2f} to {row['high']:+.2f})"

    if chosen == least:
        return f"FT gains {gained(least)} over the control at {least:g}, the smallest penalty and the best for Base"
    beyond = ", the largest tried" if chosen == table.index.max() else ""
    return (
        f"FT gains {gained(least)} over the control at a penalty of {least:g} and {gained(chosen)} at {chosen:g}, which "
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


def said(title: str, rows: pd.DataFrame, changes: pd.DataFrame, moves: pd.DataFrame) -> str:
    """Return :func:`told` with the dataset before it and the devices behind it."""
    return f"**{title}.** {told(rows, changes, moves)} *Measured on:* {provenance(rows)}."


def told(rows: pd.DataFrame, changes: pd.DataFrame, moves: pd.DataFrame, folder: Path | None = None) -> str:
    """Return :func:`statement`, how far the gain moves between the two penalties, and :func:`told_apart`, in sentences."""
    own = gain_moved(rows, moves)
    change = f", a change of {move('gain', moves, own['penalty'])}" if own is not None else ""
    return f"{statement(rows, changes)}{change}. {told_apart(rows, changes, folder)}".strip()


def gain_moved(rows: pd.DataFrame, moves: pd.DataFrame) -> pd.Series | None:
    """Return what Base's best penalty changes in FT's gain against the smallest: a row of moves; None where it is the smallest."""
    own = moves[(moves["of"] == "gain") & (moves["penalty"] == best(rows)["base"])]
    return own.iloc[0] if len(own) else None


def searched_apart(rows: pd.DataFrame, folder: Path | None = None) -> pd.Series | None:
    """Return FT's change to the control on the same cell where each tier's penalty and rate were searched; None if nowhere."""
    found = tuning.gains(*GAIN, folder)
    own = found[(found[CELL] == rows[CELL].iloc[0].tolist()).all(axis=1)]
    return own.iloc[0] if len(own) else None


def best_control(rows: pd.DataFrame, changes: pd.DataFrame) -> tuple[float, float]:
    """Return the penalty that validation prefers for the control, and the control's mean test AUC there."""
    chosen = best(rows)["control"]
    return chosen, levels(changes).set_index(["tier_name", "penalty"])["auc"][TIER_NAMES["control"], chosen]


def told_apart(rows: pd.DataFrame, changes: pd.DataFrame, folder: Path | None = None) -> str:
    """Return FT's gain where penalty and rate were searched for each tier by itself, and how the control of that search compares
    with :func:`best_control`, in a sentence; empty where there is no such search."""
    gain = searched_apart(rows, folder)
    if gain is None:
        return ""
    penalty, auc = best_control(rows, changes)
    off = POINTS * (gain["reference_mean"] - auc)
    beside = f"{abs(off):.2f} points {'below' if off < 0 else 'above'}"
    return (
        f"Where penalty and learning rate are searched for each tier by itself ({counted(int(gain['seeds']), 'seed')}), FT gains "
        f"{points(gain)}; {'but ' if off < 0 else ''}the control of that search has an AUC of {gain['reference_mean']:.5f}, {beside} the best control of this page "
        f"({auc:.5f} at {penalty:g}, {counted(rows['seed'].nunique(), 'seed')}), over which FT of that search gains "
        f"{POINTS * (gain['mean'] - auc):+.2f}, of which no interval was kept."
    )


def conclusion(part: Kept, folder: Path | None = None) -> str:
    """Return whether the penalty explains FT's gain, a key of :data:`CONCLUSIONS`.

    A gain beyond chance that is left where each tier was searched by itself is not the penalty's if the control of that search is
    no worse than the best one here; if it is worse, the search may have missed what makes a better control. If no gain beyond
    chance is left, and Base's best penalty took from it beyond chance, the penalty explains it.
    """
    gain, moved = searched_apart(part.rows, folder), gain_moved(part.rows, part.moves)
    if gain is None:
        return UNDECIDED
    if gain["low"] > 0:
        return UNDECIDED if gain["reference_mean"] < best_control(part.rows, part.changes)[1] else NOT_ALL
    return ALL if moved is not None and moved["high"] < 0 else UNDECIDED


def falls(parts: Sequence[Kept], folder: Path | None = None) -> str:
    """Return on which measured datasets the penalty explains FT's gain, and what says so on each, in sentences."""
    if not parts:
        return "Not measured on real ratings yet."
    found: dict[str, list[str]] = {}
    for part in parts:
        found.setdefault(conclusion(part, folder), []).append(f"on {part.title.replace(', ', ' (', 1)})")
    leads = [f"{CONCLUSIONS[each]} {' and '.join(titles)}." for each, titles in found.items()]
    return " ".join([*leads, *(briefly(part, folder) for part in parts)])


def briefly(part: Kept, folder: Path | None = None) -> str:
    """Return what :func:`told` says of one dataset, in fewer words."""
    _, rows, changes, moves = part
    found, chosen = gains(changes).set_index("penalty"), best(rows)["base"]
    moved, gain, least = gain_moved(rows, moves), searched_apart(rows, folder), found.index.min()
    said = f"On {rows['dataset'].iloc[0]}, with one penalty for all tiers, FT gains {points(found.loc[least])} points over the control at {least:g}"
    if moved is not None:
        said += f" and {points(found.loc[chosen])} at {chosen:g}, the best for Base, a change of {points(moved)}"
    if gain is None:
        return f"{said}."
    auc = best_control(rows, changes)[1]
    off = POINTS * (gain["reference_mean"] - auc)
    return (
        f"{said}; with penalty and rate searched for each tier by itself, {points(gain)}, over a control {abs(off):.2f} points "
        f"{'below' if off < 0 else 'above'} the best of this page."
    )


def points(row: pd.Series) -> str:
    """Return a row's change in points with its interval."""
    return with_interval(row["change"], row["low"], row["high"], scale=POINTS)


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
