"""How long the trainings that are left will take, from finished ones that are alike, or from a short probe."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctrnb.data import Encoded
from ctrnb.study.plan import Training
from ctrnb.training import RunStore, train
from ctrnb.training.config import settings

GRAPH_TIERS = ("ft", "ts")
UNKNOWN_EPOCHS = 10  # assumed of a training where none alike has finished


@dataclass(frozen=True)
class Timing:
    """What a finished training, or a probe, took."""

    dataset: str
    model: str
    tier: str
    seconds: float  # an epoch and training interaction
    epochs: int | None  # None for a probe


def timings(folder: Path | None) -> list[Timing]:
    """Return the timings of every run in a folder; a run that cannot be read is passed over."""
    return list(read_timings(folder)) if folder else []


def read_timings(folder: Path) -> Iterator[Timing]:
    """Yield the timing of each run in a folder that can be read, by run_id."""
    for path in sorted(folder.glob("*/run.json")):
        try:
            row = json.loads(path.read_bytes())["row"]
            yield Timing(row["dataset"], row["model"], row["tier"], 1 / row["train_samples_per_second"], row["epochs"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError):
            continue


def alike(known: Iterable[Timing], dataset: str, training: Training) -> list[Timing]:
    """Return the timings nearest to a training: of its dataset, model, tier, else model, tier, else model, encoder."""
    known = list(known)
    graph = training.tier in GRAPH_TIERS
    for nearest in (
        [t for t in known if (t.dataset, t.model, t.tier) == (dataset, training.model, training.tier)],
        [t for t in known if (t.model, t.tier) == (training.model, training.tier)],
        [t for t in known if t.model == training.model and (t.tier in GRAPH_TIERS) == graph],
    ):
        if nearest:
            return nearest
    return []


def estimated_seconds(known: Iterable[Timing], encoded: Encoded, training: Training) -> float | None:
    """Return what a training will take, or None where nothing alike is known."""
    near = alike(known, encoded.name, training)
    if not near:
        return None
    epochs = [t.epochs for t in near if t.epochs is not None]
    most = settings(training.model, training.tier, dict(training.overrides))[2].epochs
    expected = min(float(np.mean(epochs)) if epochs else UNKNOWN_EPOCHS, most)
    return float(np.mean([t.seconds for t in near])) * len(encoded.rows("train")) * expected


class Enough(Exception):
    """A probe has seen enough of an epoch."""


def probe(encoded: Encoded, training: Training, *, device: str, seconds: float = 2.0) -> Timing:
    """Train for about ``seconds`` and return the timing of an epoch; nothing is kept.

    FT and control are probed without the Base that they start from, which changes their weights and not their cost.
    """
    tier = "ts" if training.tier in GRAPH_TIERS else "base"
    arguments = training.arguments() | {"tier": tier, "base_overrides": {}}
    arguments["overrides"] = arguments["overrides"] | {"training.epochs": 1}
    begun: list[float] = []

    def watch(epoch: int, done: float, best: float | None) -> None:
        if not begun:
            begun.append(time.perf_counter())
        if done > 0 and time.perf_counter() - begun[0] > seconds:
            raise Enough(done)

    try:
        row = train(encoded, seed=training.seed, runs=RunStore(None), device=device, progress=watch, **arguments).row
        epoch_seconds = row["seconds_per_epoch"]
    except Enough as enough:
        epoch_seconds = (time.perf_counter() - begun[0]) / enough.args[0]
    return Timing(encoded.name, training.model, tier, epoch_seconds / len(encoded.rows("train")), None)
