"""Try a mutant: run the tests that reach it, in a child process that imports the changed module.

A fork costs a tenth of a fresh interpreter, since the libraries are loaded already. Nothing is written into the working
tree: the child's import system is given the changed source.
"""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

LIBRARIES = ("numpy", "pandas", "scipy.stats", "scipy.sparse.linalg", "torch", "sympy", "networkx", "sklearn.metrics",
             "hypothesis.strategies", "safetensors.torch", "beartype", "jaxtyping", "z3")  # fmt: skip
QUICK = ("-x", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:playwright")
GRACE = 20  # seconds of a processor that a child may take beside five times what its tests do
MEMORY = 8 * 2**30  # bytes of data a child may take: a changed size must not take the machine down
KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"


def preload() -> None:
    """Import the libraries that children share; none of the package, which they import changed."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()  # what is here now need not be looked through, and so not be copied, in every child
    assert not any(name.split(".")[0] == "ctrnb" for name in sys.modules)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from changed source."""

    def __init__(self, path: Path, source: str) -> None:
        self.name, self.path, self.source = ".".join(path.with_suffix("").parts), str(path), source

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self, origin=self.path) if fullname == self.name else None

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        return self.source.encode()

    def path_stats(self, path: str) -> dict[str, Any]:
        raise OSError("changed source has no cache")


class Recorder:
    """A pytest plugin that runs the named tests in their order, all where none are named, and notes their seconds."""

    def __init__(self, tests: Sequence[str] = ()) -> None:
        self.place = {name: number for number, name in enumerate(tests)}
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.place:
            items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda i: self.place[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


def run_tests(files: Sequence[str], recorder: Recorder, *options: str) -> int:
    """Run tests as a child does: the same examples each time, none shrunk or kept."""
    from hypothesis import Phase, settings

    settings.register_profile("mutation", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutation")
    return int(pytest.main([*files, *QUICK, *options], plugins=[recorder]))


def in_child(work: Callable[[], Any], *, cpu_seconds: float | None = None) -> tuple[int, Any]:
    """Return the exit status of a child process, negative for a signal, and what ``work`` returned in it."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        child = os.fork()
        if not child:
            code = 1
            try:
                silence(Path(folder) / "output")
                if cpu_seconds is not None:
                    whole = int(cpu_seconds) + 1
                    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
                    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
                answer.write_bytes(pickle.dumps(work()))
                code = 0
            finally:
                os._exit(code)
        try:
            status = wait(child, None if cpu_seconds is None else 20 * cpu_seconds)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        return status, pickle.loads(answer.read_bytes()) if answer.exists() else None


def wait(child: int, seconds: float | None) -> int:
    """Return a child's exit status, negative for a signal; a child that sleeps for too long is killed."""
    start = time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if seconds is not None and time.monotonic() - start > seconds:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def silence(path: Path) -> None:
    """Send the output of this process into a file."""
    with path.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def outcome(path: Path, source: str, tests: Sequence[str], seconds: float) -> str:
    """Return what some tests, which take ``seconds`` on the unchanged module, make of a changed one."""

    def work() -> int:
        sys.meta_path.insert(0, Changed(path, source))
        return run_tests(sorted({name.partition("::")[0] for name in tests}), Recorder(tests))

    status, result = in_child(work, cpu_seconds=GRACE + 5 * seconds)
    if status < 0:
        return TIMEOUT
    if result == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SystemExit(f"{tests[0]} is not there any more: a test file changed meanwhile. Start again.")
    return SURVIVED if result == pytest.ExitCode.OK else KILLED
