"""Measure by mutation whether tests can fail: ``python -m tests.mutation [metrics] [curation] [theory]``.

Each mutant is one small fault put into a module. It is killed if a test that runs the changed statement fails. Results
are kept in ``_build/mutation``: a command that was stopped goes on where it was. A killed mutant stays killed while its
module does not change, and survivors are tried again once a test changes. ``tests/mutation/survivors.csv`` lists the
survivors and why they survive, ``scores.csv`` the scores; both are written again. The exit status is 1 where a score is
below 85 %.
"""

import argparse
import csv
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from scipy.stats import binomtest

from tests.mutation.mutants import Mutant, mutants, sample
from tests.mutation.reach import Reach, files_of, measure
from tests.mutation.trial import SURVIVED, outcome, preload

GOAL = 0.85
HERE = Path("tests/mutation")
SURVIVORS, SCORES = HERE / "survivors.csv", HERE / "scores.csv"
UNEXPLAINED = "not explained yet"


@dataclass(frozen=True)
class Target:
    """Modules to change and the tests that should notice."""

    modules: tuple[str, ...]  # paths or patterns
    tests: tuple[str, ...]
    size: int | None = None  # of a random sample of the mutants; None for all

    def paths(self) -> list[Path]:
        """Return the modules' paths."""
        return sorted(path for pattern in self.modules for path in Path().glob(pattern))

    def stamp(self) -> str:
        """Return what stands for the state of the tests."""
        files = [file for name in self.tests for file in files_of(Path(name))]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


TARGETS = {
    "metrics": Target(
        tuple(f"ctrnb/evaluation/{name}.py" for name in ("metrics", "mci", "statistics", "resample")),
        ("tests/evaluation",),
    ),
    "curation": Target(("ctrnb/data/curate.py",), ("tests/data/test_curate.py", "tests/data/test_variant.py")),
    "theory": Target(("ctrnb/theory/*.py",), ("tests/theory",), size=150),
}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split("\n")[0])
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    arguments.add_argument("--size", type=int, help="mutants a target, drawn at random; the target's own by default")
    arguments.add_argument("--seed", type=int, default=0, help="of the draw")
    given = arguments.parse_args()
    names = given.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        arguments.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    folder = Path("_build/mutation")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    preload()
    scores = [examine(name, given.size or TARGETS[name].size, given.seed, folder) for name in names]
    sys.exit(any(score < GOAL for score in scores))


def examine(name: str, size: int | None, seed: int, folder: Path) -> float:
    """Try a target's mutants, write down its score and survivors, and return the share that was killed."""
    target = TARGETS[name]
    found = list(mutants(target.paths()))
    drawn = [each for each in sample(found, size, seed=seed) if each.source is not None]
    reach = measure(target.paths(), target.tests, folder)
    results = try_all(drawn, reach, target.stamp(), folder / f"{name}.csv")
    survivors = [each for each, result in zip(drawn, results, strict=True) if result == SURVIVED]
    killed = len(drawn) - len(survivors)
    low, high = binomtest(killed, len(drawn)).proportion_ci(method="wilson")
    draw = "all" if size is None or size >= len(found) else f"{size} of {len(found)} by seed {seed}"
    unexplained = list_survivors(name, survivors)
    print(f"{name}: {killed} of {len(drawn)} mutants killed, {killed / len(drawn):.1%} (drawn: {draw}; 95 % interval "
          f"{low:.1%} to {high:.1%}); {len(survivors)} survive, {unexplained} of them unexplained in {SURVIVORS}.")  # fmt: skip
    keep_rows(SCORES, name, [{
        "target": name, "drawn": draw, "tried": len(drawn), "killed": killed, "survived": len(survivors),
        "score": f"{killed / len(drawn):.4f}", "low": f"{low:.4f}", "high": f"{high:.4f}",
    }])  # fmt: skip
    return killed / len(drawn)


def try_all(drawn: list[Mutant], reach: Reach, stamp: str, kept: Path) -> list[str]:
    """Return the outcome of every mutant; those known from before, in the file ``kept``, are not tried again."""
    known = {row["key"]: row for row in read_rows(kept)}
    start, results = time.monotonic(), []
    with kept.open("a", newline="") as file:
        for number, mutant in enumerate(drawn):
            row = known.get(mutant.key)
            if row is None or (row["result"] == SURVIVED and row["stamp"] != stamp):
                row = {"key": mutant.key, "stamp": stamp, "result": try_one(mutant, reach)}
                write_row(file, row)
            results.append(row["result"])
            if sys.stderr.isatty() or number % 50 == 49:
                passed = timedelta(seconds=round(time.monotonic() - start))
                print(f"{number + 1}/{len(drawn)}, {results.count(SURVIVED)} survive, {passed}", file=sys.stderr,
                      end="\r" if sys.stderr.isatty() else "\n")  # fmt: skip
    return results


def try_one(mutant: Mutant, reach: Reach) -> str:
    """Return the outcome of a mutant; one that no test reaches survives."""
    tests = reach.of(mutant)
    if not tests:
        return SURVIVED
    return outcome(mutant.path, mutant.source or "", tests, sum(reach.seconds[name] for name in tests))


def list_survivors(name: str, survivors: list[Mutant]) -> int:
    """Write a target's survivors down, with the reasons known from before; return how many have none."""
    fields = ("module", "before", "after")
    reasons = {tuple(row[field] for field in fields): row["reason"] for row in read_rows(SURVIVORS)}
    rows = []
    for mutant in sorted(survivors, key=lambda each: (each.path, each.line, each.operator, each.occurrence)):
        row = dict(zip(fields, (mutant.path.as_posix(), *mutant.lines()), strict=True))
        rows.append({"target": name} | row | {"reason": reasons.get(tuple(row.values())) or UNEXPLAINED})
    keep_rows(SURVIVORS, name, rows)
    return sum(row["reason"] == UNEXPLAINED for row in rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return a CSV file's rows, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_row(file: TextIO, row: dict[str, str]) -> None:
    """Add a row to an open CSV file at once, with its header first."""
    writer = csv.DictWriter(file, row)
    if not file.tell():
        writer.writeheader()
    writer.writerow(row)
    file.flush()


def keep_rows(path: Path, target: str, rows: list[dict[str, str]]) -> None:
    """Put a target's rows in the place of its old ones."""
    others = [row for row in read_rows(path) if row["target"] != target]
    whole = sorted([*others, *rows], key=lambda row: list(TARGETS).index(row["target"]))
    with path.open("w", newline="", encoding="utf-8") as file:
        for row in whole:
            write_row(file, row)


if __name__ == "__main__":
    main()
