import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.common import ratio, take_turns

ROOT = Path(__file__).resolve().parents[2]


def test_arms_take_turns_and_the_warm_up_is_left_out() -> None:
    calls = []
    arms = {name: (lambda name=name: float(calls.append(name) or len(calls))) for name in "ab"}
    assert take_turns(arms, rounds=2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert calls == ["a", "b"] * 3


def test_a_ratio_is_taken_round_by_round() -> None:
    """Round two is twice as slow for both arms, which leaves its ratio as it was."""
    values = {"ours": [30.0, 15.0, 40.0], "theirs": [10.0, 5.0, 10.0]}
    assert ratio("r", values, "ours", "theirs") == {"r": 3.0, "r_low": 3.0, "r_high": 4.0}


@pytest.mark.slow
def test_the_script_for_a_gpu_machine_runs_on_a_cpu(tmp_path) -> None:
    command = "-m benchmarks.gpu --device cpu --dataset synthetic --k 3 --quick --out-folder"
    done = subprocess.run([sys.executable, *command.split(), str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    stacked = pd.read_csv(tmp_path / "gpu-stacked_seeds.csv")
    assert (stacked["stacked_seconds"] > 0).all() and stacked["command"].str.contains("benchmarks.stacked_seeds").all()
    assert {"gpu-against_dataloader.csv", "gpu-tiers_over_base.csv", "gpu-ceilings.csv"} <= {
        path.name for path in tmp_path.iterdir()
    }
