from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb import plots
from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate
from ctrnb.errors import ParameterError
from ctrnb.report import analyse, groups, sensitivity
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
    change = spread[(spread["grouping"] == "activity") & (spread["metric"] == "auc") & (spread["tier"] == "ft")][
        "change"
    ]
    assert f"DCNv2 {change.item():+.2f}, 95 % interval" in groups.spread_said(spread)
    assert groups.targets_table(target).shape == (3, 4)
    figure = plots.changes_by_tier(
        effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc")], "mci", "MCI"
    )
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["all", "low", "mid", "high"]


def test_a_changed_verdict_changes_the_sentence(found: list[pd.DataFrame]) -> None:
    spread = found[1].assign(verdict="narrower")
    assert groups.spread_said(spread).startswith("FT narrows Var(L,M,H) beyond chance in 1 of 1 model, widens it in 0")
    assert "widens it in 1" in groups.spread_said(found[1].assign(verdict="wider"))


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
    app = analyse.typer.Typer()
    app.command()(analyse.main)
    result = CliRunner().invoke(app, [str(tmp_path / "s.toml"), "--runs", str(tmp_path / "runs"), "--repeats", "10"])
    assert result.exit_code == 0, result.output
    assert sorted((tmp_path / "runs").iterdir()) == before
    effect, spread, target = groups.measured_breakdowns("s")
    assert set(effect["dataset"]) == {"own"} and (effect["k"] == 2).all() and len(spread) and len(target)
    assert groups.measured_breakdowns("absent") is None and not list(groups.measured_parts(["absent"]))
    monkeypatch.setattr("ctrnb.report.measured.results_folder", lambda folder=None: folder or tmp_path)
    ((title, source, parts),) = groups.measured_parts(["s"])
    assert (
        title == "own, 2-core"
        and "2 seeds" in source
        and [len(part) for part in parts] == [len(effect), len(spread), len(target)]
    )
    assert groups.measured_said([(title, source, parts)]).startswith("On real ratings (own, 2-core) FT narrows")
    assert "of 2 cases" in groups.measured_said([(title, source, parts)] * 2) and not groups.measured_said([])
    with pytest.raises(ParameterError, match="give a list"):
        list(groups.measured_parts("s"))
    ((title, _, found),) = sensitivity.measured_parts(["s"])
    assert (
        title == "own, 2-core" and set(found["by"]) == set(sensitivity.DEGREES) and set(found["tier"]) == {"base", "ft"}
    )
    assert sensitivity.measured_said([(title, "", found)]).startswith("On real ratings (own, 2-core) a higher degree")
    empty = CliRunner().invoke(app, [str(tmp_path / "s.toml"), "--runs", str(tmp_path / "elsewhere")])
    assert empty.exit_code == 2 and "Name its --runs" in empty.output
    ledger = pd.read_csv(tmp_path / "s.csv")
    change = ledger.loc[ledger["tier"] == "ft", "delta"].mean()
    own = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["group"] == "all")]
    assert own["change"].item() == pytest.approx(change)
