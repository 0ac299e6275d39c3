"""A cell is open where Base's best penalty is the largest tried; what a wider search changed is read off two ledgers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctrnb.report import tuning

CHANGES = {"dataset": "d", "k": 6, "drop_middle": False, "metric": "auc", "seeds": 5, "density_percent": 5.0}


def ledger(chosen: dict[str, float], tried: list[float]) -> pd.DataFrame:
    """Return a ledger of models in four tiers, each with a search over ``tried`` that chose one penalty a model."""
    rows = [
        {
            "dataset": "d", "k": 6, "drop_middle": False, "model": model.lower(), "model_name": model, "tier": tier,
            "stage": "final" if penalty == best else "search", "seed": 0, "device": "CPU", "precision": "fp32",
            "torch": "2+cpu", "overrides": json.dumps({tuning.PENALTY: penalty, "training.epochs": 1}),
        }
        for model, best in chosen.items() for tier in ("base", "control", "ft", "ts") for penalty in tried
    ]  # fmt: skip
    return pd.DataFrame(rows)


def changes(models: list[str], gain: float) -> pd.DataFrame:
    rows = []
    for model in models:
        head = CHANGES | {"model": model.lower(), "model_name": model}
        rows += [head | {"tier": tier, "reference": "", "mean": 0.8} for tier in ("base", "control", "ft", "ts")]
        change = {"tier": "ft", "change": gain, "low": gain - 0.001, "high": gain + 0.001, "p_value": 0.5}
        rows += [head | change | {"reference": reference} for reference in ("base", "control")]
        rows.append(head | {"tier": "control", "reference": "base", "change": 0.005, "low": 0.004, "high": 0.006})
    return pd.DataFrame(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study searched narrowly (three models) and widely (two of them; the third's rows are the narrow ones)."""
    narrow = ledger({"A": 1e-4, "B": 1e-4, "C": 1e-4}, [1e-5, 1e-4])
    wide = pd.concat([ledger({"A": 3e-4, "B": 1e-3}, [1e-4, 3e-4, 1e-3]), narrow[narrow["model_name"] == "C"]])
    (tmp_path / "tuning").mkdir()
    for rows, place, gain in ((narrow, tmp_path / "tuning", 0.003), (wide, tmp_path, -0.0002)):
        rows.to_csv(place / "s.csv", index=False)
        changes(["A", "B", "C"], gain).to_csv(place / "s-changes.csv", index=False)
    return tmp_path


def test_a_far_larger_penalty_is_compared_with_the_chosen_one(folder: Path) -> None:
    assert tuning.beyond(folder) == ""
    base = {"A": 0.80, "B": 0.79}  # on validation, whatever penalty
    own = pd.read_csv(folder / "s.csv")
    own.assign(valid_auc=own["model_name"].map(base)).to_csv(folder / "s.csv", index=False)
    far = ledger({"A": 0.1, "B": 1.0}, [0.1, 1.0]).query("tier == 'base'")
    far["valid_auc"] = [0.795, 0.799, 0.7885, 0.7912]
    far.to_csv(folder / "tuning" / "far.csv", index=False)
    said = tuning.beyond(folder)
    assert "Base was tried at 0.1, 1 as well, with the first seed, in 2 cells: validation prefers" in said
    assert "in 1 (B on d, k = 6), by up to 0.12 points (measured on: dataset d; k = 6; 1 seed; CPU" in said


def test_a_cell_is_open_where_the_largest_penalty_was_best(folder: Path) -> None:
    assert tuning.open_models("s", folder) == ["B", "C"]
    table = changes(["A", "B", "C"], 0.0).assign(ledger="s")
    assert set(tuning.closed(table, folder)["model_name"]) == {"A"}
    assert set(tuning.closed(table.assign(ledger="other"), folder)["model_name"]) == {"A", "B", "C"}
    assert tuning.closed(table.iloc[:0], folder).empty
    assert tuning.caveat("s", folder).startswith("For B, C (*) the search ended before")
    assert tuning.caveats(["s", "absent"], folder).endswith("from the penalty: B, C (s).")
    assert tuning.caveats(["absent"], folder) == ""
    summary = pd.DataFrame({"model_name": ["A", "B"]})
    assert tuning.marked(summary, "s", folder)["model_name"].tolist() == ["A", "B*"]


def test_a_search_that_tried_small_penalties_alone_is_open_wherever_its_best_is() -> None:
    """Validation AUC can fall, and rise again: on a sample of Yelp 1e-5 beats 1e-4, and 3e-3 beats both."""
    assert tuning.is_open(1e-5, (1e-5, 1e-4)) and not tuning.is_open(1e-5, (1e-5, 1e-4, 1e-3))
    assert tuning.is_open(1e-3, (1e-4, 1e-3))


def test_penalties_are_read_with_what_was_chosen_in_brackets(folder: Path) -> None:
    shown = tuning.readable_penalties("s", folder)
    assert shown.loc[(6, "A"), "Base"] == "0.0001, [0.0003], 0.001"
    assert shown.loc[(6, "C"), "Base"] == "1e-05, [0.0001]*" and shown.loc[(6, "C"), "FT"] == "1e-05, [0.0001]"


def test_a_fixed_penalty_is_open_and_an_unnamed_one_is_nothing(tmp_path: Path) -> None:
    rows = ledger({"A": 1e-4}, [1e-4])
    rows.to_csv(tmp_path / "s.csv", index=False)
    assert tuning.open_models("s", tmp_path) == ["A"]
    rows.assign(overrides="{}").to_csv(tmp_path / "s.csv", index=False)
    assert tuning.open_models("s", tmp_path) == [] and tuning.caveat("s", tmp_path) == ""
    assert np.isnan(tuning.penalties("s", tmp_path)["chosen"]).all()


def test_what_the_wider_search_changed_is_told_of_models_that_had_it(folder: Path) -> None:
    table = tuning.search_table("s", folder)
    assert table.index.tolist() == [("A", "0.0001"), ("A", "0.001"), ("B", "0.0001"), ("B", "0.001")]
    assert table["FT to Control, points"].tolist()[0].startswith("+0.30")
    assert tuning.statement("s", folder) == (
        "For A and B FT's gain over the control is +0.30 points on average (+0.20 to +0.40) with penalties up "
        "to 0.0001 and -0.02 points on average (-0.12 to +0.08) with penalties up to 0.001."
    )
    narrow, wide = tuning.sources_of_search("s", folder)
    assert narrow.startswith("dataset d; k = 6") and wide.startswith("dataset d; k = 6")


def test_what_else_two_searches_differ_in_is_said_by_what_was_tried(folder: Path) -> None:
    wide = pd.read_csv(folder / "s.csv")
    rates = [json.dumps(json.loads(text) | {"training.learning_rate": 3e-3}) for text in wide["overrides"]]
    rates = wide["overrides"].where(wide["stage"] == "final", rates)  # another rate tried, the same chosen
    wide.assign(overrides=rates).to_csv(folder / "s.csv", index=False)
    assert tuning.statement("s", folder).endswith("; the two searches also differ in the learning rates tried.")
    wide.assign(device="GPU").to_csv(folder / "s.csv", index=False)
    assert tuning.statement("s", folder).endswith("; the two searches also differ in the device.")


def test_the_gain_over_the_control_is_that_of_closed_models_alone(folder: Path) -> None:
    assert tuning.gain_over_both(folder) == "-0.02 points (-0.12 to +0.08) on d"
    nothing = "not known, for no penalty was searched far enough to tell"
    assert tuning.gain_over_both(folder / "tuning") == nothing
    assert tuning.control_over_base(folder) == "changes AUC by +0.50 points (+0.40 to +0.60) on d"
    assert (
        tuning.at_an_end(folder)
        == "In 0 of the 1 cells that are not open FT or the control chose an end of its own grid"
    )
    rows = pd.read_csv(folder / "s.csv")
    final = (rows["model_name"] == "A") & (rows["tier"] == "ft") & rows["overrides"].str.contains("0.0001")
    rows["stage"] = (
        rows["stage"].mask((rows["model_name"] == "A") & (rows["tier"] == "ft"), "search").mask(final, "final")
    )
    rows.to_csv(folder / "s.csv", index=False)
    assert tuning.at_an_end(folder).startswith("In 1 of the 1 cells")


@pytest.mark.parametrize(
    ("p_values", "said", "answer"),
    [
        ([0.001, 0.001], "in 2 of 2 cells (d 2 of 2)", "As a rule, yes."),
        ([0.001, 0.2], "in 1 of 2 cells (d 1 of 2)", "Not by default."),
        ([0.03, 0.03], "in 0 of 2 cells (d 0 of 2)", "Nowhere yet."),  # Holm: 3 % twice
    ],
)
def test_a_gain_counts_where_it_holds_against_both(monkeypatch, p_values, said: str, answer: str) -> None:
    place = {"ledger": "s", "dataset": "d", "k": 3, "drop_middle": False}
    own = {"change": 0.01, "low": 0.005, "high": 0.015, "p_value": 0.001}
    rows = pd.DataFrame([place | own | {"model": model, "model_name": model.upper()} for model in "ab"])
    weaker = {"base": rows.assign(p_value=p_values, change=[0.02, 0.004], low=-0.001), "control": rows}
    monkeypatch.setattr(tuning, "gains", lambda tier, reference, folder: weaker[reference])
    assert tuning.paying() == said and tuning.answer() == answer
    found = tuning.verdicts()
    assert found["change"].tolist() == [0.01, 0.004] and found["low"].tolist() == [0.005, -0.001]  # the smaller of two
    names = [f"{name} on d, k = 3" for name, sure in zip("AB", found["sure"], strict=True) if sure]
    assert tuning.where_paying() == ("; ".join(names) or "none")
    table = tuning.by_model()
    assert table["beats both in"].tolist() == found["sure"].astype(int).tolist()
    assert table["over the better, points"].tolist() == ["+1.00 (+0.50 to +1.50)", "+0.40 (-0.10 to +1.50)"]
    assert tuning.gain_over_both() == "+0.70 points on average (+0.05 to +1.35) on d"
    shown = tuning.by_dataset_and_model().set_index(["model_name", "series"])
    assert shown.loc[("B", "to Base"), "change"] == pytest.approx(0.4) and set(shown["case"]) == {"d"}


def test_gains_of_open_models_are_counted_apart(folder: Path) -> None:
    summary = pd.DataFrame(
        {
            "k": 6,
            "model_name": ["A", "B", "B"],
            "tier_name": ["FT", "FT", "TS"],
            "gain": 0.1,
            "gain_low": 0.01,
            "gain_p": [0.01, 0.04, 0.0],
        }
    )
    summary = summary.assign(
        delta=[0.001, 0.003, 0.1], delta_low=[-0.001, 0.001, 0], delta_high=[0.003, 0.005, 1], delta_p=0.02
    )
    assert tuning.over_control(summary, "s", folder) == (
        "in 1 of the 1 models whose penalty was searched far enough (A), and in 1 of the 1 others (*), where a gain may be the "
        "penalty's"
    )
    assert (
        tuning.over_control(summary.iloc[1:], "s", folder) == "in 1 of 1 models (*), where a gain may be the penalty's"
    )
    assert tuning.over_control(summary, "absent", folder) == "in 2 of 2 models"
    assert tuning.over_control(summary.assign(gain_p=0.03), "absent", folder) == (
        "in 0 of 2 models; by their own intervals alone, without Holm's test, in 2"  # Holm: 3 % twice
    )
    assert tuning.over_base(summary) == (
        "in 2 of 2 models (the least sure with p = 0.04), by +0.20 points on average (+0.00 to +0.40)"
    )


def test_a_model_is_marked_in_its_open_cores_alone(folder: Path) -> None:
    summary = pd.DataFrame({"k": [6, 10], "model_name": ["B", "B"]})
    assert tuning.marked(summary, "s", folder)["model_name"].tolist() == ["B*", "B"]


def test_nothing_measured_is_nothing_said(tmp_path: Path) -> None:
    assert tuning.gain_over_both(tmp_path) == "not known, for no penalty was searched far enough to tell"
    assert tuning.answer(tmp_path) == "Not known yet."
    assert tuning.paying(tmp_path) == "in none: not known, for no penalty was searched far enough to tell"
    assert tuning.where_paying(tmp_path) == "none" and tuning.by_model(tmp_path).empty
    assert tuning.by_dataset_and_model(tmp_path).empty
    assert tuning.searched(tmp_path) == [] and tuning.splits(tmp_path) == []
    assert tuning.control_over_base(tmp_path) == "is not measured"
    assert tuning.statement("s", tmp_path) == tuning.caveat("s", tmp_path) == ""
    assert tuning.search_table("s", tmp_path).empty and tuning.open_cells(tmp_path).empty
    assert tuning.sources_of_search("s", tmp_path) == ("not measured", "not measured")
