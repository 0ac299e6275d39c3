"""Which tests reach which lines, measured by one run of them under coverage."""

import ast
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage

from tests.mutation.mutants import Mutant
from tests.mutation.trial import Recorder, in_child, run_tests

IMPORT = ""  # the context of what runs outside of any test


@dataclass(frozen=True)
class Reach:
    """Tests by the line that they run, and the seconds that each takes."""

    tests: dict[str, dict[int, list[str]]]  # by path and line
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run a mutant's statement, the quickest first; all where it runs at import."""
        lines = self.tests.get(mutant.path.as_posix(), {})
        first, last = statement(mutant)
        found = {test for line in range(first, last + 1) for test in lines.get(line, [])}
        return sorted(self.seconds if IMPORT in found else found, key=self.seconds.__getitem__)


def statement(mutant: Mutant) -> tuple[int, int]:
    """Return the first and last line of the innermost statement around a mutant, its body left out."""
    best = (mutant.line, mutant.end)
    for node in ast.walk(ast.parse(mutant.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.stmt) and node.lineno <= mutant.line <= (node.end_lineno or node.lineno):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else (node.end_lineno or node.lineno)
            if mutant.line <= last:
                best = (node.lineno, last)
    return best


def measure(paths: Sequence[Path], tests: Sequence[str], folder: Path) -> Reach:
    """Return what some tests reach; kept in ``folder`` until a module or a test changes.

    Raises:
        SystemExit: a test fails on the unchanged modules.
    """
    files = sorted({*paths, *(file for name in tests for file in files_of(Path(name)))})
    stamp = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    kept = folder / f"reach-{stamp}.json"
    if not kept.exists():
        data_file = folder / f"coverage-{stamp}"
        sources = ",".join(path.as_posix() for path in paths)

        def work() -> dict[str, float]:
            recorder = Recorder()
            settings = folder / "coveragerc"
            settings.write_text(f"[run]\ndata_file = {data_file}\ninclude = {sources}\n")
            code = run_tests(
                tests, recorder, "--cov", "--cov-context=test", "--cov-report=", f"--cov-config={settings}"
            )
            return recorder.seconds if code == 0 else {}

        _, seconds = in_child(work)
        if not seconds:
            raise SystemExit(f"{', '.join(tests)}: not all pass on the unchanged modules. Run them by pytest first.")
        data = coverage.CoverageData(basename=str(data_file))
        data.read()
        found = {}
        for path in paths:
            lines = data.contexts_by_lineno(str(path.resolve()))
            found[path.as_posix()] = {
                n: sorted({name.rpartition("|")[0] for name in names}) for n, names in lines.items()
            }
        kept.write_text(json.dumps({"tests": found, "seconds": seconds}))
    document = json.loads(kept.read_text())
    by_line = {path: {int(n): names for n, names in lines.items()} for path, lines in document["tests"].items()}
    return Reach(by_line, document["seconds"])


def files_of(path: Path) -> list[Path]:
    """Return a test file, or those of a folder."""
    return sorted(path.glob("test_*.py")) if path.is_dir() else [path]
