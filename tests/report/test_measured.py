from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctrnb.report import measured as ms
from ctrnb.report.experiments import run_study, summarise


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The ledger of a tiny study, as ``ctrnb sweep`` writes it, in one folder."""
    folder, data = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("data")
    (folder / "s.toml").write_text(
        f'repeats = 20\n[[cells]]\ndatasets = ["{data}/own.toml"]\nk = [2]\nmodels = ["dcnv2"]\nseeds = [0, 1]\n'
        '[fixed]\ntraining = {epochs = 1, precision = "fp32"}\n[grid.any.ft]\nencoder.layers = [1, 2]\n'
    )
    lines = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)]
    (data / "r.csv").write_text("user,item,stars\n" + "\n".join(lines))
    (data / "own.toml").write_text('[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n')
    from ctrnb.study import command
    from ctrnb.study.inprocess import InProcessEngine

    options = {"data_dir": None, "device": "cpu", "out": folder / "s.csv"}
    command.sweep(folder / "s.toml", folder / "runs", InProcessEngine(threads=1), **options)
    return folder


def test_a_ledger_is_read_as_it_was_written(folder: Path) -> None:
    assert ms.ledgers(folder) == ["s"]
    rows = ms.measured("s", folder)
    assert set(rows["tier"]) == {"base", "control", "ft", "ts"} and len(rows) == 8
    assert ms.measured("absent", folder) is None and ms.measured_changes("absent", folder) is None
    assert set(ms.measured_changes("s", folder)["reference"]) == {"", "base", "control", "ts"}
    assert ms.sources(ms.all_changes(folder), folder).startswith("s: dataset own; k = 2")
    assert "2 seeds" in ms.provenance(rows) and "measured 20" in ms.provenance(rows)


def test_the_search_is_kept_beside(folder: Path) -> None:
    found = ms.searched("s", folder)
    assert len(found) == 2 and found["chosen"].sum() == 1
    assert found.loc[found["chosen"], "valid_auc"].item() == found["valid_auc"].max()


def test_a_summary_takes_means_from_rows_and_intervals_from_changes(folder: Path) -> None:
    rows, changes = ms.measured("s", folder), ms.measured_changes("s", folder)
    table = summarise(rows, changes).set_index("tier_name")
    assert table.loc["FT", "auc"] == pytest.approx(rows[rows["tier"] == "ft"]["auc"].mean())
    own = changes.query("metric == 'auc' and tier == 'ft' and reference == 'base'").iloc[0]
    assert table.loc["FT", ["delta", "delta_low", "delta_high"]].tolist() == own[["change", "low", "high"]].tolist()
    assert table.loc["Base", "change_percent"] == 0 and table.loc["Base", "verdict"] == ""


def test_changes_from_rows_alone_are_near_those_from_predictions(folder: Path) -> None:
    exact = ms.measured_changes("s", folder).query("metric == 'auc' and reference in ('base', 'control')")
    keys = ["tier", "reference"]
    near = ms.changes_of(ms.measured("s", folder)).query("reference != ''").set_index(keys)
    exact = exact.set_index(keys).loc[near.index]
    assert near["change"].to_numpy() == pytest.approx(exact["change"].to_numpy())
    assert near["sd_seeds"].to_numpy() == pytest.approx(exact["sd_seeds"].to_numpy())
    assert near["mean"].to_numpy() == pytest.approx(exact["mean"].to_numpy())
    assert (near["se_users"] > 0.7 * exact["se_users"]).all()


def test_a_cell_measured_twice_is_taken_from_the_ledger_with_more_seeds(folder: Path, tmp_path: Path) -> None:
    changes = ms.measured_changes("s", folder)
    for name, seeds in (("a", 1), ("b", 5), ("c", 5)):
        pd.read_csv(folder / "s.csv").to_csv(tmp_path / f"{name}.csv", index=False)
        changes.assign(seeds=seeds).to_csv(tmp_path / f"{name}-changes.csv", index=False)
    both = ms.all_changes(tmp_path)
    assert set(both["ledger"]) == {"b"} and len(both) == len(changes)
    assert set(ms.all_changes(tmp_path, rerun=changes.assign(seeds=1))["ledger"]) == {"this run"}
    assert ms.all_changes(tmp_path / "nowhere").empty


def test_a_ledger_of_an_older_kind_is_read_too(tmp_path: Path) -> None:
    row = {"dataset": "d", "k": 3, "model": "afn", "model_name": "AFN", "seed": 0, "auc": 0.8, "tier": "base"}
    fine = row | {"tier": "ft", "auc": 0.81, "delta": 0.01, "delta_low": 0.005, "delta_high": 0.015}
    pd.DataFrame([row, fine]).to_csv(tmp_path / "old.csv", index=False)
    changes = ms.measured_changes("old", tmp_path)
    found = changes[changes["reference"] == "base"].iloc[0]
    assert found["change"] == 0.01 and found["verdict"] == "improved" and np.isnan(found["sd_seeds"])
    assert found["low"] == pytest.approx(0.005, rel=1e-3)


def test_a_study_runs_in_place_for_a_chapter(folder: Path) -> None:
    rows, changes = run_study(str(folder / "s.toml"), runs=folder / "runs")
    pd.testing.assert_frame_equal(rows, ms.measured("s", folder))
    assert len(changes) == len(ms.measured_changes("s", folder))
