"""The finished runs of a study, gathered for analyses that need their predictions or weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ctrnb.data import Encoded
from ctrnb.study.changes import Runs
from ctrnb.study.description import read_study
from ctrnb.study.ledger import finished
from ctrnb.study.sweep import Splits, Sweep
from ctrnb.training import RunStore


@dataclass(frozen=True)
class Finished:
    """One model on one split of a study.

    Attributes:
        place: dataset, k and drop_middle.
        users: of the curated data, one row a user.
        runs: the final ones, by tier and number of the seed.
    """

    model: str
    place: dict[str, Any]
    encoded: Encoded
    users: pd.DataFrame
    runs: Runs


def finished_cells(path: Path, runs: Path, *, data_dir: Path | None = None) -> Iterator[Finished]:
    """Yield each model on each data of a study, with those of its final runs whose seed is finished in every tier.

    Models without such a seed are passed over, and so are those of several splits: their test parts are not paired.
    """
    sweep = Sweep(read_study(path), RunStore(runs), Splits(data_dir))
    sweep.open_steps()
    for group in sweep.groups:
        final = [(step.training, run) for step, run in finished(sweep, group) if step.stage == "final"]
        whole = [each for each in group.repetitions if sum(t.repetition == each for t, _ in final) == len(group.tiers)]
        if not whole or len({split for split, _ in whole}) > 1:
            continue
        kept = {(t.tier, whole.index(t.repetition)): run for t, run in final if t.repetition in whole}
        split = group.training(whole[0], "base", ()).split
        encoded, users = sweep.splits.encoded(split), sweep.splits.curated(split).users
        place = {"dataset": encoded.name, "k": group.k, "drop_middle": group.drop_middle}
        yield Finished(group.model, place, encoded, users, kept)
