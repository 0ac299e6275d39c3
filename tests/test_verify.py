import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctrnb import verify
from ctrnb.cli import app
from ctrnb.theory import graphs, lipschitz
from ctrnb.theory.claims import OBSERVED, OPEN, Statement
from ctrnb.theory.suites import SUITES

KEYS = ["id", "source", "statement", "verdict", "method", "evidence", "seconds"]
SHORT = [
    Statement("a.b", "Eq. 1", "x [y]", verdict, "by hand", "e", 0.1) for verdict in ("proven", "refuted", "corrected")
]


def run(*arguments: str):
    return CliRunner().invoke(app, ["verify", *arguments])


def test_mci_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("mci", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and all(list(each) == KEYS for each in found)
    by_id = {each["id"]: each["verdict"] for each in found}
    assert by_id["mci.condition-i-gain"] == "proven" and by_id["mci.condition-iii-loss"] == "corrected"
    assert sum(each["seconds"] for each in found) < 60


def test_all_is_every_suite_in_order_and_one_that_is_open_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Statement("c.d", "Eq. 2", "z", OPEN, "none", "Not shown: z.", 0.0)
    monkeypatch.setattr(verify, "SUITES", {"one": lambda: SHORT, "two": lambda: [left]})
    assert run("one").exit_code == 0 and "3 statements: 1 proven, 1 corrected, 1 refuted" in run("one").stdout
    result = run("all", "--json")
    assert result.exit_code == 1 and [each["id"] for each in json.loads(result.stdout)] == ["a.b"] * 3 + ["c.d"]
    assert "? not established" in run().stdout


def test_what_is_observed_is_counted_apart_from_proofs_and_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Statement("c.d", "Eq. 2", "z", OBSERVED, "numeric", "Seen: z.", 0.0)
    monkeypatch.setattr(verify, "SUITES", {"one": lambda: [*SHORT, seen]})
    result = run()
    assert result.exit_code == 0 and "4 statements: 1 proven, 1 corrected, 1 refuted, 1 observed" in result.stdout
    assert "○ observed" in result.stdout and json.loads(run("--json").stdout)[-1]["verdict"] == "observed"


def test_an_unknown_suite_ends_in_one_line() -> None:
    result = run("mcy")
    assert result.exit_code == 2 and "Did you mean 'mci'" in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_wrong_formula_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lipschitz, "star_constant", lambda leaves: leaves)
    monkeypatch.delenv("CTRNB_DATA", raising=False)
    checks = SUITES["lipschitz"]
    monkeypatch.setattr(verify, "SUITES", {"star": lambda: [checks.run("lipschitz.whole-star")]})
    assert run().exit_code == 1


def test_a_terminal_gets_a_table_that_keeps_brackets(capsys: pytest.CaptureFixture) -> None:
    verify.show_table(SHORT)
    shown = capsys.readouterr().out
    assert "[y]" in shown and "✓ proven" in shown and "3 statements" in shown


def test_every_statement_has_its_place_in_a_chapter() -> None:
    book = Path(__file__).parents[1] / "book"
    chapters = {"lipschitz": "lipschitz", "lightgcn": "lipschitz", "mci": "mci", "kcore": "curation"}
    assert set(chapters) == set(SUITES)
    for suite, chapter in chapters.items():
        text = (book / f"{chapter}.md").read_text(encoding="utf-8")
        assert [id for id in SUITES[suite].checks if f"`{id}`" not in text] == []


def test_every_suite_of_statements_is_verified() -> None:
    assert sorted(name for parts in verify.THEORY.values() for name in parts) == sorted(SUITES)
    assert set(verify.SUITES) == {*verify.THEORY, "paper"}


def test_every_argument_that_a_method_names_stands_in_a_chapter() -> None:
    book = Path(__file__).parents[1] / "book"
    pages = "".join((book / f"{name}.md").read_text(encoding="utf-8") for name in ("lipschitz", "mci", "curation"))
    package = Path(verify.__file__).parent / "theory"
    source = "".join(path.read_text(encoding="utf-8") for path in package.glob("*_claims.py"))
    named = [label for labels in re.findall(r"argument \(([^)]*)\)", source) for label in labels.split(", ")]
    assert len(named) > 10 and source.count('"argument') == source.count('"argument (')
    assert [label for label in named if f":label: {label}\n" not in pages] == []


def test_graphs_are_synthetic_where_there_is_no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CTRNB_DATA", str(tmp_path))
    assert list(graphs.checked_graphs()) == ["synthetic, k = 3"]


def test_graphs_are_real_where_there_is_data(real_data: Path) -> None:
    found = graphs.checked_graphs()
    assert list(found) == ["ml-1m, k = 6", "yelp-small, k = 3"]
    assert found["ml-1m, k = 6"].degree_user[1:].min() >= 1
