from pathlib import Path

import pandas as pd
import pytest

from ctrnb.report import supervision
from ctrnb.report.claims import supervision_pairs
from ctrnb.study.results import all_changes
from tests.report.test_claims import measured_like


def ledger(name: str, folder: Path, *, penalty: float, base: float, seeds: int, change: float) -> None:
    """Write a ledger of DCNv2 on ml-1m, k = 3: Base at ``base``, TS with a change in percent."""
    rows = [
        {"dataset": "ml-1m", "k": 3, "drop_middle": False, "model": "dcnv2", "model_name": "DCNv2", "tier": tier, "seed": seed,
         "split_seed": 0, "stage": "final", "overrides": f'{{"training.l2_embedding": {penalty}}}', "device": "CPU",
         "auc": base, "auc_strong": base}
        for tier in ("base", "ts") for seed in range(seeds)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    changes = (
        measured_like(8)
        .query("k == 3 and model == 'dcnv2' and reference != 'ts'")
        .assign(seeds=seeds, model_name="DCNv2")
    )
    changes.loc[changes["reference"] == "base", "change_percent"] = change
    changes.to_csv(folder / f"{name}-changes.csv", index=False)


def test_a_cell_of_two_penalties_is_told(tmp_path: Path) -> None:
    ledger("pairs", tmp_path, penalty=3e-4, base=0.808, seeds=2, change=0.1)
    ledger("cores", tmp_path, penalty=1e-4, base=0.800, seeds=3, change=0.9)
    here, there = all_changes(tmp_path, prefer="pairs"), all_changes(tmp_path)
    table = supervision.measured_twice(here, there, tmp_path)
    assert table["base_percent"].tolist() == pytest.approx([1.0, 1.0]) and set(table["metric"]) == {"auc", "auc_strong"}
    said = supervision.twice_said(table, tmp_path)
    assert (
        "here from the ledger pairs (penalty 0.0003; 2 seeds), there from the ledger cores (penalty 0.0001; 3 seeds)"
        in said
    )
    assert "No other setting differs; " in said and "differs from that there by +1.00 %" in said
    assert "So the penalty moves Base by about as much as TS does there (medians 1.00 % and 0.90 %)." in said
    assert supervision.readable_twice(table).shape == (2, 4)
    nothing = supervision.measured_twice(there, there, tmp_path)
    assert nothing.empty and supervision.twice_said(nothing) == "No cell of Table 8 is in two ledgers."
    assert supervision.readable_twice(nothing).empty


def test_pairs_name_their_penalties_where_these_differ(tmp_path: Path) -> None:
    changes = measured_like(8).assign(ledger="none")
    shown = supervision.readable_pairs(supervision_pairs(changes), changes, tmp_path)
    assert (
        list(shown)[:2] == ["as printed?", "ours Δ%"]
        and set(shown["as printed?"]) == {"yes"}
        and "penalty" not in shown
    )
    ledger("pairs", tmp_path, penalty=3e-4, base=0.808, seeds=2, change=0.1)
    changes["ledger"] = "pairs"
    shown = supervision.readable_pairs(supervision_pairs(changes), changes, tmp_path)
    assert "0.0003 and –" in set(shown["penalty"]) and "–" in set(shown["penalty"])


def test_a_verdict_counts_cells_and_open_ones() -> None:
    head = {"key": "removal", "dataset": "ml-1m", "printed": 16, "undecided": 1, "not_reproduced": 0}
    table = pd.DataFrame([head | {"seeds": "2 to 3", "cells": 10, "reproduced": 9}])
    none, some = table.iloc[:0], table.assign(cells=4)
    said = "reproduced on ml-1m in 9 of 10 measured cells, undecided in 1 (2 to 3 seeds; the paper has 16 cells; "
    assert supervision.decided(table, none, "removal") == f"{said}all open)"
    assert supervision.decided(table, some, "removal") == f"{said}6 of them open)"
    assert supervision.decided(table, table, "removal") == f"{said}none open)"
    assert supervision.decided(none, none, "removal") == "not measured"
