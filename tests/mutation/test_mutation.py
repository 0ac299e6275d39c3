"""The committed outcome of ``make mutation``, and what counts as a fault."""

import csv
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_most_faults_are_noticed() -> None:
    scores = {row["target"]: float(row["score"]) for row in rows("scores.csv")}
    assert scores.keys() == {"metrics", "curation", "theory"} and min(scores.values()) >= 0.85


def test_every_survivor_is_explained() -> None:
    survivors = rows("survivors.csv")
    assert all(len(row["reason"]) > 20 for row in survivors)
    for row in rows("scores.csv"):
        assert int(row["survived"]) == sum(each["target"] == row["target"] for each in survivors)
        assert int(row["killed"]) + int(row["survived"]) == int(row["tried"])


def test_faults_are_small_and_leave_annotations_alone(tmp_path) -> None:
    pytest.importorskip("cosmic_ray")
    from tests.mutation.mutants import mutants

    module = tmp_path / "module.py"
    module.write_text("def f(a: int | None, *, b: int = 1) -> int | str:\n    return a * 2\n")
    changed = {" ".join(mutant.lines()[1].split()) for mutant in mutants([module])}
    assert {"return a / 2", "return a + 2", "return a * 3", "return a * 1"} <= changed
    assert {line for line in changed if "def" in line} == {
        f"def f(a: int | None, *, b: int = {n}) -> int | str:" for n in (0, 2)
    }


def test_a_fault_is_killed_by_a_test_that_sees_it_and_by_no_other(tmp_path, monkeypatch) -> None:
    pytest.importorskip("cosmic_ray")
    from tests.mutation.trial import KILLED, SURVIVED, TIMEOUT, outcome

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "module.py").write_text("def f(a):\n    return a + 1\n")
    test = "from module import f\ndef test_one(): assert f(1) == 2\ndef test_zero(): assert f(0) >= 0\n"
    (tmp_path / "test_module.py").write_text(test)
    changed = "def f(a):\n    return a + 2\n"
    for test, expected in (("test_one", KILLED), ("test_zero", SURVIVED)):
        assert outcome(Path("module.py"), changed, [f"test_module.py::{test}"], 0.1) == expected
    endless = "def f(a):\n    while True: pass\n"
    monkeypatch.setattr("tests.mutation.trial.GRACE", 1)
    assert outcome(Path("module.py"), endless, ["test_module.py::test_one"], 0.0) == TIMEOUT
