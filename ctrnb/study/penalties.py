"""The penalty on embeddings as an experiment: every tier trained at each of several penalties."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.errors import ConfigError
from ctrnb.study.changes import estimate, resample
from ctrnb.study.description import Cell, Study
from ctrnb.study.ledger import final_runs, finished, tables
from ctrnb.study.sweep import Engine, Observer, Splits, Sweep
from ctrnb.training import RunResult, RunStore

PENALTY = "training.l2_embedding"
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
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train Base, control, FT and TS at each penalty; return ledgers and changes, with a column ``penalty``, and :func:`moves`.

    Args:
        penalties: values of lambda in a penalty of Equation 3's form on every embedding table.
        epochs: most of a training; None for the shipped number.

    Raises:
        ConfigError: no penalty, one twice or below 0; or a setting that cannot be.
        DataError: the dataset is missing or malformed.  RunError: a training failed.
    """
    if not penalties or len(set(penalties)) < len(penalties):
        raise ConfigError(f"penalties={list(penalties)}: name at least one, each once.")
    splits, states = Splits(data_dir), {}
    limit = {} if epochs is None else {"epochs": epochs}
    for penalty in sorted(penalties):
        fixed = {"training": {"precision": "fp32", "l2_embedding": penalty, **limit}}
        study = Study(f"penalty {penalty:g}", (Cell((dataset,), (k,), (model,), seeds=tuple(seeds)),), fixed=fixed)
        state = Sweep(study, store, splits, device=device, observer=observer or Observer())
        state.run(engine)
        state.require()
        states[penalty] = state
    found = [[table.assign(penalty=penalty) for table in tables(state)] for penalty, state in states.items()]
    ledgers, changes = zip(*found, strict=True)
    return pd.concat(ledgers, ignore_index=True), pd.concat(changes, ignore_index=True), moves(states)


def moves(states: Mapping[float, Sweep]) -> pd.DataFrame:
    """Return what each penalty changes in test AUC against the smallest, on the same draws of users.

    A row a penalty and what changes: dataset, k, drop_middle, model, penalty, least (the smallest), of (``base``: Base's AUC;
    ``gain``: FT's AUC less the control's), change, low, high (95 %, over test users and seeds).

    Args:
        states: of one cell, finished, by penalty.
    """
    runs: dict[tuple[str, int], RunResult] = {}
    for penalty, state in states.items():
        own = final_runs(state.groups[0], finished(state, state.groups[0]))
        runs |= {(f"{tier} {penalty}", number): run for (tier, number), run in own.items() if tier != "ts"}
    least = min(states)
    first, group = states[least], states[least].groups[0]
    encoded = [first.splits.encoded(group.training(each, "base", ()).split) for each in group.repetitions]
    draws, seeds = resample(runs, encoded, repeats=first.study.repeats), range(len(group.repetitions))

    def base(penalty: float) -> tuple[np.ndarray, np.ndarray]:
        return draws.of("auc", f"base {penalty}", seeds)

    def gain(penalty: float) -> tuple[np.ndarray, np.ndarray]:
        ft, control = (draws.of("auc", f"{tier} {penalty}", seeds) for tier in ("ft", "control"))
        return ft[0] - control[0], ft[1] - control[1]

    head = {"dataset": encoded[0].name, "k": group.k, "drop_middle": group.drop_middle, "model": group.model}
    rows = []
    for penalty in sorted(set(states) - {least}):
        for of in (base, gain):
            (values, resampled), (before, before_resampled) = of(penalty), of(least)
            found = estimate(values - before, resampled - before_resampled)
            low, high = found.interval()
            row = {
                "penalty": penalty,
                "least": least,
                "of": of.__name__,
                "change": found.value,
                "low": low,
                "high": high,
            }
            rows.append(head | row)
    return pd.DataFrame(rows, columns=[*head, "penalty", "least", "of", "change", "low", "high"])
