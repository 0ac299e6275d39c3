from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb import plots
from ctrnb.cli import app
from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate
from ctrnb.errors import ParameterError
from ctrnb.report import groups, sensitivity
from ctrnb.report.words import with_interval
from ctrnb.study import command
from ctrnb.study.inprocess import InProcessEngine


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[pd.DataFrame]:
    """The breakdowns of one model in four tiers with two seeds."""
    curated = curate(generate(SyntheticConfig(users=120, items=80, density=0.15, seed=3)), Curation(k=3))
    encoded = encode(curated)
    runs = groups.runs_of(
        encoded, "dcnv2", ["base", "control", "ft", "ts"], [0, 1], runs=tmp_path_factory.mktemp("runs"), epochs=1
    )
    parts = groups.groupings(encoded, curated.users, fields=["segment"])
    return groups.breakdowns({"dcnv2": runs}, encoded, parts, repeats=20)


def test_every_grouping_metric_and_comparison_is_there(found: list[pd.DataFrame]) -> None:
    effect, spread, target = found
    assert set(effect["grouping"]) == {"activity", "mean degree of the user's items", "segment"}
    activity = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc")]
    assert len(activity) == 4 * len(groups.COMPARISONS) and set(activity["group"]) == {"all", "low", "mid", "high"}
    assert set(spread["tier"]) == {"base", "control", "ft", "ts"} and spread["verdict"].notna().sum() > 0
    assert set(target["underserved"]) <= set(effect["group"])


def test_tables_and_sentences_say_what_the_numbers_are(found: list[pd.DataFrame]) -> None:
    effect, spread, target = found
    table = groups.groups_table(effect, "activity")
    row = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["group"] == "low")]
    row = row[(row["tier"] == "ft") & (row["reference"] == "base")].iloc[0]
    shown = table.loc[("DCNv2", "low"), "FT to Base, points"]
    assert f"{100 * row['change']:+.2f}" in shown and shown[0] in "▲▼="
    assert len(groups.spreads_table(spread, "activity")) == 2 * 4
    assert "of 1 model," in groups.spread_said(spread) and "of 1 model by AUC" in groups.target_said(target)
    assert "In the group that Base serves worst" in groups.said(spread, target)
    assert "in the group that the control serves worst, FT's change to the control" in groups.said(spread, target)
    assert "chance alone" not in groups.said(spread, target)
    change = groups.compared(spread, "ft", "activity")["change"].item()
    assert f"DCNv2 {change:+.2f}, 95 % interval" in groups.spread_said(spread)
    shown = groups.spreads_table(spread, "activity").loc[("group AUC", "DCNv2", "FT")]
    against = groups.compared(spread, "ft", "activity", "control")["change"].item()
    assert f"{change:+.2f}" in shown["change to Base"] and f"{against:+.2f}" in shown["change to the control"]
    without = groups.spreads_table(spread[spread["reference"] != "control"], "activity")
    assert (without["change to the control"] == "").all() and len(without) == 2 * 4
    assert groups.targets_table(target).shape == (2 * 3, 4)
    figure = plots.changes_by_tier(
        effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc")], "mci", "MCI"
    )
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["all", "low", "mid", "high"]


def cases(change: list[float], half: float = 1.0, **columns: list[float] | str) -> pd.DataFrame:
    """Return rows of activity of FT, a model a change, each with an interval of the same half width."""
    table = pd.DataFrame({"change": change}).assign(grouping="activity", metric="auc", tier="ft", reference="base")
    table = table.assign(model=[f"m{n}" for n in range(len(table))], dataset="d", k=3, drop_middle=False)
    for name in ("change", "mci"):
        table = table.assign(
            **{name: change, f"{name}_low": table["change"] - half, f"{name}_high": table["change"] + half}
        )
    return table.assign(model_name=table["model"], variance=[5 + each for each in change], **columns)


def test_the_direction_of_estimates_is_told_beside_their_tests() -> None:
    narrower = cases([-1.1, -0.5, -0.2, 0.3])
    control = cases([-0.6, -0.7, 0.1, 0.2], tier="control")
    against = cases([-0.5, 1.2, -0.3, 0.1], reference="control")
    to_base = (
        "FT's Var(L,M,H) is below Base's in 3 of 4 cases, beyond chance in 1, and above it beyond chance in 0; the control's is "
        "below Base's in 2 of 4, and FT's is below the control's in 2 of 4"
    )
    assert groups.spread_said(pd.concat([narrower, control]), of="case") == f"{to_base} (estimates alone)"
    said = f"{to_base}, beyond chance in 0, and above it beyond chance in 1"
    assert groups.spread_said(pd.concat([narrower, control, against]), of="case") == said
    part = pd.concat([narrower, control, against[1:2]])
    assert groups.spread_said(part, of="case") == f"{said} (intervals of 1 of 4 were kept)"
    wider = groups.spread_said(cases([1.1]))
    assert "below Base's in 0 of 1 model, beyond chance in 0, and above it beyond chance in 1 (m0 +1.10" in wider
    assert "control" not in wider


def test_the_group_served_worst_is_told_against_base_and_control() -> None:
    against = cases([-1.2, 0.1, 0.2], reference="control")
    assert groups.target_said(pd.concat([cases([1.2, 0.1, -0.2]), against]), of="case") == (
        "In the group that Base serves worst, FT's change to Base exceeds the others' in 2 of 3 cases by AUC and in 2 by MCI, "
        "beyond chance in 1 and 1, and falls short beyond chance in 0 and 0; in the group that the control serves worst, FT's "
        "change to the control exceeds the others' in 2 of 3 cases by AUC and in 2 by MCI, beyond chance in 0 and 0, and falls "
        "short beyond chance in 1 and 1"
    )


def test_many_intervals_are_widened_and_chance_is_counted() -> None:
    few = groups.chance_said(cases([1.1, 1.1]), cases([1.1, 1.1]))
    assert few == ""
    near = cases([1.1] + [0.0] * 19)  # 1.1 of 1.0 is beyond chance once, not among 20
    assert groups.tally(near, "change").surely == 1 and groups.tally(near, "change", 20).surely == 0
    said = groups.chance_said(near, near, of="case")
    assert said.endswith("chance alone puts about 0.5 of 20 on each side.")
    assert "widened for 20 cases, no change of the gap or of the group served worst is beyond chance." in said
    far = cases([-2.0] + [0.0] * 19)
    assert "at most 3 changes are beyond chance" in groups.chance_said(far, far, of="case")  # variance, AUC and MCI
    one = groups.widened_said(cases([-5.0, 0.0, 0.0]), cases([0.0, 0.0, 0.0]), of="case")
    assert one == "with intervals widened for 3 cases, at most 1 change is beyond chance"
    widened = groups.tally(cases([2.9 / 1.96, 3.1 / 1.96]), "change", 18)  # the normal quantile of 0.05 / 36 is 2.99
    assert widened == groups.Tally(2, 2, 0, 1, 0)


def test_the_papers_table_4_stands_beside_ours(found: list[pd.DataFrame]) -> None:
    alone = groups.table_4()
    assert len(alone) == 2 * 3 * 2 * 3
    assert alone.loc[("ML-1M, k = 6", "DCNV2", "FT", "Low"), "paper: points"] == "+0.51"
    ours = found[0].assign(dataset="ml-1m", k=6)
    beside = groups.table_4([ours])
    assert beside.loc[("ML-1M, k = 6", "DCNV2", "FT", "Low"), "ours: points"] != ""
    assert beside.loc[("ML-1M, k = 6", "AutoInt", "FT", "Low"), "ours: points"] == ""


def test_a_finished_study_is_broken_down_without_training(tmp_path: Path, monkeypatch) -> None:
    lines = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)]
    (tmp_path / "r.csv").write_text("user,item,stars\n" + "\n".join(lines))
    (tmp_path / "own.toml").write_text('[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n')
    (tmp_path / "s.toml").write_text(
        'repeats = 20\n[[cells]]\ndatasets = ["own.toml"]\nk = [2]\nmodels = ["dcnv2"]\ntiers = ["base", "ft"]\n'
        'seeds = [0, 1]\n[fixed]\ntraining = {epochs = 1, precision = "fp32"}\n'
    )
    options = {"data_dir": None, "device": "cpu", "out": tmp_path / "s.csv"}
    command.sweep(tmp_path / "s.toml", tmp_path / "runs", InProcessEngine(threads=1), **options)
    before = sorted((tmp_path / "runs").iterdir())
    for module in ("analyse", "groups", "sensitivity"):
        monkeypatch.setattr(f"ctrnb.report.{module}.results_folder", lambda folder=None: tmp_path / "results")
    result = CliRunner().invoke(
        app, ["results", "analyse", str(tmp_path / "s.toml"), "--runs", str(tmp_path / "runs"), "--repeats", "10"]
    )
    assert result.exit_code == 0, result.output
    unknown = CliRunner().invoke(
        app, ["results", "analyse", str(tmp_path / "s.toml"), "--runs", str(tmp_path / "runs"), "--field", "nope"]
    )
    assert unknown.exit_code == 2 and "users have no field 'nope'. They have: " in unknown.output
    assert sorted((tmp_path / "runs").iterdir()) == before
    effect, spread, target = groups.measured_breakdowns("s")
    assert set(effect["dataset"]) == {"own"} and (effect["k"] == 2).all() and len(spread) and len(target)
    assert groups.measured_breakdowns("absent") is None and not list(groups.measured_parts(["absent"]))
    monkeypatch.setattr("ctrnb.study.results.results_folder", lambda folder=None: folder or tmp_path)
    ((title, source, parts),) = groups.measured_parts(["s"])
    assert (
        title == "own, 2-core"
        and "2 seeds" in source
        and [len(part) for part in parts] == [len(effect), len(spread), len(target)]
    )
    assert (
        groups.measured_said([(title, source, parts)]).startswith("FT's Var")
        and groups.measured_said([]) == "nothing is measured."
    )
    assert "of 2 cases" in groups.measured_said([(title, source, parts)] * 2)
    verdict = groups.verdict([(title, source, parts)])
    assert (
        verdict.startswith("With intervals widened for 1 case, ") and "FT's Var(L,M,H) is below Base's in " in verdict
    )
    assert verdict.endswith("A case is a model on a dataset: own, 2-core, 1 model, 2 seeds.")
    assert groups.verdict([]) == "Not measured on real ratings."
    assert groups.target_said(target.iloc[:0]) == "FT is not compared"
    with pytest.raises(ParameterError, match="give a list"):
        list(groups.measured_parts("s"))
    ((title, _, found),) = sensitivity.measured_parts(["s"])
    assert (
        title == "own, 2-core" and set(found["by"]) == set(sensitivity.DEGREES) and set(found["tier"]) == {"base", "ft"}
    )
    assert sensitivity.measured_said([(title, "", found)]).startswith("On real ratings (own, 2-core) a higher degree")
    empty = CliRunner().invoke(
        app, ["results", "analyse", str(tmp_path / "s.toml"), "--runs", str(tmp_path / "elsewhere")]
    )
    assert empty.exit_code == 2 and "Name its --runs" in empty.output
    ledger = pd.read_csv(tmp_path / "s.csv")
    change = ledger.loc[ledger["tier"] == "ft", "delta"].mean()
    own = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["group"] == "all")]
    assert own["change"].item() == pytest.approx(change)


def test_a_number_without_interval_says_so() -> None:
    assert with_interval(0.34, 0.1, 0.59, mark="▲").replace("\xa0", " ") == "▲ +0.34 (+0.10 to +0.59)"
    assert with_interval(0.34, np.nan, np.nan, mark="=").replace("\xa0", " ") == "+0.34 (no interval)"
