"""A tiny dataset of one's own and a study of it."""

from pathlib import Path

import pytest

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
