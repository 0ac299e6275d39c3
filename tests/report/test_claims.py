from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctrnb import paper
from ctrnb.errors import ParameterError
from ctrnb.report import claims as words
from ctrnb.report.beside import (
    NOT_REPRODUCED,
    PAPER_NAMES,
    REPRODUCED,
    UNDECIDED,
    beside,
    by_dataset,
    paper_cells,
    readable,
    reproduction,
    used,
)
from ctrnb.report.claims import CLAIMS, REMOVAL, claims, supervision_pairs
from ctrnb.study.changes import NORMAL, detectable
from ctrnb.study.results import all_changes

SE = 0.02  # percent
TABLES = (2, 3, 5, 6, 8)


def test_a_cell_that_reproduces_a_claim_does_not_fail_it_for_being_one_of_many() -> None:
    """Its widened interval may hold zero and leave the paper's change out; it lies on the paper's side all the same."""
    cell = {"change_percent": 0.05, "se_percent": SE, "df": NORMAL, "expected_percent": 0.30, "same_data": True}
    many = pd.DataFrame([cell | {"change_percent": 0.30}] * 9 + [cell]).assign(rounding_percent=0.0)
    assert words.cell_verdict(many.iloc[-1], 0.05) == REPRODUCED
    assert words.cell_verdict(many.iloc[-1], 0.05 / 10) == NOT_REPRODUCED
    assert words.decide(many, None)[0] == REPRODUCED


def test_a_claim_of_a_side_is_judged_by_the_side_whatever_was_printed() -> None:
    cell = {"se_percent": SE, "df": NORMAL, "same_data": True, "rounding_percent": 0.0}
    printed_against = pd.Series(cell | {"change_percent": 0.09, "expected_percent": -0.02})
    small = pd.Series(cell | {"change_percent": 0.03, "expected_percent": 0.30})
    lost = pd.Series(cell | {"change_percent": -0.09, "expected_percent": -0.02})
    judged = [words.cell_verdict(each, 0.05, words.HIGHER) for each in (printed_against, small, lost)]
    assert judged == [REPRODUCED, UNDECIDED, NOT_REPRODUCED]
    assert words.cell_verdict(small, 0.05) == NOT_REPRODUCED  # of a claim that the change is as printed
    assert words.cell_verdict(lost, 0.05, words.LOWER) == REPRODUCED


def test_what_an_interval_says_of_an_expected_change() -> None:
    def said(change: float, expected: float, **options) -> str:
        return reproduction(change, SE, NORMAL, expected, **options)

    assert said(0.20, 0.30) == REPRODUCED and said(-0.20, -0.01) == REPRODUCED
    assert said(0.20, -0.30) == NOT_REPRODUCED and said(0.20, 0.0) == NOT_REPRODUCED
    assert said(0.01, 0.03) == UNDECIDED  # 0.01 +- 0.04 holds 0 and 0.03
    assert said(0.01, 0.30) == NOT_REPRODUCED  # it leaves 0.30 out
    assert said(0.01, 0.30, same_data=False) == UNDECIDED
    assert said(0.045, 0.30) == REPRODUCED and said(0.045, 0.05, level=0.001) == UNDECIDED
    assert said(np.nan, 0.3) == said(0.3, np.nan) == ""
    assert said(0.01, 0.06) == UNDECIDED  # outside of 0.01 +- 0.04, and within reach of a change as uncertain as ours
    assert said(0.01, 0.07) == NOT_REPRODUCED and said(0.01, 0.07, rounding=0.012) == UNDECIDED


def test_a_printed_change_may_be_off_by_what_was_rounded() -> None:
    cell = paper_cells(3).query("model == 'dcnv2' and k == 6 and tier == 'ft' and paper_dataset == 'ML-1M'").iloc[0]
    true = np.array([0.0, 1.0]) * 0.01 + (100 * cell["paper"] - 0.005)  # the least and the most that is printed so
    assert cell["rounding_percent"] == pytest.approx(0.005 + 100 * (true[1] - true[0]) / (100 * cell["paper"]))


def measured_like(number: int, shift: float = 0.0, dataset: str = "ml-1m", control: float = 0.0) -> pd.DataFrame:
    """Return changes as if our measurements were the paper's table, moved by ``shift`` percent, and equal to the control's."""
    cells = paper_cells(number)
    rows = []
    for cell in cells[cells["paper_dataset"] == PAPER_NAMES[dataset]].itertuples():
        head = {"dataset": dataset, "k": cell.k, "drop_middle": cell.drop_middle, "model": cell.model, "model_name": cell.model, "metric": cell.metric, "tier": cell.tier, "seeds": 5, "sd_seeds": 1e-4, "mean": cell.paper}  # fmt: skip
        rows.append(head | {"reference": "", "se": 1e-4, "df": NORMAL})
        if cell.tier == "base":
            continue
        for reference, change in (("base", cell.expected_percent + shift), ("control", control), ("ts", np.nan)):
            absolute, se = change / 100, SE / 100
            test = {"change_percent": change, "change": absolute, "reference_mean": 1.0, "se": se, "df": NORMAL}
            more = {
                "low": absolute - 1.96 * se,
                "high": absolute + 1.96 * se,
                "verdict": "",
                "p_holm": 0.01,
                "p_value": 0.01,
            }
            rows.append(head | {"reference": reference} | test | more | {"mde": se * detectable(NORMAL), "mde_percent": SE * detectable(NORMAL)})  # fmt: skip
    return pd.DataFrame(rows)


def test_the_papers_own_numbers_reproduce_it_where_they_are_large_enough() -> None:
    table = beside(2, measured_like(2))
    compared = table[table["tier"] == "ts"]
    assert len(compared) == 6 * 3 and (compared["ours"] == compared["paper"]).all()
    large = compared["expected_percent"].abs() > 2 * SE
    assert (compared.loc[large, "as_printed"] == REPRODUCED).all()
    assert (compared.loc[~large, "as_printed"] == UNDECIDED).all()


def test_numbers_of_the_other_sign_do_not() -> None:
    table = beside(2, measured_like(2, shift=-1.0)).query("tier == 'ts' and expected_percent > 0")
    assert len(table) == 17 and (table["as_printed"] == NOT_REPRODUCED).all()


@pytest.mark.parametrize("number", [2, 3, 5, 6, 8])
def test_every_cell_of_a_table_finds_its_place(number: int) -> None:
    printed = paper.table(number).dropna(subset=["value"])
    table = beside(number, pd.concat([measured_like(number), measured_like(number, dataset="yelp-small")]))
    assert len(table) == len(printed) and table["paper"].notna().all()
    scale = 1 if number in (5, 6) else 100
    assert sorted((scale * table["paper"]).round(4)) == sorted(printed["value"].round(4))
    assert len(readable(table)) == len(table)


def test_a_sample_is_labelled_and_only_its_side_is_compared() -> None:
    table = beside(2, measured_like(2, dataset="yelp-small").assign(change_percent=0.0))
    assert set(table.loc[table["tier"] == "ts", "as_printed"]) == {UNDECIDED}
    parts = dict(by_dataset(2, measured_like(2, dataset="yelp-small")))
    assert "Table 2, AUC in percent: yelp-small (the paper's: Yelp2022), k = 3" in parts
    assert sum(map(len, parts.values())) == len(table)


def test_a_change_to_be_read_carries_its_sign_and_its_interval() -> None:
    changes = measured_like(2).assign(verdict="improved")
    shown = dict(by_dataset(2, changes))["Table 2, AUC in percent: ml-1m, k = 6"]
    cell = shown.loc[("dcnv2", "TS")]
    assert cell["ours Δ% to Base"] == "▲\u00a0+0.18 (+0.14 to\u00a0+0.22)"  # two places to break the line
    assert cell["as printed?"] == "yes" and list(shown)[:2] == ["as printed?", "ours Δ% to Base"]
    assert shown.loc[("dcnv2", "Base"), "ours Δ% to Base"] == ""
    without = changes[(changes["reference"] != "control") | (changes["model"] != "dcnv2")]
    part = dict(by_dataset(2, without))["Table 2, AUC in percent: ml-1m, k = 6"]["ours Δ% to control"]
    assert part[("dcnv2", "TS")] == "–" and part[("dcnv2", "Base")] == "" and part[("autoint", "TS")].startswith("▲")
    alone = dict(by_dataset(2, changes[changes["reference"] != "control"]))["Table 2, AUC in percent: ml-1m, k = 6"]
    assert "ours Δ% to control" not in alone


def test_a_table_says_where_middle_ratings_were_removed() -> None:
    titles = [title for title, _ in by_dataset(8, measured_like(8))]
    assert any(title.endswith("k = 19, middle ratings removed from training and evaluation") for title in titles)
    assert any(title.endswith("k = 1, middle ratings removed from evaluation") for title in titles)
    assert any(title.endswith("k = 1") for title in titles) and len(set(titles)) == len(titles)


def test_what_a_table_shows_is_told_from_the_rest() -> None:
    changes = pd.concat([measured_like(3), measured_like(8), measured_like(3).assign(dataset="elsewhere")])
    shown = used([3], changes)
    assert set(shown["dataset"]) == {"ml-1m"} and set(shown["k"]) == {3, 6, 10} and list(shown) == list(changes)
    assert set(used([8], changes)["k"]) == {1, 3, 19, 22} and len(used([3, 8], changes)) > len(shown)


def test_only_tables_of_tiers_stand_beside() -> None:
    with pytest.raises(ParameterError, match="2, 3, 5, 6 and 8"):
        paper_cells(7)


def test_a_claim_needs_every_cell_and_falls_by_one() -> None:
    def verdict(changes: pd.DataFrame) -> str:
        table = claims(changes, TABLES)
        return table.set_index("claim").loc[CLAIMS[2].text, "verdict"]

    changes = measured_like(3)
    assert CLAIMS[2].table == 3 and verdict(changes) == REPRODUCED
    victim = (changes["tier"] == "ft") & (changes["reference"] == "base") & (changes["metric"] == "auc")
    one = changes[victim].index[0]
    changes.loc[one, "change_percent"] = 0.0
    assert verdict(changes) == UNDECIDED  # on neither side
    changes.loc[one, ["change", "change_percent", "low", "high"]] = -0.002, -0.2, -0.0024, -0.0016
    assert verdict(changes) == NOT_REPRODUCED
    assert claims(changes, TABLES).set_index("claim").loc[CLAIMS[2].text, "inside"] == 8
    changes.loc[one, "se"] = 1.0
    assert verdict(changes) == UNDECIDED  # a wide interval leaves nothing out


def test_a_gain_that_the_control_has_too_is_not_said_to_hold_against_it() -> None:
    table = claims(measured_like(3), TABLES).set_index("claim")
    claim = next(each for each in CLAIMS if (each.tier, each.reference) == ("ft", "control"))
    assert claim.ours and table.loc[claim.text, "verdict"] == UNDECIDED and table.loc[claim.text, "cells"] == 9
    shown = words.readable(table.reset_index(), table.reset_index()).loc[f"{claim.text} ({claim.source})"].iloc[0]
    assert shown["Δ%: ours; paper's"].endswith("; –") and shown["verdict"] == UNDECIDED
    lost = measured_like(3).assign(change_percent=lambda frame: frame["change_percent"] - 5)
    table = claims(lost, TABLES)
    assert table.loc[table["key"] == claim.key, "verdict"].item() == NOT_REPRODUCED
    assert words.readable(table, table).loc[f"{claim.text} ({claim.source})", "verdict"].item() == "does not hold"


def test_supervision_pairs_compare_levels_of_like_density() -> None:
    changes = measured_like(8)
    pairs = supervision_pairs(changes)
    assert len(pairs) == 2 * 4 * 2 and set(zip(pairs["k"], pairs["k_removed"], strict=True)) == {(1, 19), (3, 22)}
    assert pairs["change_percent"].to_numpy() == pytest.approx(pairs["expected_percent"].to_numpy())
    assert pairs["se_percent"].iloc[0] == pytest.approx(100 * np.sqrt(2) * 1e-4 / pairs["kept"].iloc[0])
    assert (pairs["as_printed"] == REPRODUCED).all()
    assert claims(changes, TABLES).set_index("claim").loc[REMOVAL, "verdict"] == REPRODUCED
    assert supervision_pairs(measured_like(2)).empty


def test_verdicts_in_words(tmp_path: Path) -> None:
    table = claims(pd.concat([measured_like(3), measured_like(3, dataset="yelp-small").assign(seeds=1)]), TABLES)
    assert words.said(table, "ft-dense") == "reproduced (ml-1m, 5 seeds; +0.22 %, in the paper +0.22 %)"
    part = measured_like(3).query("model != 'dcnv2'")
    assert words.said(claims(part, TABLES), "ft-dense").startswith(
        "reproduced (ml-1m, 5 seeds, 6 of the paper's 9 cells; "
    )
    part = measured_like(8).query("model != 'dcnv2'")
    one = claims(measured_like(3).query("k == 6 and model == 'dcnv2'"), TABLES)
    assert words.said(one, "ft-dense").startswith(
        "reproduced (ml-1m, 5 seeds, only dcnv2 at k = 6 of the paper's 9 cells; "
    )
    pair = claims(measured_like(8).query("model == 'dcnv2' and k in (1, 19)"), TABLES)
    assert words.said(pair, "removal").startswith(
        "reproduced (ml-1m, 5 seeds, only dcnv2 at k = 1 (Base) and dcnv2 at k = 1 (TS) of the paper's 16 cells; "
    )
    nothing = claims(all_changes(tmp_path), TABLES)
    assert (
        nothing.empty and words.readable(nothing, nothing).empty and words.said(nothing, "ft-dense") == "not measured"
    )
    assert used([2, 8], all_changes(tmp_path)).empty and not list(by_dataset(2, all_changes(tmp_path)))
    assert words.said(claims(part, TABLES), "removal").startswith(
        "reproduced (ml-1m, 5 seeds, 12 of the paper's 16 cells; "
    )
    mixed = measured_like(3)
    mixed.loc[mixed["model"] == "dcnv2", "seeds"] = 1
    assert words.said(claims(mixed, TABLES), "ft-dense").startswith("reproduced (ml-1m, 1 to 5 seeds; ")
    assert words.said(claims(mixed.assign(seeds=1), TABLES), "ft-dense").startswith("reproduced (ml-1m, 1 seed; ")
    assert (
        words.said(table, "removal") == "not measured"
        and words.said(claims(pd.DataFrame(columns=table.columns.union(measured_like(3).columns)), TABLES), "x")
        == "not measured"
    )
    assert len(words.readable(table, table.iloc[1:])) == len(table)
    assert len(words.readable_pairs(supervision_pairs(measured_like(8)))) == 16
