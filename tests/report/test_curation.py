"""Counts of real ratings beside the paper's Tables 1 and 7."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb import paper
from ctrnb.cli import app
from ctrnb.report import curation


def counted(**changed: float) -> pd.DataFrame:
    """Return one core of ML-1M, k = 6, as Table 1 prints it (items mended), some statistics changed."""
    cells = paper.table(1).query("dataset == 'ML-1M' and k == 6").set_index("statistic")["value"]
    return pd.DataFrame(
        [
            {"dataset": "ml-1m", "k": 6, "drop_middle": False}
            | dict(cells)
            | {"items": 3400, "positive_rate": 0.575}
            | changed
        ]
    )


@pytest.mark.parametrize(
    ("text", "value", "ours", "said"),
    [
        ("165.6", 165.6, 165.63, curation.AGREES),
        ("165.6", 165.6, 165.549, curation.UNIT_APART),
        ("165.6", 165.6, 165.49, curation.DIFFERS),
        ("1M", 1e6, 999_917, curation.AGREES),
        ("34K", 34e3, 3377, curation.DIFFERS),
    ],
)
def test_a_count_is_compared_at_the_printed_precision(text: str, value: float, ours: float, said: str) -> None:
    assert curation.said(text, value, ours) == said


def test_the_verdict_counts_cells_and_names_what_differs() -> None:
    cells = curation.compared(counted())
    assert len(cells) == 6
    assert curation.verdict(cells) == (
        "Of the 6 numbers of Table 1 on ML-1M, 5 agree with our counts, 0 are less than a unit of their last digit apart, and "
        "1 differs: items at k = 6, printed 34K, counted 3,400: a misprint, as a tenth of it agrees and the table's own "
        "averages contradict what is printed."
    )
    other = curation.verdict(curation.compared(counted(items=34_000, users=7000, density_percent=4.907)))
    assert "4 agree" in other and "1 are less than" in other
    assert other.endswith("1 differs: users at k = 6, printed 6K, counted 7,000.")
    assert "0 differ." in curation.verdict(curation.compared(counted(items=34_000)))


def test_a_sample_is_shown_and_not_compared() -> None:
    table = pd.concat([counted(), counted().assign(dataset="yelp-small")])
    cells = curation.compared(table)
    assert set(cells["dataset"]) == {"ML-1M"}
    assert curation.unchecked(cells) == "36 on ML-1M, 42 on Yelp2022"
    shown = curation.readable(table)
    assert shown.loc[("ml-1m", 6, "kept"), "items"] == "3,400 (34K)"
    assert shown.loc[("yelp-small", 6, "kept"), "items"] == "3,400" and (shown["clicks in %"] == "57.5").all()
    assert curation.apart(cells)["counted"].tolist() == ["3,400"]


def test_where_all_numbers_agree_none_is_listed() -> None:
    cells = curation.compared(counted(items=34_000))
    assert (cells["said"] == curation.AGREES).all() and curation.apart(cells).empty


def test_nothing_counted_is_said(tmp_path: Path) -> None:
    found = curation.counts(tmp_path)
    cells = curation.compared(found)
    assert curation.verdict(cells) == "Not counted on the paper's data."
    assert curation.readable(found).empty and curation.apart(cells).empty


def test_the_kept_counts_are_those_of_the_ratings(real_data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["results", "curation", "--data-dir", str(real_data), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    kept = curation.counts()
    pd.testing.assert_frame_equal(curation.counts(tmp_path), kept)
    assert [tuple(row) for row in kept[["dataset", "k", "drop_middle"]].to_numpy()] == list(curation.CORES)
