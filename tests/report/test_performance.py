"""What the performance chapter reads."""

import pandas as pd
import pytest

from ctrnb import plots
from ctrnb.report import performance

PLACE = {"device": "CPU, 2 threads", "processor": "P (avx2)", "torch": "2.13.0", "date": "2026-11-24"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "benchmarks").mkdir()

    def write(name: str, rows: list[dict]) -> None:
        pd.DataFrame([row | PLACE for row in rows]).to_csv(tmp_path / "benchmarks" / f"{name}.csv", index=False)

    write("fuxictr", [{"model": "dcnv2", "ratio": 1.5}, {"model": "afn", "ratio": 2.0}])
    write("dataloader", [{"model": "dcnv2", "ratio": 3.0}])
    rows = [
        {"grows": "edges", "factor": f, "seconds": 0.5 * f, "time_exponent": 1.0, "memory_exponent": 0.9}
        for f in (1, 2, 4)
    ]
    write("growth", rows)
    return tmp_path


def test_ratios_of_two_comparisons_stand_in_one_table(folder) -> None:
    table = performance.ratios(folder)
    assert table.values.tolist() == [
        ["DCNv2", "FuxiCTR", 1.5],
        ["AFN", "FuxiCTR", 2.0],
        ["DCNv2", "a DataLoader loop", 3.0],
    ]
    assert performance.span(table.loc[table["against"] == "FuxiCTR", "ratio"]) == "1.50 to 2.00"
    plots.speed_ratios(table, "title")


def test_growth_has_an_exponent_a_row_and_a_figure(folder) -> None:
    assert performance.exponents(folder).values.tolist() == [["edges", 1.0, 0.9, "×1, ×2, ×4"]]
    lines = plots.growth(performance.benchmark("growth", folder), "title").axes[0].lines
    assert list(lines[0].get_ydata()) == [1, 2, 4]


def test_what_was_not_measured_is_said(folder, tmp_path) -> None:
    assert performance.missing(folder) == "tiers, stacked, ceilings, memory, yelp-size"
    assert performance.benchmark("tiers", folder).empty and performance.exponents(tmp_path / "none").empty
    assert performance.measured_on(performance.benchmark("tiers", folder)) == "not measured"
    assert performance.span(performance.ratios(tmp_path / "none")["ratio"]) == "not measured"


def test_tables_show_rounded_numbers_under_readable_names(folder) -> None:
    table = performance.readable(performance.exponents(folder), "growth")
    assert table.index.name == "what grows" and table.loc["edges"].tolist() == ["×1, ×2, ×4", "1.00", "0.90"]
    assert performance.readable(performance.benchmark("tiers", folder), "tiers") == "not measured"


def test_provenance_in_words(folder) -> None:
    said = performance.measured_on(performance.benchmark("fuxictr", folder))
    assert said == "CPU, 2 threads, P (avx2), torch 2.13.0, 2026-11-24"
