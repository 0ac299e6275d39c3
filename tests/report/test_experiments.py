import numpy as np
import pandas as pd
import pytest

from ctrnb import plots
from ctrnb.data import SyntheticConfig, generate
from ctrnb.report import experiments as ex

FAST = {"training.epochs": 1}


@pytest.fixture(scope="module")
def rows(small, tmp_path_factory) -> pd.DataFrame:
    return ex.compare_tiers(small, ["dcnv2"], overrides=FAST, runs=tmp_path_factory.mktemp("runs"), repeats=20).assign(
        k=3
    )


def test_one_row_a_training_with_intervals(rows: pd.DataFrame) -> None:
    assert rows["tier"].tolist() == ["base", "control", "ft", "ts"]
    compared = rows.set_index("tier")
    auc = compared["auc"]
    assert compared["delta"].drop("base").to_numpy() == pytest.approx((auc - auc["base"]).drop("base").to_numpy())
    assert compared.loc["ft", "gain"] == pytest.approx(auc["ft"] - auc["control"])
    assert (compared["delta_low"] <= compared["delta_high"]).drop("base").all()


def test_the_summary_says_what_the_interval_says(rows: pd.DataFrame) -> None:
    table = ex.summarise(rows)
    assert table["verdict"].iloc[0] == "" and table["change_percent"].iloc[0] == 0
    for row in table.iloc[1:].itertuples():
        expected = "improved" if row.delta_low > 0 else "worse" if row.delta_high < 0 else "no significant change"
        assert row.verdict == expected and row.delta_low < row.delta < row.delta_high


def test_activity_table_holds_mci_of_each_group(rows: pd.DataFrame) -> None:
    table = ex.activity_table(rows)
    assert len(table) == 4 * 3
    for row in table.itertuples():
        before = row.auc - row.change
        assert row.mci == pytest.approx(np.log((1 - before) / (1 - row.auc)))


def test_density_pairs_take_the_nearest() -> None:
    ratings = generate(SyntheticConfig(users=200, items=150, density=0.15))
    assert ex.density_matched(ratings, 3, [3, 4, 8, 12]) in (3, 4, 8, 12)


def test_figures_are_drawn_from_tables(rows: pd.DataFrame) -> None:
    import matplotlib

    matplotlib.use("Agg")
    table = ex.summarise(rows)
    figure = plots.change_by_model(table, "title")
    assert figure.axes[0].get_xlabel() and [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["DCNv2"]
    assert plots.verdict_table(table)["to Base, points (95 %)"].str.contains("[▲▼=]").any()
    places = pd.DataFrame(
        {"density_percent": [1.0, 2.0], "reference": "base", "change": 0.001, "low": 0.0, "high": 0.002}
    )
    labels = plots.effects_by_density(places.assign(open=[False, True]), 1.5, "x").legends[0].get_texts()
    assert [text.get_text() for text in labels] == ["this dataset", "to Base", "to Base, open"]
    row = {"model_name": "A", "tier_name": "FT", "auc": 0.8, "logloss": 0.5, "change_percent": 0.25}
    row |= {
        "delta": 0.002,
        "delta_low": 0.001,
        "delta_high": 0.003,
        "gain": -0.001,
        "gain_low": -0.002,
        "gain_high": 0.001,
    }
    shown = [text.replace("\u00a0", " ") for text in plots.verdict_table(pd.DataFrame([row])).iloc[0]]
    assert shown == ["0.8000", "0.5000", "+0.25", "▲ +0.20 (+0.10 to +0.30)", "= -0.10 (-0.20 to +0.10)"]
    assert [plots.sign(*ends) for ends in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (np.nan, np.nan))] == [
        "▲",
        "▼",
        "=",
        "",
    ]
    means = ex.activity_means(rows)
    assert float(means.loc[("DCNv2", "Base"), "low"]) == pytest.approx(rows["auc_low"].iloc[0], abs=1e-4)


def test_provenance_names_dataset_seeds_and_device(rows: pd.DataFrame) -> None:
    assert "synthetic" in ex.provenance(rows) and "1 seed" in ex.provenance(rows) and "CPU" in ex.provenance(rows)
