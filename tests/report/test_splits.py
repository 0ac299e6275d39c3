"""FT's gains on one split beside those over several."""

from pathlib import Path

import pandas as pd
import pytest

from ctrnb.report import splits

CELL = {"dataset": "d", "k": 3, "drop_middle": False}


def changes(gains: dict[str, float], half: float, sd: float, seeds: int) -> pd.DataFrame:
    """Return changes of models whose FT gains so much over the control, and as much again over Base."""
    found = [
        CELL | {"model": model, "model_name": model.upper(), "metric": metric, "tier": tier, "reference": reference, "seeds": seeds,
                "change": change, "low": change - half, "high": change + half, "sd_seeds": sd,
                "p_value": 0.001 if abs(change) > half else 0.5}
        for model, gain in gains.items() for metric in ("auc", "logloss") for tier in ("control", "ft")
        for reference, change in (("control", gain), ("base", 2 * gain)) if tier != reference
    ]  # fmt: skip
    return pd.DataFrame(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of two models on one split, three seeds, and of one of them on four splits; another study of several alone."""
    (tmp_path / "splits").mkdir()
    changes({"a": 0.004, "b": 0.003}, 0.001, 0.0005, 3).to_csv(tmp_path / "s-changes.csv", index=False)
    runs = [
        CELL | {"model": "a", "tier": tier, "seed": n, "split_seed": n, "stage": "final", "gain": gain,
                "device": "CPU, 1 threads", "precision": "fp32", "torch": "2+cpu", "date": "2026-11-26T01:00:00"}
        for n, gain in enumerate([0.003, -0.001, 0.002, 0.0042]) for tier in ("base", "ft")
    ]  # fmt: skip
    for name in ("s", "alone"):
        pd.DataFrame(runs).to_csv(tmp_path / "splits" / f"{name}.csv", index=False)
        changes({"a": 0.002}, 0.003, 0.0025, 4).to_csv(tmp_path / "splits" / f"{name}-changes.csv", index=False)
    pd.DataFrame(runs).query("split_seed == 0").to_csv(tmp_path / "s.csv", index=False)
    return tmp_path


def test_a_cell_is_compared_where_both_were_measured(folder: Path) -> None:
    found = splits.compared(folder)
    assert found[["ledger", "model", "reference"]].to_numpy().tolist() == [["s", "a", "control"], ["s", "a", "base"]]
    assert found["change_one"].tolist() == [0.004, 0.008] and found["change_splits"].tolist() == [0.002, 0.004]


def test_the_statement_counts_cells_and_spreads(folder: Path) -> None:
    said = splits.statement(folder)
    assert said.startswith(
        "In 1 cell FT's mean gain over the control is +0.40 points in the tables, +0.30 on the split, and with the seed, on which the "
        "settings were chosen, and +0.17 on other splits with the same settings; it is smaller on these in 1 of 1. There it is on the "
        "same side as in the tables in 1 of 1 cell, and within the tables' interval in 0. Over all 4 splits"
    )
    assert "beyond chance (Holm's test) in 0, against 1 in the tables" in said
    assert "standard deviation of 0.25 points" in said and said.endswith("on the one split, 0.05.")


def test_the_mean_over_cells_has_an_interval(monkeypatch) -> None:
    cells = pd.DataFrame({"table": 0.002, "chosen": [0.003, 0.001], "others": [0.001, 0.002]})
    monkeypatch.setattr(splits, "chosen_and_others", lambda folder: cells)
    half = 100 * 12.706 * 0.0005  # Student's t with one degree of freedom
    assert f"+0.15 ({0.15 - half:+.2f} to {0.15 + half:+.2f}, the cells taken" in splits.optimism()
    assert splits.optimism().endswith("in 1 of 2.")
    assert splits.elsewhere().endswith("points where the tables have +0.20 (2 cells)")


def test_the_tables_show_both_and_every_split(folder: Path) -> None:
    ((title, table),) = splits.tables(folder)
    read = {name: text.replace("\u00a0", " ") for name, text in table.loc["A"].items()}
    assert title == "d, 3-core"
    assert read == {
        "to control, one split": "▲ +0.40 (+0.30 to +0.50)",
        "to control, over splits": "= +0.20 (-0.10 to +0.50)",
        "to control, each split": "+0.30, -0.10, +0.20, +0.42",
        "to Base, over splits": "▲ +0.40 (+0.10 to +0.70)",
    }
    assert "4 seeds; 4 splits" in splits.source(folder)


def test_without_other_splits_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert splits.statement(tmp_path) == "" and splits.elsewhere(tmp_path) == "not measured"
    assert not list(splits.tables(tmp_path)) and splits.source(tmp_path) == ""
