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
    assert performance.missing(folder) == "Benchmarks not run: tiers, stacked, ceilings, memory, yelp-size."
    assert performance.benchmark("tiers", folder).empty and performance.exponents(tmp_path / "none").empty
    assert performance.measured_on(performance.benchmark("tiers", folder)) == "not measured"
    assert performance.span(performance.ratios(tmp_path / "none")["ratio"]) == "not measured"


def test_tables_show_rounded_numbers_under_readable_names(folder) -> None:
    table = performance.readable(performance.exponents(folder), "growth")
    assert table.index.name == "what grows" and table.loc["edges"].tolist() == ["×1, ×2, ×4", "1.00", "0.90"]
    assert performance.readable(performance.benchmark("memory", folder), "memory") == "not measured"


def test_provenance_in_words(folder) -> None:
    said = performance.measured_on(performance.benchmark("fuxictr", folder))
    assert said == "CPU, 2 threads, P (avx2), torch 2.13.0, 2026-11-24"


def test_the_ratio_at_size_is_over_base_and_of_epochs_alone(folder) -> None:
    stages = {
        "read CSV": 9.0,
        "DCNv2 epoch, base": 4.0,
        "DCNv2 epoch, base, update by rows": 2.0,
        "DCNv2 epoch, ts": 10.0,
    }
    rows = [{"stage": stage, "seconds_whole": time, "share_run": 1.0} | PLACE for stage, time in stages.items()]
    pd.DataFrame(rows).assign(peak_memory_mb=1.0).to_csv(folder / "benchmarks" / "yelp-size.csv", index=False)
    found = performance.at_size(folder)
    assert found["over_base"].iloc[1:].tolist() == [1.0, 0.5, 2.5] and found["over_base"].isna().iloc[0]
    assert performance.said_on(performance.graph_ratio(found), found) == "2.50 (CPU, 2 threads)"
    assert performance.graph_ratio(found, "base, update by rows").tolist() == [5.0]
    assert performance.readable(found, "yelp-size")["over Base's epoch"].tolist() == ["", "1.00", "0.50", "2.50"]


def test_what_the_graph_costs_is_told_for_both_sizes(folder) -> None:
    assert performance.cost(folder) == "what an epoch takes is not measured"
    for name, rows in (
        ("tiers", [{"model": "afn", "epoch_over_base_epoch": ratio} for ratio in (1.1, 1.25)]),
        (
            "yelp-size",
            [{"stage": f"{performance.EPOCH}{tier}", "seconds_whole": s} for tier, s in (("base", 2), ("ts", 9))],
        ),
    ):
        pd.DataFrame([row | PLACE for row in rows]).to_csv(folder / "benchmarks" / f"{name}.csv", index=False)
    assert performance.cost(folder) == (
        "an epoch takes 1.10 to 1.25 times one without the graph on MovieLens-1M (AFN; CPU, 2 threads), 4.50 times at the size of "
        "Yelp2022 (DCNv2)"
    )


def test_a_stage_that_was_not_measured_gives_no_ratio_and_one_measured_twice_its_mean() -> None:
    names = [f"{performance.EPOCH}{tier}" for tier in ("base", "ts", "ts")]
    rows = pd.DataFrame({"stage": names, "seconds_whole": [2.0, 8.0, 10.0]})
    assert performance.graph_ratio(rows).tolist() == [4.5]
    assert performance.graph_ratio(rows.iloc[:1]).empty and performance.graph_ratio(rows, "base, update by rows").empty


def test_nothing_at_size_is_said(tmp_path) -> None:
    found = performance.at_size(tmp_path)
    assert performance.said_on(performance.graph_ratio(found), found) == "not measured"


def test_the_graph_costs_a_cell_a_model_and_number_of_hops() -> None:
    place = {"rounds": 7, "base_steps_per_second": 8.0}
    rows = pd.DataFrame(
        [
            place | {"model": model, "layers": layers, "epoch_over_base_epoch": layers + 0.5}
            for model in ("DCNv2", "AFN")
            for layers in (1, 2)
        ]
    )
    rows = rows.assign(epoch_over_base_epoch_low=1.0, epoch_over_base_epoch_high=3.0)
    table = performance.with_graph(rows)
    assert table.loc["AFN"].to_dict() == {
        "Base, steps/s": "8.00",
        "1 hop": "1.50 (1.00 to 3.00)",
        "2 hops": "2.50 (1.00 to 3.00)",
    }
    assert list(table.index) == ["DCNv2", "AFN"] and performance.with_graph(pd.DataFrame()) == "not measured"


def test_seven_rounds_hold_the_median_with_98_percent() -> None:
    """Unless all seven lie on one side of it: 2 of 128 ways."""
    said = performance.rounds_said(pd.DataFrame({"rounds": [7, 7]}))
    assert "over 7 rounds" in said and said.endswith("98 %.") and performance.rounds_said(pd.DataFrame()) == ""


def test_the_epochs_of_ft_come_after_those_of_base(tmp_path) -> None:
    place = {"dataset": "d", "k": 3, "model": "dcnv2", "stage": "final"}
    rows = [
        place | {"tier": tier, "seed": seed, "epochs": 10 * (tier == "base") + 2 + seed}
        for tier in ("base", "ft", "ts")
        for seed in (0, 1)
    ]
    searched = [place | {"tier": "base", "seed": 0, "epochs": 99, "stage": "search"}]
    pd.DataFrame(rows + searched).to_csv(tmp_path / "study.csv", index=False)
    found = performance.epochs_of("study", tmp_path)
    assert performance.epochs_said(found) == "2 to 3 epochs after Base's 12 to 13 (d, k = 3, 1 model, 2 seeds)"
    assert performance.epochs_said(performance.epochs_of("absent", tmp_path)) == "not measured"
