"""Tables of the chapters on the Lipschitz bound and on MCI, by hand."""

import numpy as np
import pandas as pd
import pytest

from ctrnb.report import theory as report
from ctrnb.theory import effort, mci, symbolic
from ctrnb.theory import operators as op
from ctrnb.theory.claims import Statement
from ctrnb.theory.expression import parse_cost

PATH = op.graph_of([(0, 0), (0, 1)], 2, 2)  # user 1 has no edges


def test_gram_table_says_where_the_factor_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "gram_holds", lambda n, d, sigma, factor: (n, d) != (3, 2) or factor * n != n + 1)
    found = report.gram_table()
    found = found.set_index("activation")
    assert list(found.index) == list(report.GRAM)
    assert list(found.columns) == ["k = 1, d = 1", "k = 1, d = 2", "k = 2, d = 2", "k = 3, d = 2"]
    assert not found["k = 3, d = 2"].any() and found.drop(columns="k = 3, d = 2").to_numpy().all()


def test_a_table_reads_like_the_books_others() -> None:
    html = report.shown(pd.DataFrame({"holds": [True, False], "value": [1 / 3, 2.0]}), digits=3).to_html()
    assert 'class="dataframe"' in html and "True" not in html
    for text in ("yes", "no", "0.333", "2.000"):
        assert f">{text}</td>" in html


def test_statements_are_escaped_and_their_evidence_is_folded() -> None:
    html = report.statements_table(
        [Statement("a.b", "Section 1", "x < y", "proven", "symbolic", "Checked: 1 > 0.", 0.0)]
    )
    assert ">proven</td>" in html and "a.b: x &lt; y (Section 1)" in html
    assert html.index("<details>") < html.index("[symbolic] Checked: 1 &gt; 0.")


def test_relu_loses_where_only_one_row_passes() -> None:
    found = report.losing_table().set_index("activation")
    assert found.loc["identity", ["at least", "at most"]].tolist() == pytest.approx([2**0.5] * 2)
    assert found.loc["relu", "at least"] == 1 and not found.loc["relu", "exact"] and found.loc["tanh", "exact"]


def test_slopes_are_enclosed() -> None:
    found = report.slopes_table().set_index("activation")
    assert found.loc["sigmoid", "exactly"] == "1/4" and found.loc["sigmoid", "value"] == 0.25
    assert (found["enclosed from"] <= found["value"]).all() and (found["value"] <= found["to"]).all()


def test_curves_by_degree_by_hand() -> None:
    """Degrees 1 and 2 occur; W of norm 1 with ||W||_F = sqrt(2), the identity."""
    found = report.constants_by_degree(PATH, np.eye(2)).pivot(index="degree", columns="name", values="constant")
    assert found["printed bound (Eq. 7)"].tolist() == pytest.approx([2, 3**0.5])
    assert found["exact, message passing"].tolist() == pytest.approx([2**0.5, 1.5**0.5])
    assert found["exact, no message passing"].tolist() == [1, 1]
    assert np.linalg.norm(report.random_weight(5), 2) == pytest.approx(1)


def test_stars_by_hand() -> None:
    row = report.stars_table([4]).iloc[0]
    assert row.tolist() == pytest.approx([4, 5 / 2, 2**0.5, (5 / 4) ** 0.5])


def test_a_graph_and_its_ranges_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "checked_graphs", lambda: {"other": op.star(1)})
    found = report.real_graphs({"path": PATH})
    assert found["graph"].tolist() == ["path", "other"]
    row = found.iloc[0]
    assert row[["certified from", "to", "Lanczos", "by degrees from", "by degrees to"]].tolist() == pytest.approx(
        [3 / 2**0.5] * 5
    )
    assert row[["Eq. 7, smallest", "Eq. 7, largest"]].tolist() == pytest.approx([1.5**0.5, 2**0.5])
    drawn = report.ranges(found)
    assert drawn["name"].tolist()[:3] == ["path: Eq. 7", "path: by degrees", "path: certified"] and len(drawn) == 6
    assert drawn.loc[0, ["low", "high"]].tolist() == pytest.approx([1.5**0.5, 2**0.5])
    assert report.real_table(found).loc[0, ["graph", "Eq. 7"]].tolist() == ["path", "1.2247 to 1.4142"]


def test_norms_of_normalisations_by_hand() -> None:
    found = report.normalisations_table().set_index("average")
    assert found.loc[report.OPERATOR_NAMES["update"]].tolist() == pytest.approx([2, 3 / 2**0.5, 6 / 5**0.5, 2])
    assert found.loc["symmetric (Equation 9)"].tolist() == pytest.approx([1] * 4) == found.loc["none"].tolist()


def test_lightgcn_nodes_by_hand() -> None:
    """One layer: sqrt(1 + 1/H)/2 of the centre (H = 1) and of leaves (H = 2); the user without edges is left out."""
    found = report.lightgcn_nodes(PATH, 1)
    assert found["own"].tolist() == [2, 1, 1] and found["harmonic"].tolist() == [1, 2, 2]
    assert found["constant"].tolist() == pytest.approx([0.5**0.5, 1.5**0.5 / 2, 1.5**0.5 / 2])
    assert (found["low"] <= found["constant"] + 1e-12).all() and (found["constant"] <= found["high"] + 1e-12).all()
    assert len(report.lightgcn_nodes(op.random_graph(300, 300, 900, 0), 1)) == report.MOST
    row = report.lightgcn_table({"path": PATH}, 1).iloc[0]
    assert row[["graph", "nodes"]].tolist() == ["path", 3]
    assert row[["smallest drawn", "largest drawn"]].tolist() == pytest.approx([1.5**0.5 / 2, 0.5**0.5])
    assert row[["ρ with H", "ρ with k"]].tolist() == pytest.approx([-1, 1])


def test_counterexamples_to_condition_iii_by_hand() -> None:
    found = report.counterexamples(mci.conditions())
    assert found[["compares", "p1", "p2", "c"]].to_numpy().tolist() == [
        ["two gains", "1/4", "1/2", "1/4"], ["two losses", "1/2", "3/4", "-1/4"]
    ]  # fmt: skip
    assert found["|MCI| at p1"].tolist() == pytest.approx([np.log(3 / 2)] * 2)
    assert found["|MCI| at p2"].tolist() == pytest.approx([np.log(2)] * 2)
    assert report.counterexamples(mci.conditions("c / p")).empty
    table = report.conditions_table(mci.conditions(), examples=False)
    assert table["compares"].tolist() == ["two gains", "two losses", "a gain and a loss"] * 2 + [
        "two gains",
        "two losses",
    ]
    assert "counterexample" not in table and "counterexample" in report.conditions_table(mci.conditions())


def test_costs_and_what_they_meet() -> None:
    found = report.costs_table().set_index("cost")
    assert list(found.index) == list(mci.COSTS) and found.loc["relative change", "potential"] == "none"
    assert found["(i)"].all() and found["(ii)"].all()
    assert found["(iii)"].tolist() == [False, False, True, True, True]


def test_cuts_and_surfaces_are_of_the_cost() -> None:
    found = report.cuts([0.01, -0.01])
    assert len(found) == 182 and found.iloc[0].tolist() == pytest.approx([0.5, 0.01, np.log(0.5 / 0.49)])
    base, change, size = report.surfaces(parse_cost("c"))["the chapter's cost"]
    assert np.allclose(size, abs(change)) and base.shape == size.shape == (161, 241)
    relative = report.surfaces(parse_cost("c"))["relative change"][2]
    assert np.allclose(relative, abs(change) / base)


def test_tables_on_table_4() -> None:
    changed = report.changed_pairs(effort.comparisons())
    assert changed[["setting", "groups"]].to_numpy().tolist() == [
        ["ML-1M, AutoInt TS", "Mid against High"], ["ML-1M, FinalMLP FT", "Low against High"]
    ]  # fmt: skip
    assert changed["relative"].tolist() == ["larger"] * 2 and not changed["beyond rounding"].any()
    ranks = report.rankings_table(effort.rankings()).set_index("setting")
    assert ranks.loc["ML-1M, AutoInt TS", "MCI"] == "L\u00a0>\u00a0H\u00a0>\u00a0M"
    assert ranks.loc["ML-1M, AutoInt TS", "absolute"] == "L\u00a0>\u00a0M\u00a0>\u00a0H"
    assert ranks.loc["ML-1M, DCNV2 FT", ["absolute", "relative"]].tolist() == ["same"] * 2
    said = effort.conclusions()
    read = report.conclusions_table(said)
    assert "id" not in read and read["fails by MCI in"].tolist()[:4] == [
        "FinalMLP FT",
        "FinalMLP TS",
        "FinalMLP TS",
        "",
    ]
    text = report.leaning(said)
    assert "in 5 of 6 settings of ML-1M" in text and "in 4 of 5 where a group gains and 1 of 2 where all do" in text
    assert "least in 4 of 4, where all do in 1 of 1" in text and "in none of these" in text
    assert "disagrees in 5 of these" in report.leaning(said.assign(relies_on_iii=1))


def test_a_gain_and_a_loss_of_equal_size() -> None:
    assert report.opposite() == "MCI(0.7, +0.2) = +1.0986 against MCI(0.8, -0.2) = -0.6931"
