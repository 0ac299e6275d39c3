import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctrnb.cli import app

FAST = ["--epochs", "1", "--device", "cpu"]


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_curate_prints_the_promised_keys() -> None:
    result = run("curate", "synthetic", "--k", "3", "--json")
    keys = "users items interactions interactions_per_user interactions_per_item density_percent positive_rate train valid test"
    assert result.exit_code == 0 and list(json.loads(result.stdout)) == keys.split()


def test_train_prints_the_promised_keys_and_is_not_repeated(tmp_path: Path) -> None:
    command = [
        "train",
        "synthetic",
        "--model",
        "dcnv2",
        "--tier",
        "ft",
        "--k",
        "3",
        "--runs",
        str(tmp_path),
        *FAST,
        "--json",
    ]
    result = run(*command)
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    keys = (
        "run_id auc logloss auc_strong logloss_strong auc_low auc_mid auc_high epochs seconds_per_epoch "
        "train_samples_per_second peak_memory_mb parameters"
    )
    assert set(keys.split()) <= set(row) and 0 < row["auc"] < 1 and row["epochs"] == 1
    assert len(list(tmp_path.iterdir())) == 2  # Base, which it starts from, and FT
    assert json.loads(run(*command).stdout) == row


def test_a_toml_of_ones_own_trains(tmp_path: Path) -> None:
    lines = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)]
    (tmp_path / "r.csv").write_text("user,item,stars\n" + "\n".join(lines))
    (tmp_path / "own.toml").write_text('[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n')
    result = run(
        "train", str(tmp_path / "own.toml"), "--model", "afn", "--tier", "ts", "--k", "2", "--runs",
        str(tmp_path / "runs"), *FAST, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["dataset"] == "own"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["curate", "ml1m"], "no dataset 'ml1m'"),
        (["curate", "synthetic", "--k", "9999"], "9999-core"),
        (["curate", "synthetic", "--k", "0"], "k=0"),
        (["train", "synthetic", "--model", "dnc"], "no model 'dnc'"),
        (["train", "synthetic", "--model", "dcnv2", "--tier", "tss"], "no tier 'tss'"),
        (["train", "synthetic", "--model", "dcnv2", "--epochs", "0"], "epochs=0"),
        (["train", "synthetic", "--model", "dcnv2", "--set", "training.lr=1"], "no setting 'lr'"),
        (["train", "synthetic", "--model", "dcnv2", "--set", "nonsense"], "SECTION.NAME=VALUE"),
        (["train", "synthetic", "--model", "dcnv2", "--device", "tpu"], "no device 'tpu'"),
        (["sweep", "absent.toml"], "absent.toml"),
        (["sweep", "absent.toml", "--dry-run"], "absent.toml"),
        (["sweep", "absent.toml", "--engine", "slurm"], "no engine 'slurm'"),
        (["sweep", "absent.toml", "--workers", "0"], "at least 1"),
        (["book", "-p", "tiers.q=3"], "no parameter 'q'"),
        (["book", "-p", "nonsense"], "CHAPTER.NAME=VALUE"),
        (["book", "--profile", "absent.toml"], "absent.toml"),
    ],
)
def test_bad_requests_end_in_one_line_and_exit_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    if arguments[0] in ("train", "sweep"):
        arguments = [*arguments, "--runs", str(tmp_path)]
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.output


def test_a_closed_standard_output_is_said_in_one_line() -> None:
    command = [sys.executable, "-m", "ctrnb.cli", "curate", "synthetic", "--k", "3"]
    closed = ["bash", "-c", 'exec "$@" >&-', "-", *command]
    result = subprocess.run(closed, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stderr.startswith("ctrnb: standard output is closed.")
    assert len(result.stderr.splitlines()) == 1


def test_the_real_command_starts_and_imports_no_book_packages() -> None:
    code = (
        "import sys, ctrnb.cli, ctrnb.training, ctrnb.data, ctrnb.evaluation, ctrnb.study.command, ctrnb.advise.page; "
        "print([m for m in ('papermill', 'jupytext', 'matplotlib', 'seaborn', 'sympy', 'z3', 'torch_geometric', 'sklearn', 'pooch') "
        "if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    shown = subprocess.run([sys.executable, "-m", "ctrnb.cli", "--help"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
