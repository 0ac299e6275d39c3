"""The penalty on embeddings as an experiment: every tier trained at each of several penalties."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ctrnb.errors import ConfigError, RunError
from ctrnb.study.description import Cell, Study
from ctrnb.study.ledger import tables
from ctrnb.study.sweep import Engine, Observer, Splits, Sweep
from ctrnb.training import RunStore

FAR = 1e-3  # a penalty that a search has to have tried: validation AUC can fall before it and rise again


def is_open(chosen: float, tried: Sequence[float]) -> bool:
    """Return whether a search of Base's penalty ended too early to tell what a larger one gives."""
    return chosen >= max(tried) or max(tried) < FAR


def sweep_penalties(
    dataset: str,
    model: str,
    penalties: Sequence[float],
    *,
    k: int,
    seeds: Sequence[int],
    engine: Engine,
    store: RunStore,
    epochs: int | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    observer: Observer | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train Base, control, FT and TS at each penalty; return the ledgers and the changes, with a column ``penalty``.

    Args:
        penalties: values of lambda in Equation 3, on every embedding table.
        epochs: most of a training; None for the shipped number.

    Raises:
        ConfigError: no penalty, one twice or below 0; or a setting that cannot be.
        DataError: the dataset is missing or malformed.  RunError: a training failed.
    """
    if not penalties or len(set(penalties)) < len(penalties):
        raise ConfigError(f"penalties={list(penalties)}: name at least one, each once.")
    splits, found = Splits(data_dir), []
    limit = {} if epochs is None else {"epochs": epochs}
    for penalty in sorted(penalties):
        fixed = {"training": {"precision": "fp32", "l2_embedding": penalty, **limit}}
        study = Study("penalties", (Cell((dataset,), (k,), (model,), seeds=tuple(seeds)),), fixed=fixed)
        state = Sweep(study, store, splits, device=device, observer=observer or Observer())
        state.run(engine)
        if state.failures:
            training, reason = next(iter(state.failures.items()))
            raise RunError(f"{training}, penalty {penalty:g}: {reason}")
        found.append([table.assign(penalty=penalty) for table in tables(state)])
    ledgers, changes = zip(*found, strict=True)
    return pd.concat(ledgers, ignore_index=True), pd.concat(changes, ignore_index=True)
