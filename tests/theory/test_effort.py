import numpy as np
import pandas as pd
import pytest

from ctrnb.theory import effort, mci_claims


def groups(**cells: tuple[float, float]) -> pd.DataFrame:
    rows = [
        {"dataset": "ML-1M", "k": 6, "model": "M", "tier": "FT", "group": name, "base": base, "value": value,
         "absolute": value - base, "relative_percent": 100 * (value / base - 1)}
        for name, (base, value) in cells.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_cell_by_hand() -> None:
    """DCNV2, ML-1M, FT, low: 76.51 to 77.02 is log(23.49/22.98)."""
    table = effort.efforts()
    row = table.query("dataset == 'ML-1M' and model == 'DCNV2' and tier == 'FT' and group == 'Low'").iloc[0]
    assert row["MCI"] == pytest.approx(np.log(23.49 / 22.98)) and row["absolute"] == pytest.approx(0.51)
    assert row["MCI_low"] == pytest.approx(np.log((100 - 76.515) / (100 - 77.015)))


def test_equal_gains_are_told_apart_by_mci_and_by_relative_change_in_opposite_senses() -> None:
    found = effort.comparisons(groups(Low=(60.0, 65.0), High=(80.0, 85.0))).iloc[0]
    assert (found["first"], found["MCI"], found["absolute"], found["relative"]) == ("Low", -1, 0, 1)
    assert found["changes"] and found["changes_firmly"]


def test_a_difference_within_rounding_is_not_firm() -> None:
    found = effort.comparisons(groups(Low=(60.0, 60.01), High=(80.0, 80.01))).iloc[0]
    assert found["changes"] and not found["MCI_firm"] and not found["changes_firmly"]


def test_all_comparisons_of_table_4_are_there() -> None:
    assert len(effort.comparisons()) == 2 * 3 * 2 * 3 and len(effort.rankings()) == 12
    assert set(effort.rankings()["change"]) == {"gains", "losses", "mixed"}


def test_conclusions_count_what_table_4_says() -> None:
    found = effort.conclusions().set_index("id")
    assert found["of"].tolist() == [6, 5, 2, 4, 1, 4] and found["MCI"].tolist() == [5, 4, 1, 4, 1, 2]
    assert found["exceptions"].tolist()[:5] == [["FinalMLP FT"], ["FinalMLP TS"], ["FinalMLP TS"], [], []]
    assert found["relies_on_iii"].tolist() == [0] * 5 + [1]


def test_conclusions_of_other_tables_differ() -> None:
    found = effort.conclusions(groups(Low=(60.0, 65.0), Mid=(70.0, 71.0), High=(80.0, 85.0)))
    assert found["MCI"].tolist() == [0] * 6 and found["relative"].tolist()[0] == 1


def test_z3_on_gains_and_losses() -> None:
    assert effort.a_fortiori() and effort.not_a_fortiori_for_losses()


def test_the_verdict_on_rankings_counts_those_that_differ() -> None:
    found, table = mci_claims.SUITE.run("mci.ranking").evidence, effort.rankings()
    differ = [row for row in table.itertuples() if len({row.MCI, row.absolute, row.relative}) > 1]
    assert f"Correct: {12 - len(differ)} of 12 rankings are equal" in found
    assert f"they differ in {len(differ)} rankings:" in found and 0 < len(differ) < 12
    for row in differ:
        assert f"{row.dataset} {row.model} {row.tier}: MCI {row.MCI}, absolute {row.absolute}" in found


def test_rounding_leaves_a_difference_firm_where_its_ends_stay_apart() -> None:
    """Gains of 5 and of 5 - x, each to 0.01: apart where x is above 0.02."""
    for x, firm in ((0.03, True), (0.015, False), (-0.03, True), (-0.015, False), (0, False)):
        found = effort.comparisons(groups(Low=(60.0, 65.0), High=(80.0, 85.0 - x))).iloc[0]
        assert found["absolute"] == np.sign(x) and found["absolute_firm"] == firm
        assert (found["first"], found["second"]) == ("Low", "High") and found["MCI_firm"] and found["MCI"] == -1
        assert found["changes"] and found["changes_firmly"], "relative change always differs firmly"


def test_a_comparison_changes_firmly_only_where_both_signs_are_firm() -> None:
    """Low closes 1 of 40 points and High 0.5 of 20.1: an MCI of 0.0253 and of 0.0252, in an order that rounding may give."""
    found = effort.comparisons(groups(Low=(60.0, 61.0), High=(79.9, 80.4))).iloc[0]
    assert not found["MCI_firm"] and found["absolute_firm"] and not found["changes_firmly"]
    same = effort.comparisons(groups(Low=(60.0, 65.0), High=(80.0, 80.1))).iloc[0]
    assert (
        same["MCI"] == same["absolute"] == same["relative"] == 1 and not same["changes"] and not same["changes_firmly"]
    )
    one = effort.comparisons(groups(Low=(60.0, 64.0), High=(80.0, 83.0))).iloc[0]
    assert (one["MCI"], one["absolute"], one["relative"]) == (-1, 1, 1) and one["changes"] and one["changes_firmly"]


def test_pairs_of_groups_are_compared_once_the_lower_baseline_first() -> None:
    found = effort.comparisons(groups(High=(80.0, 81.0), Low=(60.0, 61.0), Mid=(70.0, 72.0)))
    assert list(zip(found["first"], found["second"], strict=True)) == [("Low", "Mid"), ("Low", "High"), ("Mid", "High")]
    assert found["absolute"].tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    ("cells", "change", "texts"),
    [
        ({"Low": (60.0, 65.0), "Mid": (70.0, 71.0), "High": (80.0, 85.0)}, "gains",
         ("High > Low > Mid", "Low > High > Mid", "Low > High > Mid")),
        ({"Low": (60.0, 59.0), "Mid": (70.0, 68.0), "High": (80.0, 79.5)}, "losses",
         ("Low > High > Mid", "High > Low > Mid", "High > Low > Mid")),
        ({"Low": (60.0, 61.0), "Mid": (50.0, 50.0), "High": (80.0, 79.0)}, "mixed", ("Low > Mid > High",) * 3),
        ({"Low": (60.0, 61.0), "Mid": (50.0, 50.0)}, "mixed", ("Low > Mid",) * 3),
    ],
)  # fmt: skip
def test_rankings_by_hand(cells: dict, change: str, texts: tuple[str, str, str]) -> None:
    row = effort.rankings(groups(**cells)).iloc[0]
    assert (row["MCI"], row["absolute"], row["relative"]) == texts
    assert row["change"] == change and row["same"] == (len(set(texts)) == 1)
    assert row["underserved"] == min(cells, key=lambda name: cells[name][0])


def test_measures_by_hand() -> None:
    base, value = np.array([80.0, 80.0]), np.array([85.0, 79.0])
    np.testing.assert_allclose(effort.MEASURES["MCI"](base, value), np.log([20 / 15, 20 / 21]))
    np.testing.assert_allclose(effort.MEASURES["absolute"](base, value), [5, -1])
    np.testing.assert_allclose(effort.MEASURES["relative"](base, value), [6.25, -1.25])
    row = effort.efforts(groups(Low=(80.0, 85.0))).iloc[0]
    assert (row["absolute_low"], row["absolute_high"]) == pytest.approx((4.99, 5.01))
    assert row["MCI_low"] == pytest.approx(np.log(19.995 / 15.005)) and row["MCI_high"] == pytest.approx(
        np.log(20.005 / 14.995)
    )


@pytest.mark.parametrize(
    ("cells", "of", "held"),
    [
        ({"Low": (60.0, 59.9), "High": (80.0, 79.0)}, [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]),
        ({"Low": (60.0, 59.0), "High": (80.0, 79.9)}, [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]),
        ({"Low": (60.0, 61.0), "High": (80.0, 79.9)}, [0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 1]),
        ({"Low": (60.0, 59.9), "High": (80.0, 81.0)}, [0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 0]),
        ({"Low": (60.0, 60.1), "High": (80.0, 80.1)}, [0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]),
        ({"Low": (60.0, 60.0), "High": (80.0, 80.1)}, [0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]),
        ({"Low": (60.0, 60.0), "High": (80.0, 79.9)}, [0, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]),
    ],
)
def test_conclusions_on_yelp_read_settings_of_mixed_changes_both_ways(cells: dict, of: list, held: list) -> None:
    found = effort.conclusions(groups(**cells).assign(dataset="Yelp2022"))
    assert found["of"].tolist() == of and found["MCI"].tolist() == held
    assert found["exceptions"].tolist() == [["M FT"] if n > k else [] for n, k in zip(of, held, strict=True)]


def test_primarily_means_most_and_otherwise_all_are_wanted() -> None:
    found = effort.conclusions().set_index("id")
    assert found["wanted"].to_dict() == {id: "most" if "gains" in id else "all" for id in found.index}
    assert found["holds"].tolist() == [False, True, False, True, True, False]


def test_what_holds_by_mci_alone_is_counted() -> None:
    found = effort.conclusions(groups(Low=(80.0, 85.0), High=(60.0, 65.1))).iloc[0]
    assert (found["of"], found["MCI"], found["absolute"], found["relative"], found["relies_on_iii"]) == (1, 1, 0, 0, 1)
    found = effort.conclusions(groups(Low=(60.0, 65.0), High=(80.0, 85.0))).iloc[0]
    assert (found["MCI"], found["absolute"], found["relies_on_iii"]) == (0, 1, 0)


def test_differences_whose_ends_touch_are_not_firm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With cells of half a point: gains of 5 and 4 reach from 4.5 to 5.5 and from 3.5 to 4.5."""
    monkeypatch.setattr(effort, "HALF_CELL", 0.25)
    for low, high, firm in ((65.0, 84.0, False), (65.0, 83.75, True), (64.0, 85.0, False), (63.75, 85.0, True)):
        assert effort.comparisons(groups(Low=(60.0, low), High=(80.0, high))).iloc[0]["absolute_firm"] == firm
