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
    found = effort.conclusions().set_index("conclusion")
    assert found["of"].tolist() == [6, 5, 1] and found["MCI"].tolist() == [5, 4, 1]
    assert found["exceptions"].tolist() == [["FinalMLP FT"], ["FinalMLP TS"], []]


def test_conclusions_of_other_tables_differ() -> None:
    found = effort.conclusions(groups(Low=(60.0, 65.0), Mid=(70.0, 71.0), High=(80.0, 85.0)))
    assert found["MCI"].tolist() == [0, 0, 0] and found["relative"].tolist()[0] == 1


def test_z3_on_gains_and_losses() -> None:
    assert effort.a_fortiori() and effort.not_a_fortiori_for_losses()


def test_the_verdict_on_rankings_counts_those_that_differ() -> None:
    found, table = mci_claims.SUITE.run("mci.ranking").evidence, effort.rankings()
    differ = [row for row in table.itertuples() if len({row.MCI, row.absolute, row.relative}) > 1]
    assert f"Correct: {12 - len(differ)} of 12 rankings are equal" in found
    assert f"they differ in {len(differ)} rankings:" in found and 0 < len(differ) < 12
    for row in differ:
        assert f"{row.dataset} {row.model} {row.tier}: MCI {row.MCI}, absolute {row.absolute}" in found
