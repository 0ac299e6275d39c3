"""The transcription checks itself: changes follow from cells, tables repeat each other, the paper's slips are known."""

import pytest

from ctrnb import paper
from ctrnb.errors import ParameterError
from ctrnb.evaluation import variance_lmh
from ctrnb.models import MODELS

# rows x columns as printed: Table 4 has 5 rows x 9, Table 8 has 16 rows x 8 (the dashes are cells too)
CELLS = {
    1: 6 * 6,
    2: 12 * 6,
    3: 18 * 6,
    4: 2 * 5 * 9,
    5: 6 * 2 * 6,
    6: 18 * 6,
    7: 8 * 6,
    8: 16 * 8,
}


@pytest.mark.parametrize("number", CELLS)
def test_every_cell_is_there_once(number: int) -> None:
    found = paper.table(number)
    assert len(found) == CELLS[number]
    keys = [name for name in found if name not in ("printed", "value", "change_percent")]
    assert not found.duplicated(keys).any()


def test_cells_are_numbers_and_only_models_trained_without_middle_ratings_lack_one() -> None:
    for number in CELLS:
        found = paper.table(number)
        missing = found[found["value"].isna()]
        assert (missing["printed"] == "-").all()
        assert missing.empty or (number == 8 and set(missing["trained"]) == {"middle removed"} and len(missing) == 32)


def test_cells_by_hand() -> None:
    """Cells looked up in the paper one by one, those whose last zero is not printed among them."""
    yelp = {"model": "DCNV2", "dataset": "Yelp2022"}
    expected = [
        (2, {"dataset": "ML-1M", "model": "AFN", "k": 3, "tier": "TS"}, "82 (-0.02)", 82.0, -0.02),
        (2, {"dataset": "Yelp2022", "model": "AutoInt", "k": 10, "tier": "TS"}, "76.41 (-2.16)", 76.41, -2.16),
        (3, yelp | {"k": 10, "tier": "FT", "printed_mark": "✗"}, "83.11 (0.98)", 83.11, 0.98),
        (4, {"model": "DCNV2", "dataset": "ML-1M", "tier": "FT", "group": "High"}, "83.5 (0.31)", 83.5, 0.31),
        (6, yelp | {"k": 3, "tier": "TS", "printed_mark": "✓"}, "0.4262 (6)", 0.4262, 6),
    ]
    for number, keys, printed, value, change in expected:
        found = paper.table(number)
        for name, wanted in keys.items():
            found = found[found[name] == wanted]
        assert found[["printed", "value", "change_percent"]].to_numpy().tolist() == [[printed, value, change]]


def test_counts_are_read_with_their_units() -> None:
    found = paper.table(1).set_index(["dataset", "k", "statistic"])["value"]
    assert found["ML-1M", 3, "items"] == 3500 and found["Yelp2022", 3, "interactions"] == 5_200_000
    assert paper.half_unit("3.5K") == 50 and paper.half_unit("1M") == 500_000 and paper.half_unit("4.72") == 0.005


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6, 8])
def test_every_printed_change_follows_from_its_cells(number: int) -> None:
    found = paper.recomputed_changes(number)
    assert len(found) == (paper.table(number)["change_percent"].notna()).sum() > 0
    assert found["agrees"].all()


def test_a_change_that_does_not_follow_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    base, scratch = paper.TABLE_2["ML-1M", "DCNV2"]
    monkeypatch.setitem(paper.TABLE_2, ("ML-1M", "DCNV2"), (base, scratch.replace("(0.18)", "(0.20)")))
    found = paper.recomputed_changes(2)
    assert found[~found["agrees"]][["model", "k", "change_percent"]].to_numpy().tolist() == [["DCNV2", 6, 0.2]]


def test_tables_that_repeat_each_other_agree_in_every_cell() -> None:
    found = paper.repeated_cells()
    assert found["equal"].all()
    assert found.groupby(["first", "second"]).size().to_dict() == {
        (2, 3): 3 * 2 * 6,
        (2, 4): 3 * 2 * 2,
        (2, 8): 4 * 2 * 3,
        (3, 4): 3 * 3 * 2,
        (3, 8): 3 * 2 * 2 * 3,
        (5, 6): 3 * 2 * 6,
    }


def test_table_6_marks_the_whole_split_by_what_table_3_marks_the_strong_ratings_by() -> None:
    """Cells equal to Table 5's (the whole split) carry a cross in Table 6, those equal to Table 2's a check in Table 3."""
    marks = {}
    for number in (3, 6):
        found = paper.table(number)
        marks[number] = set(found.loc[found["evaluated"] == "all", "printed_mark"])
    assert marks == {3: {"✓"}, 6: {"✗"}}
    repeated = paper.repeated_cells().query("first in [2, 5] and second in [3, 6]")
    assert repeated["equal"].all() and set(repeated["evaluated"]) == {"all"}


def test_the_34k_items_of_table_1_are_the_only_statistic_that_contradicts_its_row() -> None:
    found = paper.recomputed_statistics(1)
    wrong = found[~found["agrees"]]
    assert wrong[["dataset", "k"]].drop_duplicates().to_numpy().tolist() == [["ML-1M", 6]]
    assert set(wrong["statistic"]) == {"interactions_per_item", "density_percent"}
    assert paper.recomputed_statistics(7)["agrees"].all()


def test_3_400_items_would_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(paper.TABLE_1, ("ML-1M", 6), paper.TABLE_1["ML-1M", 6].replace("34K", "3.4K"))
    assert paper.recomputed_statistics(1)["agrees"].all() and paper.implied_items()["agrees"].all()


def test_tables_1_and_7_differ_in_one_count() -> None:
    """Yelp2022 at k = 6: 3.9M interactions in Table 1, 3.8M in Table 7."""
    keys = ["dataset", "k", "statistic"]
    full = paper.table(7).query("trained == 'all'")
    both = paper.table(1).merge(full, on=keys, suffixes=("_1", "_7"))
    half = both[["printed_1", "printed_7"]].map(paper.half_unit).sum(axis=1)
    differ = both[(both["value_1"] - both["value_7"]).abs() > half * 0.99]
    assert differ[keys].to_numpy().tolist() == [["Yelp2022", 6, "interactions"]]


def test_printed_variances_follow_from_the_groups() -> None:
    found = paper.recomputed_variances()
    assert len(found) == 18 and found["agrees"].all()
    row = found.query("dataset == 'ML-1M' and model == 'DCNV2' and tier == 'Base'").iloc[0]
    assert (row["Low"], row["Mid"], row["High"], row["printed"]) == (76.51, 79.91, 83.24, 11.30)
    assert row["recomputed"] == pytest.approx(variance_lmh(0.7651, 0.7991, 0.8324))


def test_activity_groups_hold_what_figure_5_is_drawn_from() -> None:
    found = paper.activity_groups()
    assert len(found) == 2 * 3 * 2 * 3  # datasets, models, tiers, groups
    row = found.query("dataset == 'Yelp2022' and model == 'AutoInt' and tier == 'TS' and group == 'Low'").iloc[0]
    assert (row["base"], row["value"]) == (79.70, 76.79)
    assert row["absolute"] == pytest.approx(76.79 - 79.70)
    assert row["relative_percent"] == pytest.approx(-3.65, abs=0.005)


def test_a_cell_is_named_by_its_place() -> None:
    assert paper.place(paper.table(4).iloc[0]) == "Table 4: ML-1M, k = 6, DCNV2, Overall, Base, evaluated: all"


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(ParameterError, match="tables 1 to 8"):
        paper.table(9)


def test_models_are_those_of_the_package() -> None:
    assert set(paper.MODELS.values()) == set(MODELS)
