"""A tiny dataset of one's own and a study of it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

VARYING = ["seconds_per_epoch", "train_samples_per_second", "peak_memory_mb", "date", "command"]  # from run to run

STUDY = """
repeats = 20

[[cells]]
datasets = ["own.toml"]
k = [2]
models = ["dcnv2"]
seeds = [0, 1]

[fixed]
training = { epochs = 1, precision = "fp32" }

[grid.any.base]
model.hidden = [[8], [16]]

[grid.any.ft]
training.learning_rate = [1e-3, 1e-2]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of a tiny dataset, own.toml, and a study of it, study.toml."""
    lines = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)]
    (tmp_path / "r.csv").write_text("user,item,stars\n" + "\n".join(lines))
    (tmp_path / "own.toml").write_text('[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n')
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


@pytest.fixture
def ledger() -> Callable[..., pd.DataFrame]:
    """Reads the ledger of the study in a folder, less what differs from run to run."""

    def read(folder: Path, runs: str = "runs") -> pd.DataFrame:
        return pd.read_csv(folder / runs / "study.csv").drop(columns=VARYING)

    return read
