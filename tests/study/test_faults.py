"""Processes killed at a chosen step, full disks, clocks set back, folders taken away.

Nothing finished is lost, nothing half-written is read.
"""

import errno
import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from ctrnb.cli import app
from ctrnb.data import SyntheticConfig, encode, generate
from ctrnb.data.curate import Curation, curate
from ctrnb.errors import RunError
from ctrnb.study import command
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.ledger import write_table
from ctrnb.study.results import ledgers, measured
from ctrnb.training import RunStore, train
from ctrnb.training import store as store_module
from ctrnb.training.loop import Trainer
from ctrnb.training.store import UNFINISHED, RunResult

FULL, READ_ONLY = (OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EROFS))


def in_process(function: Callable, *arguments: object) -> int:
    """Do a function in a process of its own and return its exit code; one with torch loaded serves as the mould."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ctrnb.study.command"])
    process = context.Process(target=function, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the process has ended"
    return process.exitcode


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sweep(folder: Path, runs: str = "runs") -> dict:
    engine = InProcessEngine(threads=1)
    return command.sweep(folder / "study.toml", folder / runs, engine, data_dir=None, device="cpu", out=None)


def whole(folder: Path) -> set[str]:
    """Return the finished runs in a folder; each must be intact."""
    found = {each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(UNFINISHED)}
    assert all(RunStore(folder).intact(run_id) for run_id in found)
    return found


# kill -9 in a training of `ctrnb train`


def small():
    return encode(curate(generate(SyntheticConfig(users=60, items=40, density=0.3, seed=3)), Curation(k=3)))


def train_ft(runs: Path, steps: int | None) -> RunResult:
    """Train FT, and with it the Base that it starts from; die in the step of that number."""
    if steps is not None:
        step, taken = Trainer.step, itertools.count(1)
        Trainer.step = lambda *arguments: die() if next(taken) == steps else step(*arguments)  # type: ignore[assignment]
    short = {"training.epochs": 2, "training.batch_size": 64, "training.precision": "fp32"}
    return train(
        small(), "dcnv2", "ft", seed=0, runs=runs, overrides=short | {"model.hidden": [8]}, base_overrides=short
    )


def test_a_training_killed_in_any_stage_keeps_what_had_finished(tmp_path: Path) -> None:
    expected = train_ft(tmp_path / "alone", None)
    steps = -(-len(small().rows("train")) // 64)
    base_epochs = RunStore(tmp_path / "alone").find(expected.row["parent"]).row["epochs"]
    moments = {steps + 2: 0, base_epochs * steps + 1: 1}  # step: runs finished by then
    for moment, finished in moments.items():
        runs = tmp_path / str(moment)
        assert in_process(train_ft, runs, moment) == -signal.SIGKILL
        kept = {run_id: (runs / run_id / "run.json").stat().st_mtime_ns for run_id in whole(runs)}
        assert len(kept) == finished
        again = train_ft(runs, None)
        assert again.row["auc"] == expected.row["auc"] and np.array_equal(again.probabilities, expected.probabilities)
        assert all((runs / run_id / "run.json").stat().st_mtime_ns == at for run_id, at in kept.items())


# kill -9 while a ledger is written

OLD, NEW = pd.DataFrame({"stage": ["final"] * 3, "auc": [0.7] * 3}), pd.DataFrame({"stage": ["final"] * 99, "auc": [0.8] * 99})  # fmt: skip


def write_and_die(path: Path, moment: str) -> None:
    if moment == "half":
        text = NEW.to_csv(index=False)
        pd.DataFrame.to_csv = lambda self, place, **_: (Path(place).write_text(text[:300]), die())  # type: ignore[assignment]
    elif moment == "written":
        os.chmod = die
    elif moment == "before":
        os.replace = os.rename = die
    elif moment == "after":
        replace = os.replace
        os.replace = os.rename = lambda *arguments, **options: (replace(*arguments, **options), die())
    write_table(NEW, path)


@pytest.mark.parametrize(("moment", "kept"), [("half", OLD), ("written", OLD), ("before", OLD), ("after", NEW)])
def test_a_ledger_killed_in_writing_is_the_old_one_or_the_new_one(tmp_path: Path, moment: str, kept: pd.DataFrame) -> None:  # fmt: skip
    path = tmp_path / "study.csv"
    write_table(OLD, path)
    assert in_process(write_and_die, path, moment) == -signal.SIGKILL
    assert ledgers(tmp_path) == ["study"] and measured("study", tmp_path)["auc"].tolist() == kept["auc"].tolist()
    write_table(NEW, path)
    assert len(measured("study", tmp_path)) == len(NEW)


# A checkpoint cut short


@pytest.mark.parametrize("name", ["model.safetensors", "test.safetensors", "run.json", "SHA256SUMS"])
def test_a_file_of_a_run_cut_at_any_4_kib_is_never_read(tmp_path: Path, name: str) -> None:
    row = {"run_id": "abc", "auc": 0.7, "padding": "x" * 50_000}
    result = RunResult(row, [], {"w": torch.randn(40_000)}, np.linspace(0, 1, 40_000, dtype=np.float32))
    store = RunStore(tmp_path)
    store.save(result)
    path = tmp_path / "abc" / name
    content = path.read_bytes()
    for length in range(0, len(content), 4096):
        path.write_bytes(content[:length])
        with pytest.warns(UserWarning, match="abc is damaged and is trained again"):
            assert store.find("abc") is None
    store.save(result)
    assert np.array_equal(store.find("abc").probabilities, result.probabilities)


# A ledger or another file that a sweep would overwrite


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds = [0, 1]", 'seeds = [0, 1]\ntiers = ["base"]'),
        ("seeds = [0, 1]", "seeds = [1, 2]"),
        ("[grid.any.ft]", "[budget]\ntrainings = 1\n\n[grid.any.ft]"),
    ],
    ids=["fewer tiers", "other seeds", "a budget"],
)
def test_a_ledger_is_not_replaced_by_one_with_less(own: Path, old: str, new: str) -> None:
    sweep(own)
    ledger, path = own / "runs" / "study.csv", own / "study.toml"
    before = ledger.read_bytes()
    path.write_text(path.read_text().replace(old, new))
    given = arguments(own, runs=own / "other", out=ledger)
    ends_in_one_line(CliRunner().invoke(app, given), "study.csv has")
    assert ledger.read_bytes() == before and not list((own / "other").glob("*/run.json"))


def test_a_ledger_is_kept_where_trainings_fail_that_it_has(own: Path, monkeypatch) -> None:
    sweep(own)
    ledger = own / "runs" / "study.csv"
    before = ledger.read_bytes()
    monkeypatch.setattr(Trainer, "step", raising(RuntimeError("as asked")))
    monkeypatch.setattr("ctrnb.study.engines.start", HereEngine)
    one = next((own / "runs").glob("*/run.json"))
    one.write_text("{}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ends_in_one_line(CliRunner().invoke(app, arguments(own)), "finished trainings that this sweep would leave out")
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("name", ["mine.csv", "mine-changes.csv", "mine.parquet"])
def test_a_file_that_is_no_ledger_is_not_overwritten(own: Path, name: str) -> None:
    place = own / name
    place.write_text("PAR1 no table" if place.suffix == ".parquet" else (own / "r.csv").read_text())
    before = place.read_bytes()
    given = arguments(own, out=own / f"mine{place.suffix}")
    ends_in_one_line(CliRunner().invoke(app, given), f"{name} is no table of a sweep's")
    assert place.read_bytes() == before and not list((own / "runs").glob("*/run.json"))


def test_a_table_with_a_ledgers_keys_alone_is_not_overwritten(own: Path) -> None:
    keys = "dataset,k,drop_middle,model,tier,seed,split_seed\n"
    (own / "mine.csv").write_text(keys)
    for options in ((), ("--dry-run",)):
        given = [*arguments(own, out=own / "mine.csv"), *options]
        ends_in_one_line(CliRunner().invoke(app, given), "mine.csv is no table of a sweep's")
    assert (own / "mine.csv").read_text() == keys


def test_an_empty_file_may_be_written(own: Path) -> None:
    (own / "new.csv").touch()
    outcome = command.sweep(
        own / "study.toml", own / "runs", HereEngine(), data_dir=None, device="cpu", out=own / "new.csv"
    )
    assert outcome["complete"] and ledgers(own) == ["new", "r"]


# Two sweeps on one ledger


def test_two_sweeps_at_once_end_with_the_ledger_of_one(own: Path, ledger) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ctrnb.study.command"])
    both = [context.Process(target=sweep, args=(own,)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(120)
    assert [each.exitcode for each in both] == [0, 0]
    sweep(own, "alone")
    pd.testing.assert_frame_equal(ledger(own), ledger(own, "alone"))
    assert whole(own / "runs") == set(ledger(own)["run_id"])
    assert not [each for each in (own / "runs").iterdir() if each.name.startswith(".")], "nothing is left over"


def test_a_leftover_that_another_process_removes_first_is_no_fault(tmp_path: Path, monkeypatch) -> None:
    store = RunStore(tmp_path)
    (tmp_path / f"{UNFINISHED}gone").mkdir()
    listed = list(tmp_path.glob(f"{UNFINISHED}*"))
    (tmp_path / f"{UNFINISHED}gone").rmdir()
    monkeypatch.setattr(type(tmp_path), "glob", lambda *_: iter(listed))
    store.tidy()


# A clock that is set back


def test_a_clock_set_back_again_and_again_changes_no_result(own: Path, ledger, monkeypatch) -> None:
    sweep(own, "steady")
    path = own / "study.toml"
    path.write_text(path.read_text() + "\n[budget]\nhours = 1\n")
    past = itertools.count(0, -3600 * 24)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + next(past))

    class Back(store_module.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls.fromtimestamp(now + next(past), zone)

    monkeypatch.setattr(store_module, "datetime", Back)
    assert sweep(own)["complete"] and sweep(own)["reused"] == len(ledger(own))
    pd.testing.assert_frame_equal(ledger(own), ledger(own, "steady"))
    (own / "runs" / f"{UNFINISHED}young").mkdir()
    RunStore(own / "runs").tidy()
    assert (own / "runs" / f"{UNFINISHED}young").exists(), "what may be in the making stays"


# Folders that cannot be written


def arguments(own: Path, **options: Path) -> list[str]:
    named = {"runs": own / "runs"} | options
    return [
        "sweep",
        str(own / "study.toml"),
        "--device",
        "cpu",
        *(f"--{name}={value}" for name, value in named.items()),
    ]


def ends_in_one_line(result, message: str) -> None:
    lines = [line for line in result.stderr.splitlines() if line.startswith("ctrnb: ")]
    assert result.exit_code == 2 and len(lines) == 1 and message in lines[0], result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("l.csv", "l.csv cannot be written: Is a directory. Name another place by --out"),
        ("r.csv/l.csv", "r.csv/l.csv cannot be written: Not a directory. Name another place by --out"),
        ("m.csv", "m-changes.csv cannot be written: Is a directory"),
    ],
)
def test_a_dry_run_refuses_a_ledgers_place_as_the_sweep_would(own: Path, out: str, message: str) -> None:
    for name in ("l.csv", "m-changes.csv"):
        (own / name).mkdir()
    for options in (["--dry-run"], []):
        before = sorted(own.iterdir())
        ends_in_one_line(CliRunner().invoke(app, [*arguments(own, out=own / out), *options]), message)
        assert sorted(own.iterdir()) == before


def test_a_dry_run_does_not_create_a_ledgers_folder(own: Path) -> None:
    given = [*arguments(own, out=own / "new" / "l.csv"), "--dry-run"]
    assert CliRunner().invoke(app, given).exit_code == 0 and not (own / "new").exists()


def test_a_ledger_whose_changes_or_name_cannot_be_written_is_named_before_anything_is_trained(own: Path) -> None:
    (own / "l-changes.csv").mkdir()
    ends_in_one_line(CliRunner().invoke(app, arguments(own, out=own / "l.csv")), "l-changes.csv cannot be written")
    name = (
        "数" * 80
    )  # 240 bytes: the ledger's own name fits into the 255 that a file system takes, those beside it do not
    ends_in_one_line(CliRunner().invoke(app, arguments(own, out=own / f"{name}.csv")), "File name too long")
    assert not list((own / "runs").glob("*/run.json"))


@pytest.mark.parametrize(("option", "make"), [("runs", "file"), ("out", "folder"), ("out", "below a file")])
def test_a_place_that_is_no_folder_is_named_before_anything_is_trained(own: Path, option: str, make: str) -> None:
    place = own / "place.csv"
    place.mkdir() if make == "folder" else place.write_text("a file")
    given = place / "l.csv" if make == "below a file" else place
    ends_in_one_line(CliRunner().invoke(app, arguments(own, **{option: given})), "place.csv")
    assert not list((own / "runs").glob("*/run.json")) and (make == "folder" or place.read_text() == "a file")


@pytest.mark.parametrize("error", [READ_ONLY, FULL], ids=["read-only", "full"])
def test_a_runs_folder_that_cannot_be_written_is_named_at_once(own: Path, monkeypatch, error: OSError) -> None:
    monkeypatch.setattr(store_module.tempfile, "TemporaryFile", raising(error))
    ends_in_one_line(CliRunner().invoke(app, arguments(own)), f"cannot be written: {error.strerror}")


def raising(error: OSError) -> Callable:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


class HereEngine(InProcessEngine):
    """The engine of the command in the test's own process, where faults can be injected."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(threads=1)


@pytest.mark.parametrize("error", [READ_ONLY, FULL], ids=["read-only", "full"])
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_fails_in_the_middle_of_a_sweep_keeps_what_had_finished(own: Path, ledger, monkeypatch, error: OSError, call: str) -> None:  # fmt: skip
    monkeypatch.setattr("ctrnb.study.engines.start", HereEngine)
    original, calls = getattr(os, call), itertools.count(1)
    allowed = {"fsync": 12, "rename": 2}[call]

    def failing(*given: object, **options: object) -> object:
        if next(calls) > allowed:
            raise error
        return original(*given, **options)

    monkeypatch.setattr(store_module.os, call, failing)
    ends_in_one_line(CliRunner().invoke(app, arguments(own)), f"could not be written: {error.strerror}")
    monkeypatch.undo()
    kept = whole(own / "runs")
    assert len(kept) == 2 and not (own / "runs" / "study.csv").exists()
    assert sweep(own)["reused"] == 2 and kept < set(ledger(own)["run_id"])


def sweep_with_files_of_at_most(folder: Path, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        sweep(folder)
    except RunError as error:
        assert os.strerror(errno.EFBIG) in str(error)
        os._exit(42)


@pytest.mark.parametrize("size", [6000])
def test_a_limit_on_the_size_of_files_leaves_whole_runs_or_none(own: Path, size: int) -> None:
    assert in_process(sweep_with_files_of_at_most, own, size) == 42
    assert all(RunStore(own / "runs").intact(run_id) for run_id in whole(own / "runs"))
    assert sweep(own)["complete"]


def test_a_ledger_that_does_not_fit_the_disk_leaves_the_old_one_and_the_runs(own: Path, monkeypatch) -> None:
    sweep(own)
    before = (own / "runs" / "study.csv").read_bytes()
    monkeypatch.setattr("ctrnb.study.engines.start", HereEngine)
    monkeypatch.setattr(pd.DataFrame, "to_csv", raising(FULL))
    ends_in_one_line(CliRunner().invoke(app, arguments(own)), "No space left on device")
    assert (own / "runs" / "study.csv").read_bytes() == before
    assert not list((own / "runs").glob(".study*")), "no half of a table is left"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_to_a_full_disk_or_a_closed_pipe_ends_without_a_traceback() -> None:
    curate_json = [sys.executable, "-m", "ctrnb.cli", "curate", "synthetic", "--k", "3", "--json"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(curate_json, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 2 and result.stderr == "ctrnb: No space left on device. Finished runs are kept.\n"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        result = subprocess.run(curate_json, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1 and result.stderr == ""


def test_a_runs_folder_taken_away_in_a_sweep_is_named(own: Path, monkeypatch) -> None:
    """What had finished is gone with the folder; the sweep says so rather than going on without a place."""
    import shutil

    class Thief(HereEngine):
        def wait(self, timeout: float) -> list:
            shutil.rmtree(own / "runs", ignore_errors=True)
            return super().wait(timeout)

    monkeypatch.setattr("ctrnb.study.engines.start", Thief)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ends_in_one_line(CliRunner().invoke(app, arguments(own)), "could not be written: No such file or directory")
