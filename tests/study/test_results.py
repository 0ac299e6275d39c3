from pathlib import Path

import pandas as pd
import pytest

from ctrnb.report import provenance, tuning
from ctrnb.report.experiments import run_study, summarise
from ctrnb.study import results as ms


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
    assert provenance.sources(ms.all_changes(folder), folder).startswith("s: dataset own; k = 2")
    assert "2 seeds" in provenance.provenance(rows) and "measured 20" in provenance.provenance(rows)


def test_a_ledger_of_which_nothing_was_searched_is_told(folder: Path, tmp_path: Path) -> None:
    assert tuning.unsearched(folder) == []
    rows = pd.read_csv(folder / "s.csv")
    rows[rows["stage"] == "final"].to_csv(tmp_path / "given.csv", index=False)
    assert tuning.unsearched(tmp_path) == ["given"]


def test_a_summary_takes_means_from_rows_and_intervals_from_changes(folder: Path) -> None:
    rows, changes = ms.measured("s", folder), ms.measured_changes("s", folder)
    table = summarise(rows, changes).set_index("tier_name")
    assert table.loc["FT", "auc"] == pytest.approx(rows[rows["tier"] == "ft"]["auc"].mean())
    own = changes.query("metric == 'auc' and tier == 'ft' and reference == 'base'").iloc[0]
    assert table.loc["FT", ["delta", "delta_low", "delta_high"]].tolist() == own[["change", "low", "high"]].tolist()
    assert table.loc["Base", "change_percent"] == 0 and table.loc["Base", "verdict"] == ""


def test_a_cell_measured_twice_is_taken_from_the_ledger_with_more_seeds(folder: Path, tmp_path: Path) -> None:
    changes = ms.measured_changes("s", folder)
    for name, seeds in (("a", 1), ("b", 5), ("c", 5)):
        pd.read_csv(folder / "s.csv").to_csv(tmp_path / f"{name}.csv", index=False)
        changes.assign(seeds=seeds).to_csv(tmp_path / f"{name}-changes.csv", index=False)
    both = ms.all_changes(tmp_path)
    assert set(both["ledger"]) == {"b"} and len(both) == len(changes)
    assert set(ms.all_changes(tmp_path, prefer="a")["ledger"]) == {"a"}
    assert set(ms.all_changes(tmp_path, rerun=changes.assign(seeds=1))["ledger"]) == {"this run"}
    assert ms.all_changes(tmp_path / "nowhere").empty


def test_a_cell_is_taken_whole_from_one_ledger(folder: Path, tmp_path: Path) -> None:
    """The preferred ledger has no control: the other's must not stand beside its Base."""
    changes = ms.measured_changes("s", folder)
    few = changes[changes["tier"] == "base"]
    for name, table, seeds in (("few", few, 9), ("whole", changes, 2)):
        pd.read_csv(folder / "s.csv").to_csv(tmp_path / f"{name}.csv", index=False)
        table.assign(seeds=seeds).to_csv(tmp_path / f"{name}-changes.csv", index=False)
    preferred = ms.all_changes(tmp_path, prefer="few")
    assert set(preferred["ledger"]) == {"few"} and set(preferred["tier"]) == {"base"} and len(preferred) == len(few)
    assert set(ms.all_changes(tmp_path)["ledger"]) == {"whole"}  # which loses no comparison


def test_seeds_are_counted_in_each_cell_and_dates_span(folder: Path) -> None:
    rows = ms.measured("s", folder)
    rows = rows[(rows["tier"] != "ft") | (rows["seed"] == 0)]
    dates = ["2026-11-25"] + ["2026-11-26"] * (len(rows) - 1)
    said = provenance.provenance(rows.assign(date=dates))
    assert "; 1 to 2 seeds;" in said and said.endswith("measured 2026-11-25 to 2026-11-26")
    elsewhere = pd.concat([rows, rows.assign(k=9, seed=rows["seed"] + 5)])
    assert "; 1 to 2 seeds;" in provenance.provenance(elsewhere)


def test_a_ledger_without_its_changes_compares_nothing(folder: Path, tmp_path: Path) -> None:
    pd.read_csv(folder / "s.csv").to_csv(tmp_path / "alone.csv", index=False)
    assert ms.measured_changes("alone", tmp_path) is None and ms.all_changes(tmp_path).empty


def test_a_study_runs_in_place_for_a_chapter(folder: Path) -> None:
    rows, changes = run_study(str(folder / "s.toml"), runs=folder / "runs")
    pd.testing.assert_frame_equal(rows, ms.measured("s", folder), check_dtype=False)
    assert len(changes) == len(ms.measured_changes("s", folder))
