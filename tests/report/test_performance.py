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
    assert performance.span_if_measured(table.loc[table["against"] == "FuxiCTR", "ratio"]) == "1.50 to 2.00"
    plots.speed_ratios(table, "title")


def test_growth_has_an_exponent_a_row_and_a_figure(folder) -> None:
    assert performance.exponents(folder).values.tolist() == [["edges", 1.0, 0.9, "×1, ×2, ×4"]]
    lines = plots.growth(performance.benchmark("growth", folder), "title").axes[0].lines
    assert list(lines[0].get_ydata()) == [1, 2, 4]


def test_what_was_not_measured_is_said(folder, tmp_path) -> None:
    assert performance.missing(folder) == "Benchmarks not run: tiers, stacked, ceilings, memory, yelp-size."
    assert performance.benchmark("tiers", folder).empty and performance.exponents(tmp_path / "none").empty
    assert performance.measured_on(performance.benchmark("tiers", folder)) == "not measured"
    assert performance.span_if_measured(performance.ratios(tmp_path / "none")["ratio"]) == "not measured"


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
    at_size = [
        {"stage": f"{performance.EPOCH}{tier}", "seconds_whole": s, "share_run": 0.06}
        for tier, s in (("base", 2), ("ts", 9))
    ]

    def measured(name: str, rows: list[dict], device: str = "CPU, 2 threads") -> None:
        frame = pd.DataFrame([row | PLACE | {"device": device} for row in rows])
        frame.to_csv(folder / "benchmarks" / f"{name}.csv", index=False)

    measured("tiers", [{"model": "afn", "epoch_over_base_epoch": ratio} for ratio in (1.1, 1.25)])
    measured("yelp-size", at_size)
    assert performance.cost(folder) == (
        "an epoch takes 1.10 to 1.25 times one without the graph on MovieLens-1M (AFN; CPU, 2 threads), and 4.50 times at Yelp2022's "
        "size (DCNv2), extrapolated from 6 % of an epoch, timed once on a CPU; no ratio was measured on a GPU"
    )
    measured("yelp-size", [row | {"share_run": 1.0} for row in at_size], "GPU X")
    assert performance.cost(folder).endswith("size (DCNv2), timed once on GPU X")


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


@pytest.fixture
def trained(folder):
    """A ledger of two seeds on the dataset and core that epochs were timed on, and of one seed elsewhere."""
    place = {"drop_middle": False, "model": "afn", "stage": "final", "device": "CPU"}
    taken = {("ml-1m", 6, 0): (10, 2, 8), ("ml-1m", 6, 1): (10, 5, 20), ("d", 3, 0): (10, 10, 10)}
    rows = [
        place | {"dataset": dataset, "k": k, "seed": seed, "tier": tier, "epochs": epochs}
        for (dataset, k, seed), all_epochs in taken.items()
        for tier, epochs in zip(("base", "ft", "ts"), all_epochs, strict=True)
    ]
    lone = place | {"dataset": "e", "k": 3, "seed": 0, "tier": "base", "epochs": 7}
    pd.DataFrame([*rows, lone, rows[0] | {"stage": "search", "epochs": 99}]).to_csv(folder / "study.csv", index=False)
    timed = pd.DataFrame(
        [{"model": "afn", "layers": layers, "epoch_over_base_epoch": 1.0 + layers / 10} | PLACE for layers in (1, 2)]
    )
    timed.to_csv(folder / "benchmarks" / "tiers.csv", index=False)
    return folder


def plain(cell: object) -> object:
    """Return text with ordinary spaces."""
    return cell.replace("\u00a0", " ") if isinstance(cell, str) else cell


def test_the_cost_of_ft_counts_the_epochs_of_its_base(trained) -> None:
    found = performance.epoch_ratios(trained).set_index(["dataset", "k", "seed"]).sort_index()
    assert found["over_base"].tolist() == pytest.approx([2.0, 1.2, 1.5])
    assert found["over_ts"].tolist() == pytest.approx([2.0, 1.5, 0.75])
    assert found["time_over_base"].tolist()[1:] == pytest.approx([1.24, 1.6]) and found["time_over_base"].isna().iloc[0]
    assert found["time_over_ts"].tolist()[1:] == pytest.approx([12.4 / 9.6, 16 / 24])
    table = performance.epochs_table(performance.epoch_ratios(trained))
    table = table.rename(index=plain).map(plain)
    assert table.loc["d, k = 3"].tolist() == [1, 1, "2.00", "2.00", "1.00", "–", "–"]
    assert table.loc["ml\u20111m, k = 6", "(Base + FT) / Base"] == "1.35 (1.20 to 1.50)"
    assert performance.epochs_measured_on(performance.epoch_ratios(trained), trained) == "study (1 to 2 seeds, CPU)"


def test_ft_is_cheaper_than_ts_with_its_base_or_without(trained, tmp_path) -> None:
    ratios = performance.epoch_ratios(trained)
    assert performance.epochs_said(ratios).startswith("Base and FT together take 1.35 to 2.00 times Base's epochs")
    assert (
        "FT alone took fewer epochs than TS in 2 of 3 pairs of trainings, FT and its Base together in 1."
        in performance.cheaper_than_ts(ratios)
    )
    assert "it does where a trained Base is at hand, and not" in performance.cheaper_than_ts(ratios)
    assert "training Base included" in performance.cheaper_than_ts(ratios.assign(over_ts=0.5))
    assert "as a rule it does not" in performance.cheaper_than_ts(ratios.assign(ft_over_ts=2.0))
    none = performance.epoch_ratios(tmp_path / "none")
    assert none.empty and performance.epochs_table(none) == performance.epochs_measured_on(none) == "not measured"
    assert performance.epochs_said(none).endswith("is not measured.") and performance.cheaper_than_ts(none) == ""


def test_figures_and_tables_say_what_follows(folder) -> None:
    assert performance.speeds_said(performance.ratios(folder)) == "ctrnb is the faster in 3 of 3 comparisons."
    rows = [("edges", 0.95), ("interactions", 1.1), ("nodes", 0.05), ("hops", 1.5)]
    growing = pd.DataFrame(rows, columns=["grows", "time_exponent"])
    assert performance.growth_said(growing) == (
        "Time grows about in proportion to edges and interactions, hardly with nodes, by an exponent of 1.50 with hops."
    )
    peaks = {
        ("A", "Base"): 880,
        ("A", "TS"): 850,
        ("B", "Base"): 700,
        ("B", "TS"): 710,
        ("C", "Base"): 700,
        ("C", "TS"): 800,
    }
    memory = pd.DataFrame(
        [{"model": model, "tier": tier, "peak_memory_mb": peak} for (model, tier), peak in peaks.items()]
    )
    said = performance.memory_said(memory)
    assert "for 1 of 3 models, by up to 30 MiB" in said and said.endswith("more than that for: C (+100).")
    assert performance.memory_said(memory[memory["model"] != "A"]) == performance.memory_said(pd.DataFrame()) == ""
    stacked = pd.DataFrame({"seeds": [5], "samples": 40960, "rounds": 3, "one_seconds": 1.0, "one_by_one_seconds": 5.3})
    assert performance.stacked_said(stacked).endswith(
        "medians of 3 rounds. 5 seeds one by one took 5.30 times as long as one alone."
    )
    assert (
        performance.speeds_said(pd.DataFrame())
        == performance.growth_said(pd.DataFrame())
        == performance.stacked_said(pd.DataFrame())
        == ""
    )
