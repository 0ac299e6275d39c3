"""The chapter on the penalty: what each penalty on embeddings makes of the tiers, from a run or from what was measured.

``python -m ctrnb.report.penalty DATASET`` measures one dataset and puts its rows into ``book/results/penalty.csv`` and
``penalty-changes.csv`` under ``book/results/tuning``.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ctrnb.plots import with_interval
from ctrnb.report import tuning
from ctrnb.report.experiments import runs_folder
from ctrnb.report.join import CELL, put, replaced
from ctrnb.report.measured import CHANGES, counted, measured, measured_changes, provenance, results_folder
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.penalties import sweep_penalties
from ctrnb.training import RunStore
from ctrnb.training.config import TIER_NAMES

NAME = "penalty"
GAIN = ("ft", "control")
POINTS = 100
PENALTIES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]


def run(
    dataset: str, model: str, penalties: Sequence[float], *, k: int, seeds: Sequence[int], epochs: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return :func:`ctrnb.study.penalties.sweep_penalties` in this process; what has finished before is not repeated."""
    return sweep_penalties(
        dataset, model, penalties, k=k, seeds=seeds, epochs=epochs, engine=InProcessEngine(),
        store=RunStore(runs_folder()),
    )  # fmt: skip


def kept(folder: Path | None = None) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield title, ledger and changes of each dataset and model that was measured."""
    place = results_folder(folder) / tuning.NARROW
    rows, changes = measured(NAME, place), measured_changes(NAME, place)
    if rows is None or changes is None:
        return
    for values, part in rows.groupby(CELL, sort=False):
        own = changes[(changes[CELL] == list(values)).all(axis=1)]
        yield f"{values[0]}, {values[1]}-core, {part['model_name'].iloc[0]}", part, own


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


def base_raised(parts: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]]) -> str:
    """Return what Base's best penalty adds to its test AUC over the smallest tried, dataset by dataset, in words."""
    told = []
    for _, rows, changes in parts:
        auc = levels(changes).query("tier_name == 'Base'").set_index("penalty")["auc"]
        chosen, least = best(rows)["base"], auc.index.min()
        told.append(
            f"{POINTS * (auc[chosen] - auc[least]):+.2f} points on {rows['dataset'].iloc[0]} ({chosen:g} for {least:g})"
        )
    if not told:
        return "what the best adds is not measured"
    return f"the best adds {' and '.join(told)} to Base's test AUC"


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
    return f"**{title}.** {statement(rows, changes)}. {searched_apart(rows)} *Measured on:* {provenance(rows)}."


def searched_apart(rows: pd.DataFrame, folder: Path | None = None) -> str:
    """Return FT's gain on the same cell where each tier's penalty and rate were searched, in a sentence; empty if nowhere."""
    found = tuning.gains(*GAIN, folder)
    own = found[(found[CELL] == rows[CELL].iloc[0].tolist()).all(axis=1)]
    if own.empty:
        return ""
    gain = own.iloc[0]
    shown = with_interval(gain["change"], gain["low"], gain["high"], scale=POINTS)
    return (
        f"With penalty and learning rate searched for each tier by itself it is {shown} points (*Training the tiers*)."
    )


def falls(parts: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]]) -> str:
    """Return the gain on each measured dataset at the smallest penalty and at Base's best, in words."""
    if not parts:
        return "not measured on real ratings yet"
    smaller = 0
    for _, rows, changes in parts:
        table = gains(changes).set_index("penalty")["change"]
        smaller += bool(table[best(rows)["base"]] < table.iloc[0])
    told = "; ".join(f"on {title} {statement(rows, changes)}" for title, rows, changes in parts)
    return f"at Base's best penalty FT gains less than at the smallest in {smaller} of {counted(len(parts), 'dataset')}: {told}"


def here(rows: pd.DataFrame) -> str:
    """Return the dataset and the number of seeds of a run, in words."""
    return f"{', '.join(map(str, rows['dataset'].unique()))}, {counted(rows['seed'].nunique(), 'seed')}"


def main(
    dataset: Annotated[str, typer.Argument(help="A dataset's name or TOML.")],
    penalties: Annotated[list[float] | None, typer.Option("--penalty", help="Repeatable.")] = None,
    model: Annotated[str, typer.Option("--model")] = "dcnv2",
    k: Annotated[int, typer.Option("--k")] = 3,
    seeds: Annotated[int, typer.Option("--seeds", help="How many.")] = 3,
    workers: Annotated[int, typer.Option("--workers")] = 1,
    device: Annotated[str, typer.Option("--device")] = "auto",
    runs: Annotated[Path, typer.Option("--runs", help="Folder of finished runs.")] = Path("runs"),
) -> None:
    """Measure the tiers of one dataset at each penalty and keep the result for the chapter."""
    from ctrnb.cli import reported
    from ctrnb.study.local import LocalEngine
    from ctrnb.study.progress import Lines

    with reported(), closing(LocalEngine(workers)) as engine:
        values = penalties or PENALTIES
        found = sweep_penalties(
            dataset, model, values, k=k, seeds=range(seeds), engine=engine, store=RunStore(runs), device=device,
            observer=Lines(4 * seeds * len(values)),
        )  # fmt: skip
        place = results_folder() / tuning.NARROW
        put(
            {place / f"{name}.csv": table for name, table in zip((NAME, f"{NAME}{CHANGES}"), found, strict=True)},
            replaced,
        )


if __name__ == "__main__":
    typer.run(main)
