import os
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ctrnb.training.store import UNFINISHED, RunResult, RunStore, pack, unpack


def result(value: float = 0.5) -> RunResult:
    row = {"run_id": "abc", "auc": value}
    return RunResult(row, [{"epoch": 1}], {"w": torch.tensor([value])}, np.array([value], np.float32))


def test_a_packed_run_comes_back_the_same() -> None:
    again = unpack(pack(result()), "abc")
    assert again.row == result().row and again.history == [{"epoch": 1}]
    assert torch.equal(again.state["w"], torch.tensor([0.5])) and again.probabilities.tolist() == [0.5]
    with pytest.raises(ValueError, match="run abc"):
        unpack(pack(result()), "abd")


def test_every_flipped_byte_of_a_run_is_found() -> None:
    files = pack(result())
    for name, content in files.items():
        for place in range(0, len(content), max(len(content) // 40, 1)):
            altered = bytearray(content)
            altered[place] ^= 1
            with pytest.raises((ValueError, KeyError)):
                unpack({**files, name: bytes(altered)}, "abc")


def test_checksums_can_be_checked_by_hand(tmp_path: Path) -> None:
    RunStore(tmp_path).save(result())
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "abc", capture_output=True, check=False)
    assert checked.returncode == 0 and checked.stdout.count(b": OK") == 3


def test_a_finished_run_is_never_overwritten(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.save(result(0.5))
    store.save(result(0.9))
    assert store.find("abc").row["auc"] == 0.5
    memory = RunStore(None)
    memory.save(result(0.5))
    memory.save(result(0.9))
    assert memory.find("abc").row["auc"] == 0.5


def test_date_and_command_are_kept(tmp_path: Path) -> None:
    RunStore(tmp_path).save(result())
    origin = RunStore(tmp_path).find("abc").origin
    assert origin["date"].endswith("+00:00") and origin["command"]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_crash_at_any_step_of_writing_leaves_a_whole_run_or_none(tmp_path: Path, monkeypatch, damaged: bool) -> None:
    """Each call that touches the disk is made the last one in turn."""
    calls = [(os, "fsync"), (os, "rename"), (os, "mkdir")]
    for last in range(40):
        folder = tmp_path / str(last)
        store = RunStore(folder)
        if damaged:
            store.save(result())
            (folder / "abc" / "run.json").write_text("{")
        crash_after(monkeypatch, calls, last)
        try:
            store.save(result())
            finished = True
        except KeyboardInterrupt:
            finished = False
        monkeypatch.undo()
        assert store.intact("abc") or not finished
        store.save(result())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert store.find("abc").row == result().row
        if finished:
            break
    assert finished and last > 5


def crash_after(monkeypatch, functions: list, allowed: int) -> None:
    """Let the first ``allowed`` calls of the functions pass and every later one fail, as in a killed process."""
    made = 0

    def guard(original):
        def call(*arguments, **options):
            nonlocal made
            made += 1
            if made > allowed:
                raise KeyboardInterrupt
            return original(*arguments, **options)

        return call

    for module, name in functions:
        monkeypatch.setattr(module, name, guard(getattr(module, name)))


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    (tmp_path / f"{UNFINISHED}x").mkdir()
    store.tidy()
    assert len(list(tmp_path.iterdir())) == 1
    store.tidy(older_than_seconds=-1)
    assert not list(tmp_path.iterdir())
