"""The audit's HTML: each finding with its verdict in words, and our number under cells that disagree, only there."""

import re

import pandas as pd
import pytest

from ctrnb import audit, paper, plots
from ctrnb.audit import page


def test_a_finding_shows_verdict_in_words_place_evidence_and_every_cell() -> None:
    (found,) = audit.audit_paper(ids=["Table 1/items"])
    html = page.findings_table([found])
    for part in ("✎ typo", found.statement, found.source, "34000", *found.cells):
        assert part in html
    assert "<details><summary><strong>Table 1</strong> ✎" in page.findings_table([found], folded=True)
    assert "No claim" in page.findings_table([])


def test_a_verdict_that_depends_on_the_reading_says_so_beside_it() -> None:
    effective, even = audit.audit_paper(ids=["Abstract/effective", "4.2/generally"])
    assert page.verdict_of(effective) == "✘ does not hold (depends on the reading)" in page.findings_table([effective])
    assert page.verdict_of(even) == "✔ holds"


def test_cells_that_decide_nothing_are_not_called_deciding() -> None:
    counted, theorem = audit.audit_paper(ids=["4.2/inferior", "4.4/condition-2"])
    assert "4 illustrating cells" in page.cells_of(theorem) and "6 deciding cells" in page.cells_of(counted)


def test_text_of_findings_is_escaped() -> None:
    found = audit.Finding("a/b", "4.2", "here", "a < b & c", "holds", "x", "1 < 2.", 0.0, ("Table 1: x = <1>",))
    html = page.findings_table([found])
    assert "a &lt; b &amp; c" in html and "= &lt;1&gt;" in html


def test_only_the_row_of_34k_items_contradicts_itself() -> None:
    wrong = pd.concat([page.recomputed(number) for number in page.LAYOUTS]).query("mark == '≠'")
    assert set(wrong["statistic"]) == {"items", "interactions_per_item", "density_percent"}
    assert wrong[["dataset", "k"]].drop_duplicates().to_numpy().tolist() == [["ML-1M", 6]]


def test_rounding_is_told_from_agreement_by_hand() -> None:
    """DCNV2's TS on ML-1M at k = 6: 100 (82.34 / 82.20 - 1) = 0.170 is printed 0.18, which unrounded cells allow."""
    found = page.recomputed(2).query("dataset == 'ML-1M' and model == 'DCNV2'").set_index("k")
    assert found["mark"].to_dict() == {3: "", 6: "≈", 10: ""}
    assert found.loc[6, "given"] == f"{100 * (82.34 / 82.20 - 1):.3f}"


@pytest.mark.parametrize("number", page.LAYOUTS)
def test_a_table_shows_every_printed_cell_and_as_many_notes_as_disagree(number: int) -> None:
    html = page.paper_table(number).replace("&nbsp;", " ")
    for printed in set(paper.table(number)["printed"]):
        assert printed in html
    counts = page.agreement().loc[number]
    assert len(re.findall("≈ ", html)) == counts["≈"] and len(re.findall("≠ ", html)) == counts["≠"]
    assert counts["all"] == counts[["agree", "≈", "≠"]].sum() == len(page.recomputed(number))


def test_a_contradicting_change_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    base, scratch = paper.TABLE_2["ML-1M", "DCNV2"]
    monkeypatch.setitem(paper.TABLE_2, ("ML-1M", "DCNV2"), (base, scratch.replace("(0.18)", "(0.20)")))
    assert page.agreement().loc[2, "≠"] == 1
    assert "82.34 (0.20)<br>≠ 0.170" in page.paper_table(2).replace("&nbsp;", " ")


def test_bars_hold_the_counts() -> None:
    found = pd.DataFrame({"section": ["4.2", "4.2", "5"], "verdict": ["holds", "typo", "holds"]})
    axis = plots.claims_by_section(found, list(audit.VERDICTS), "title").axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["4.2", "5"]
    assert sum(bar.get_width() for bars in axis.containers for bar in bars) == 3
