import matplotlib
import numpy as np
import pandas as pd
import pytest

from ctrnb import plots
from ctrnb.data import SyntheticConfig, generate, training_graph
from ctrnb.data.graph import BipartiteGraph
from ctrnb.errors import ParameterError
from ctrnb.report import curation, penalty, sensitivity, supervision
from ctrnb.report import experiments as ex
from ctrnb.report.parameters import as_list, as_numbers
from ctrnb.report.provenance import devices, provenance
from ctrnb.words import sign

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ledger of one model in four tiers on the synthetic data, and its changes."""
    return ex.run_tiers("synthetic", ["dcnv2"], k=3, seeds=[0], epochs=1, runs=tmp_path_factory.mktemp("runs"))


def test_one_row_a_training_with_intervals(ran: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows, _ = ran
    assert rows["tier"].tolist() == ["base", "control", "ft", "ts"] and (rows["k"] == 3).all()
    compared = rows.set_index("tier")
    auc = compared["auc"]
    assert compared["delta"].drop("base").to_numpy() == pytest.approx((auc - auc["base"]).drop("base").to_numpy())
    assert compared.loc["ft", "gain"] == pytest.approx(auc["ft"] - auc["control"])
    assert (compared["delta_low"] <= compared["delta_high"]).drop("base").all()


def test_the_summary_says_what_the_interval_says(ran: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = ex.summarise(*ran)
    assert table["verdict"].iloc[0] == "" and table["change_percent"].iloc[0] == 0
    for row in table.iloc[1:].itertuples():
        expected = "improved" if row.delta_low > 0 else "worse" if row.delta_high < 0 else "no significant change"
        assert row.verdict == expected and row.delta_low < row.delta < row.delta_high


def test_where_nothing_is_measured_a_chapter_runs_the_synthetic_data(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CTRNB_RUNS", str(tmp_path))
    rows, changes = ex.measured_or_run("absent", "dcnv2", k=3, epochs=1)
    assert set(rows["dataset"]) == {"synthetic"} and set(rows["tier"]) == set(changes["tier"])
    measured, _ = ex.measured_or_run("yelp-small-k3", "dcnv2", k=3, epochs=1)
    assert set(measured["dataset"]) == {"yelp-small"}


def test_density_pairs_take_the_nearest() -> None:
    ratings = generate(SyntheticConfig(users=200, items=150, density=0.15))
    assert supervision.density_matched(ratings, 3, [3, 4, 8, 12]) in (3, 4, 8, 12)


def test_a_pair_is_trained_with_and_without_middle_ratings(tmp_path) -> None:
    rows, changes = supervision.pair("synthetic", "dcnv2", 3, 4, seeds=[0], epochs=1, runs=tmp_path)
    assert rows.groupby("training")["k"].unique().map(list).to_dict() == {"middle kept": [3], "middle removed": [4]}
    base = rows[rows["tier"] == "base"].set_index("training")["auc_strong"]
    assert supervision.difference(rows) == pytest.approx(100 * (base["middle removed"] - base["middle kept"]))
    table = supervision.readable(rows, changes)
    assert len(table) == 4 and table.loc[("middle removed", 4, "TS"), "change of AUC to Base, points"][0] in "+-"
    removed = rows[rows["training"] == "middle removed"]
    assert removed["auc"].to_numpy() == pytest.approx(removed["auc_strong"].to_numpy())
    assert float(table.loc[("middle kept", 3, "Base"), "AUC, all test ratings"]) == pytest.approx(
        rows["auc"].iloc[0], abs=1e-4
    )


def test_a_leak_into_the_graph_is_counted(small) -> None:
    graph = training_graph(small)
    assert curation.held_out_edges(small, graph) == 0
    test = small.rows("test")[:1]
    user, item = small.user_side.id_code[small.user[test]], small.item_side.id_code[small.item[test]]
    leaky = BipartiteGraph(np.append(graph.user, user), np.append(graph.item, item), graph.num_users, graph.num_items)
    assert curation.held_out_edges(small, leaky) == 1


def test_fields_and_cores_are_told(small) -> None:
    fields = curation.fields_table(small).set_index(["side", "field"])
    assert fields.loc[("user", "ID"), "known values"] == small.user_side.num_ids - 1
    ratings = generate(SyntheticConfig(users=200, items=150, density=0.15))
    table = curation.cores_table(ratings, [3, 5], drop_middle=(False, True))
    assert table[["k", "middle ratings"]].to_numpy().tolist() == [
        [3, "kept"],
        [5, "kept"],
        [3, "removed"],
        [5, "removed"],
    ]
    assert (table["interactions"].diff()[[1, 3]] <= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curation.cores_table(None, 3), r"ks=3 is no list: give a list; for papermill, -y 'ks: \[3\]'"),
        (lambda: curation.cores_table(None, []), r"ks=\[\] is empty: give at least 1"),
        (lambda: ex.run_tiers("synthetic", "dcnv2", k=3, seeds=[0], epochs=1), "models='dcnv2' is no list"),
        (lambda: ex.run_tiers("synthetic", ["dcnv2"], k=3, seeds=0, epochs=1), "seeds=0 is no list"),
        (
            lambda: penalty.run("synthetic", "dcnv2", ["much"], k=3, seeds=[0], epochs=1),
            "penalties=.*a list of numbers",
        ),
        (lambda: penalty.run("synthetic", "dcnv2", [], k=3, seeds=[0], epochs=1), r"penalties=\[\] is empty"),
        (lambda: penalty.run("synthetic", "dcnv2", [1e-3], k=3, seeds=0, epochs=1), "seeds=0 is no list"),
        (lambda: sensitivity.measured_nodes({}, None, pairs=0), "pairs=0: at least 1"),
    ],
)
def test_what_papermill_may_pass_is_checked_before_anything_is_trained(call, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def test_numbers_that_yaml_reads_as_texts_are_numbers() -> None:
    assert as_numbers(["1e-5", 0, 1e-3], "penalties") == [1e-5, 0.0, 1e-3]
    assert as_list((), "results", least=0) == []


def test_figures_are_drawn_from_tables(ran: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = ex.summarise(*ran)
    figure = plots.change_by_model(table, "title")
    assert figure.axes[0].get_xlabel() and [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["DCNv2"]
    assert ex.verdict_table(table)["to Base, points (95 %)"].str.contains("[▲▼=]").any()
    places = pd.DataFrame(
        {
            "dataset": ["b", "a"],
            "k": 3,
            "density_percent": [2.0, 1.0],
            "reference": "base",
            "change": 0.001,
            "low": 0.0,
            "high": 0.002,
        }
    )
    figure = plots.effects_by_density(places.assign(open=[False, True]), 1.5, "x")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["this dataset, 1.5 %", "to Base", "to Base, open"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a, k = 3 (1 %)", "b, k = 3 (2 %)"]


def test_a_verdict_table_has_changes_with_signs() -> None:
    row = {"model_name": "A", "tier_name": "FT", "auc": 0.8, "logloss": 0.5, "change_percent": 0.25}
    row |= {"delta": 0.002, "delta_low": 0.001, "delta_high": 0.003}
    row |= {"gain": -0.001, "gain_low": -0.002, "gain_high": 0.001}
    shown = [text.replace("\u00a0", " ") for text in ex.verdict_table(pd.DataFrame([row])).iloc[0]]
    assert shown == ["= -0.10 (-0.20 to +0.10)", "▲ +0.20 (+0.10 to +0.30)", "0.8000", "0.5000", "+0.25"]
    ends = ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (np.nan, np.nan))
    assert [sign(*each) for each in ends] == ["▲", "▼", "=", ""]


def test_provenance_names_dataset_seeds_and_device(ran: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    said = provenance(ran[0])
    assert "synthetic" in said and "1 seed" in said and "CPU" in said


def test_provenance_names_the_models_of_each_device_where_they_differ() -> None:
    rows = pd.DataFrame({"device": ["CPU, 1 threads", "GPU", "CPU, 1 threads"], "model_name": ["A", "B", "C"]})
    assert devices(rows) == "CPU, 1 thread (A, C); GPU (B)"
    assert devices(rows[rows["model_name"] == "B"]) == "GPU"
    assert devices(rows.assign(model_name="A")) == "CPU, 1 thread; GPU"
