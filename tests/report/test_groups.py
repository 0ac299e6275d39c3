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
from ctrnb.study import command
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.words import with_interval


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
    change = groups.compared(spread, "ft", "activity")["change"].item()
    shown = groups.spreads_table(spread, "activity").loc[("group AUC", "DCNv2", "FT")]
    against = groups.compared(spread, "ft", "activity", "control")["change"].item()
    assert f"{change:+.2f}" in shown["change to Base"] and f"{against:+.2f}" in shown["change to the control"]
    without = groups.spreads_table(spread[spread["reference"] != "control"], "activity")
    assert (without["change to the control"] == "").all() and len(without) == 2 * 4
    assert groups.targets_table(target).shape == (2 * 3, 3)
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


def part(spread: pd.DataFrame, target: pd.DataFrame, effect: pd.DataFrame | None = None) -> groups.Measured:
    """Return a measured part of the ledger s."""
    effect = cases([0.0] * 4, seeds=5) if effect is None else effect
    return "d, 3-core", "", [table.assign(ledger="s") for table in (effect, spread, target)]


def test_a_change_to_the_control_without_interval_is_the_difference_of_estimates() -> None:
    narrower, control = cases([-1.1, -0.5, -0.2, 0.3]), cases([-0.6, -0.7, 0.1, 0.2], tier="control")
    against = cases([-0.5, 1.2, -0.3, 0.1], reference="control")
    found = groups.gaps(pd.concat([narrower, control, against[1:2]]).assign(ledger="s"))
    to_control = found[found["to"] == "control"].set_index("model")
    assert to_control["change"].to_dict() == pytest.approx({"m0": -0.5, "m1": 1.2, "m2": -0.3, "m3": 0.1})
    assert to_control["change_low"].notna().to_dict() == {"m0": False, "m1": True, "m2": False, "m3": False}
    assert found[found["to"] == "base"]["change"].tolist() == [-1.1, -0.5, -0.2, 0.3]


def test_the_verdict_counts_cases_against_the_control_and_open_ones(tmp_path: Path) -> None:
    spread = pd.concat([cases([-1.1, -0.5, -0.2, 0.3]), cases([-0.6, -0.7, 0.1, 0.2], tier="control")])
    target = pd.concat([cases([0.2, 0.1, -0.2, 0.1]), cases([0.1, 0.2, 0.3, -0.1], reference="control")])
    parts = [part(spread, target)]
    said = groups.verdict(parts, tmp_path)
    assert said.startswith(
        "Not shown. Of 12 changes of the gap and of the excess of the group served worst, in points, 1 are beyond zero as the "
        "paper claims and 0 against its claim, each by its own 95 % interval; without any effect about 0.3 would be"
    )
    assert "more than the others in 3 of 4 cases against the control (3 of 4 on d, 3-core), but cases of one" in said
    assert "; 0 of 4 are open." in said and said.endswith("on a dataset: d, 3-core, 4 models, 5 seeds.")
    assert groups.advice(parts).startswith("Do not add message passing for the sake of a group")
    assert groups.verdict([]) == "Not measured on real ratings." and groups.advice([])
    table = groups.counts_table(parts, tmp_path)
    assert table.loc["d, 3-core"].tolist() == ["0 of 4", "3 of 4", "3 of 4", "2 of 4", "3 of 4"]
    gap, whole = (
        groups.measured_gaps(parts, tmp_path),
        groups.measured_groups([part(spread, target, against_control())], tmp_path),
    )
    assert gap["low"].isna().sum() == 4 and set(whole["series"]) == {"low", "mid"} and whole["change"].max() == 50
    assert "d, 3-core: the interval of the change to the control" in groups.without_interval(parts)
    assert "low 4 above and 0 below, of 4" in groups.sides(cases([2.0] * 4, series="low").assign(low=1.0, high=3.0))
    assert (
        groups.sides(gap)
        == "Off zero by these intervals: to Base 0 above and 1 below, of 4; to the control 0 above and 0 below, of 0."
    )
    figure = plots.changes_by_case(gap, "change", "FT's change")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["m0", "m1", "m2", "m3"]


def against_control() -> pd.DataFrame:
    """Return effects of two groups and of everyone."""
    return pd.concat([cases([0.5], reference="control", group=name) for name in ("all", "low", "mid")])


def test_many_intervals_are_widened_and_their_sides_counted() -> None:
    near = cases([1.1] + [0.0] * 19)  # 1.1 of 1.0 is beyond chance once, not among 20
    assert groups.tally(near, "change").surely == 1 and groups.tally(near, "change", 20).surely == 0
    assert (
        groups.beyond(near, near) == groups.Beyond(1, 1, 0, 0, 40)
        and "none remains" in groups.beyond(near, near).said()
    )
    far = cases([-2.0] + [0.0] * 19)  # a smaller gap, and a smaller gain by AUC and by MCI
    found = groups.beyond(far, far, "mci")
    assert found == groups.Beyond(1, 1, 1, 1, 40) and "without any effect about 1.0 would be so" in found.said()
    assert found.by_mci().endswith("at most 1 as the paper claims and 1 against its claim remain.")
    assert groups.advice([part(far, far)]).startswith("Measure your own groups")
    widened = groups.tally(cases([2.9 / 1.96, 3.1 / 1.96]), "change", 18)  # the normal quantile of 0.05 / 36 is 2.99
    assert widened == groups.Tally(2, 2, 0, 1, 0)


def test_the_papers_table_4_stands_beside_ours(found: list[pd.DataFrame]) -> None:
    alone = dict(groups.table_4())
    assert list(alone) == ["ML-1M, k = 6: not measured here", "Yelp2022, k = 10: not measured here"]
    assert [table.shape for table in alone.values()] == [(18, 3)] * 2
    assert alone["ML-1M, k = 6: not measured here"].loc[("DCNV2", "FT", "Low"), "paper: points"] == "+0.51"
    beside = dict(groups.table_4([found[0].assign(dataset="ml-1m", k=6)]))
    ours = beside["ML-1M, k = 6"]["ours: points"]
    assert "(" in ours[("DCNV2", "FT", "Low")] and ours[("AutoInt", "FT", "Low")] == "not measured"
    assert "Yelp2022, k = 10: not measured here" in beside


def test_movielens_codes_of_age_are_read_as_years() -> None:
    assert groups.group_named("age", "1") == "under 18" and groups.group_named("age", "56") == "56 and over"
    assert groups.group_named("occupation", "1") == "1"


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
    assert groups.verdict([(title, source, parts)]) == "Not measured against the control."
    with pytest.raises(ParameterError, match="give a list"):
        list(groups.measured_parts("s"))
    ((title, _, found),) = sensitivity.measured_parts(["s"])
    assert (
        title == "own, 2-core" and set(found["by"]) == set(sensitivity.DEGREES) and set(found["tier"]) == {"base", "ft"}
    )
    empty = CliRunner().invoke(
        app, ["results", "analyse", str(tmp_path / "s.toml"), "--runs", str(tmp_path / "elsewhere")]
    )
    assert empty.exit_code == 2 and "Name its --runs" in empty.output
    (tmp_path / "one.toml").write_text((tmp_path / "s.toml").read_text().replace(', "ft"]', "]"))
    alone = CliRunner().invoke(
        app, ["results", "analyse", str(tmp_path / "one.toml"), "--runs", str(tmp_path / "runs")]
    )
    assert alone.exit_code == 2 and "dcnv2 has no two tiers to compare" in alone.output
    ledger = pd.read_csv(tmp_path / "s.csv")
    change = ledger.loc[ledger["tier"] == "ft", "delta"].mean()
    own = effect[(effect["grouping"] == "activity") & (effect["metric"] == "auc") & (effect["group"] == "all")]
    assert own["change"].item() == pytest.approx(change)


def test_a_number_shows_its_interval_and_the_side_that_it_is_on() -> None:
    assert with_interval(0.34, 0.1, 0.59, mark="▲").replace("\xa0", " ") == "▲ +0.34 (+0.10 to +0.59)"
    assert with_interval(0.12, 0.003, 0.25, mark="▲").replace("\xa0", " ") == "▲ +0.120 (+0.003 to +0.250)"
    assert with_interval(0.12, 1e-9, 0.25).replace("\xa0", " ") == "+0.12 (+0.00 to +0.25)"  # more digits do not help
    assert with_interval(0.34, np.nan, np.nan, mark="=").replace("\xa0", " ") == "+0.34 (no interval)"
