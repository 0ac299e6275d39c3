"""A sweep is killed at random moments and started again; its ledger must be that of a sweep left alone."""

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ctrnb.study import command
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.training import RunStore

KILLS = 20


def run_sweep(folder: Path, runs: str) -> None:
    command.sweep(
        folder / "study.toml", folder / runs, InProcessEngine(threads=1), data_dir=None, device="cpu", out=None
    )


def start(folder: Path, runs: str) -> multiprocessing.Process:
    """Start a sweep in a process of its own; one with torch loaded serves as the mould, for speed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ctrnb.study.command"])
    process = context.Process(target=run_sweep, args=(folder, runs))
    process.start()
    return process


def start_command(folder: Path, runs: str) -> subprocess.Popen:
    """Start the command itself with two workers."""
    arguments = ["sweep", str(folder / "study.toml"), "--runs", str(folder / runs), "--workers", "2", "--threads", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "ctrnb.cli", *arguments, "--device", "cpu"], stderr=subprocess.PIPE, text=True
    )


def whole_runs(folder: Path) -> set[str]:
    """Return the runs in a folder; each must be intact."""
    store = RunStore(folder)
    found = {each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")}
    assert all(store.intact(run_id) for run_id in found), "what a killed sweep leaves is whole"
    return found


@pytest.mark.slow
def test_a_sweep_killed_at_twenty_random_moments_ends_with_the_same_ledger(own: Path, ledger) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text().replace("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    start(own, "warm").join()
    begun = time.perf_counter()
    alone = start(own, "alone")
    alone.join()
    seconds = time.perf_counter() - begun
    assert alone.exitcode == 0
    expected, chance = ledger(own, "alone"), random.Random(0)
    kills, round_, kept = 0, 0, set()
    while kills < KILLS:
        runs = f"runs-{round_}"
        process = start(own, runs)
        process.join(chance.uniform(0, seconds))
        killed = process.is_alive()
        process.kill()
        process.join()
        found = whole_runs(own / runs) if (own / runs).exists() else set()
        assert kept <= found <= set(expected["run_id"]), "nothing that had finished is lost"
        kills, kept = kills + killed, found
        if not killed or kills == KILLS:
            start(own, runs).join()
            pd.testing.assert_frame_equal(ledger(own, runs), expected)
            round_, kept = round_ + 1, set()
    assert round_ > 1, "several sweeps were killed and ended"


@pytest.mark.slow
def test_the_command_with_two_workers_survives_kill_9_and_leaves_no_worker(own: Path, ledger) -> None:
    whole = start_command(own, "whole")
    whole.communicate()
    assert whole.returncode == 0
    process = start_command(own, "runs")
    for _ in range(3):
        process.stderr.readline()
    children = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(whole_runs(own / "runs")) >= 3 and children and gone(children, seconds=10)
    assert start_command(own, "runs").communicate() and ledger(own, "runs").equals(ledger(own, "whole"))


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(number) for number in listed.stdout.split()]


def gone(pids: list[int], seconds: float) -> bool:
    """Return whether processes end within some time; a zombie has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        if not any(path.exists() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z" for path in states):
            return True
        time.sleep(0.1)
    return False
