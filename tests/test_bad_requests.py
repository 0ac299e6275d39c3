"""What no command can do ends in one line on standard error and a non-zero exit, before time is spent on it."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ctrnb.advise.advice import Advice, Decision, Effect
from ctrnb.advise.page import power, without_auc
from ctrnb.cli import app
from ctrnb.cli.output import lacks_memory

ROOT = Path(__file__).parents[1]
QUICK = str(ROOT / "book" / "studies" / "quick.toml")
TRAIN = ["train", "synthetic", "--model", "dcnv2", "--k", "3", "--device", "cpu"]
TOML = '[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n'

REQUESTS = [
    (["curate", "synthetic:interactions=9", "--k", "3"], "its AUC is undefined"),
    (["curate", "synthetic", "--k", "3", "--seed", "-1"], "seed=-1"),
    (["curate", "synthetic:thin=1e-9", "--k", "3"], "the train part holds no interactions, so its AUC is undefined"),
    (["curate", "nowhere.toml"], "nowhere.toml"),
    (["curate", "own.toml"], "r.csv, line 2, column stars: 'five'"),
    (["curate", "wrong.toml"], "no setting 'usr'"),
    ([*TRAIN, "--seed", "-1"], "seed=-1: a seed is"),
    ([*TRAIN, "--seed", str(2**63)], "a seed is a whole number from 0 to 2**63 - 1"),
    ([*TRAIN, "--split-seed", "-1"], "seed=-1"),
    ([*TRAIN, "--epochs", "-3"], "epochs=-3"),
    ([*TRAIN, "--epochs", "1", "--set", "training.epochs=0"], "--epochs 1 and --set training.epochs=0: give one"),
    ([*TRAIN, "--set", "encoder.dim=8", "--set", "encoder.dim=16"], "--set encoder.dim is given twice, as 8 and as 16"),
    ([*TRAIN, "--runs", ""], "--runs is empty. Name a folder"),
    (["sweep", QUICK, "--runs", ""], "--runs is empty"),
    (["sweep", QUICK, "--dry-run", "--runs", ""], "--runs is empty"),
    (["advise", "synthetic", "--runs", ""], "--runs is empty"),
    ([*TRAIN, "--set", "training.learning_rate=nan"], "learning_rate=nan"),
    ([*TRAIN, "--set", "training.learning_rate=inf"], "learning_rate=inf"),
    ([*TRAIN, "--set", "training.l2_network=inf"], "l2_network=inf"),
    ([*TRAIN, "--set", "encoder.init_std=nan"], "init_std=nan"),
    ([*TRAIN, "--set", "encoder.dim=0"], "dim=0"),
    ([*TRAIN, "--set", "model.hidden=[]"], "hidden=[]"),
    ([*TRAIN, "--set", "model.hidden=" + "[" * 5000], "expected a list"),
    ([*TRAIN, "--set", "model.hidden=__import__('os').mkdir('pwned')"], "expected a list"),
    ([*TRAIN, "--set", "training.epochs=__import__('os').mkdir('pwned')"], "expected a whole number"),
    ([*TRAIN, "--set", "encoder.dim=2147483647"], "not enough memory"),
    ([*TRAIN, "--set", "encoder.dim=999999999999999999999"], "EncoderConfig.dim='999999999999999999999' in encoder: a whole"),
    ([*TRAIN, "--set", "encoder.layers=2147483648"], "layers='2147483648' in encoder: a whole number must be below 2**31"),
    ([*TRAIN, "--set", "model.hidden=[8, 99999999999999999999]"], "hidden='[8, 99999999999999999999]' in model dcnv2: a whole"),
    ([*TRAIN, "--epochs", "9" * 400], "TrainingConfig.epochs=9"),
    ([*TRAIN, "--seed", "9" * 400], "9: a seed is a whole number from 0 to 2**63 - 1"),
    ([*TRAIN, "--split-seed", "9" * 400], "9: a seed is a whole number from 0 to 2**63 - 1"),
    ([*TRAIN, "--k", "9" * 400], "9: a whole number must be below 2**31"),
    (["curate", "own.toml", "--k", "9" * 400], "9: a whole number must be below 2**31"),
    (["curate", "own.toml", "--seed", "9" * 400], "9: a seed is a whole number from 0 to 2**63 - 1"),
    (["advise", "synthetic", "--k", "9" * 400], "9: a whole number must be below 2**31"),
    (["train", "own.toml", "--model", "dcnv2"], "r.csv, line 2, column stars: 'five'"),
    (["sweep", "study.toml"], "r.csv, line 2, column stars: 'five'"),
    (["sweep", "study.toml", "--dry-run"], "r.csv, line 2, column stars: 'five'"),
    (["sweep", "code.toml"], "expected a list of a whole number"),
    (["sweep", QUICK, "--dry-run", "--workers", "-2"], "workers=-2"),
    (["sweep", QUICK, "--dry-run", "--workers", "0"], "workers=0"),
    (["sweep", QUICK, "--dry-run", "--engine", "loca"], "no engine 'loca'. Did you mean 'local'?"),
    (["sweep", QUICK, "--dry-run", "--stacked", "0"], "stacked=0"),
    (["sweep", QUICK, "--dry-run", "--out", "l.txt"], "a ledger is written as .csv or .parquet"),
    (["sweep", QUICK, "--dry-run", "--out", "r.csv"], "r.csv is no table of a sweep's"),
    (["sweep", QUICK, "--threads", "-1"], "threads=-1"),
    (["sweep", QUICK, "--threads", "0"], "threads=0"),
    (["results", "analyse", QUICK, "--repeats", "1"], "repeats=1: an interval needs at least 2 draws"),
    (["results", "analyse", QUICK, "--pairs", "-1"], "pairs=-1: at least 1"),
    (["advise", "own.toml"], "r.csv, line 2, column stars: 'five'"),
    (["advise", "synthetic", "--k", "9999"], "9999-core"),
    (["advise", "synthetic", "--budget", "inf"], "budget=inf"),
    (["advise", "synthetic", "--budget", "nan"], "budget=nan"),
    (["advise", "synthetic", "--smallest", "nan"], "smallest=nan"),
    (["verify", "mic"], "no suite 'mic'"),
    (["book", "--jobs", "0"], "jobs=0"),
    (["book", "--jobs", "-1"], "jobs=-1"),
    (["book", "--out", "."], "holds something other than a book"),
    (["book", "--out", "r.csv"], "r.csv cannot be written: Not a directory"),
    (["book", "--out", "r.csv/html"], "cannot be written"),
    (["book", "--profile", "r.csv"], "not valid TOML"),
    (["book", "--profile", "study.toml"], "a profile has one table a chapter"),
    (["book", "-p", "="], "no chapter ''"),
    (["book", "-p", "tiers.k="], "expected a whole number"),
    (["book", "-p", "tiers.k=" + "(" * 500], "expected a whole number"),
    (["book", "-p", "tiers.k={[]: 1}"], "expected a whole number"),
    (["book", "-p", "tiers.k=" + "9" * 5000], "expected a whole number"),
    (["book", "-p", "tiers.k=__import__('os').mkdir('pwned')"], "expected a whole number"),
    (["book", "-p", "tiers.k=0"], "allowed is at least 1"),
    (["book", "-p", "tiers.models=['dcnv2', __import__('os').mkdir('pwned')]"], "expected a list"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"), REQUESTS, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else ""
)
def test_an_impossible_request_ends_in_one_line(
    tmp_path: Path, monkeypatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_text("user,item,stars\na,b,five\n")
    (tmp_path / "own.toml").write_text(TOML)
    (tmp_path / "wrong.toml").write_text(TOML.replace("user =", "usr =") + 'user = "user"\n')
    (tmp_path / "study.toml").write_text('[[cells]]\ndatasets = ["own.toml"]\nk = [2]\nmodels = ["dcnv2"]\n')
    (tmp_path / "code.toml").write_text(
        "[[cells]]\ndatasets = [\"own.toml\"]\nk = [\"__import__('os').mkdir('pwned')\"]\n"
    )
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(app, arguments)
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 2 and len(lines) == 1 and message in lines[0], result.output
    assert set(tmp_path.iterdir()) - set(before) <= {tmp_path / "runs"}, "nothing ran, nothing was written"


@pytest.mark.parametrize(
    "command", [[*TRAIN[:-2]], ["sweep", QUICK], ["advise", "synthetic"]], ids=lambda each: each[0]
)
def test_a_device_that_is_not_there_is_named(tmp_path: Path, monkeypatch, command: list[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = CliRunner().invoke(app, [*command, "--device", "cuda", "--runs", str(tmp_path / "runs")])
    assert result.exit_code == 2 and "device 'cuda' was asked for" in result.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("runs/*/run.json"))


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    assert lacks_memory(MemoryError()) and lacks_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert not lacks_memory(RuntimeError("size mismatch"))


def test_what_was_left_out_of_the_data_is_said(tmp_path: Path) -> None:
    rows = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)] + ["u1,i7,5"]
    (tmp_path / "r.csv").write_text("user,item,stars\n" + "\n".join(rows))
    (tmp_path / "own.toml").write_text(TOML)
    result = CliRunner().invoke(app, ["curate", str(tmp_path / "own.toml"), "--k", "2", "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["users"] == 40
    pairs = len({row.rsplit(",", 1)[0] for row in rows})
    assert result.stderr == f"ctrnb: warning: own: {len(rows) - pairs} duplicate ratings of one pair\n"


def test_an_undefined_auc_is_none_with_its_reason_and_never_a_number(tmp_path: Path) -> None:
    """Of users with equal degrees no group but the lowest has anyone."""
    rows = [f"u{n % 30},i{(n // 30 + n) % 30},{5 if (n * n + n // 7) % 3 else 1}" for n in range(600)]
    (tmp_path / "r.csv").write_text("user,item,stars\n" + "\n".join(rows))
    (tmp_path / "own.toml").write_text(TOML)
    arguments = ["train", str(tmp_path / "own.toml"), *TRAIN[2:], "--epochs", "1", "--runs", str(tmp_path / "runs")]
    table = dict(line.split(None, 1) for line in CliRunner().invoke(app, arguments).stdout.splitlines() if " " in line)
    row = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    undefined = row["undefined"]
    assert {name for name in row if row[name] is None and name != "parent"} == set(undefined)
    assert all(table[name].strip() == "None" and "AUC needs" in undefined[name] for name in undefined)
    assert not [name for name, value in row.items() if isinstance(value, float) and value != value]


def test_groups_without_auc_are_named_in_the_advice() -> None:
    decision = Decision("undecided", "", {"base": Effect(0.0, 0.0, 0.0, 0.0)})
    bounds = {"low": "up to 1", "mid": "up to 2", "high": "above 2"}
    advice = Advice(None, 0.001, {}, None, decision, None, {"low": decision}, bounds, None)  # type: ignore[arg-type]
    assert advice.undefined == ["mid", "high"] and "mid and high" in without_auc(advice)
    assert power(decision) == "", "what could have been found is not said where it is not known"
    whole = Advice(None, 0.001, {}, None, decision, None, dict.fromkeys(bounds, decision), bounds, None)  # type: ignore[arg-type]
    assert without_auc(whole) == ""


def test_brackets_in_a_path_are_no_markup_on_a_terminal() -> None:
    from rich.console import Console
    from rich.progress import Progress

    from ctrnb.study.progress import Live

    console = Console(record=True, width=100)
    with Progress(console=console) as bar, warnings.catch_warnings():
        Live(3, bar, bar.add_task("")).say("[/dim][red]a[/nothing] failed: [link=http://x]y")
    assert "[/dim][red]a[/nothing] failed: [link=http://x]y" in console.export_text()
