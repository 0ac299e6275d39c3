from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctrnb.analysis import density as dn
from ctrnb.errors import MetricError
from ctrnb.report import density as chapter
from ctrnb.report.density import Arm, measured_arms
from ctrnb.report.tuning import flagged
from ctrnb.study.description import read_study

STUDIES = sorted((Path(__file__).parents[2] / "book" / "studies").rglob("*.toml"))


def line(x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x])


def test_equal_errors_and_much_noise_give_ordinary_least_squares() -> None:
    """With one standard error the weights are equal whatever tau is, and Knapp and Hartung's interval is the usual one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=12)
    y = 0.3 + 0.7 * x + rng.normal(size=12)
    fit = dn.meta_regression(y, np.full(12, 0.1), line(x), ["a", "b"])
    usual = stats.linregress(x, y)
    slope = fit.coefficient("b")
    assert slope["value"] == pytest.approx(usual.slope) and slope["p_value"] == pytest.approx(usual.pvalue, rel=1e-6)
    assert slope["high"] - slope["low"] == pytest.approx(2 * stats.t.ppf(0.975, 10) * usual.stderr)
    assert fit.tau == pytest.approx(np.sqrt(((y - usual.intercept - usual.slope * x) ** 2).sum() / 10 - 0.01), rel=1e-4)


def test_a_mean_of_effects_has_tau_by_hand() -> None:
    """Two effects, 0 and 2, with errors 1: Q = 2 / (1 + tau^2) is its expectation 1 at tau^2 = 1."""
    assert dn.between(np.array([0.0, 2.0]), np.ones(2), np.ones((2, 1))) == pytest.approx(1.0)
    assert dn.between(np.array([0.0, 0.5]), np.ones(2), np.ones((2, 1))) == 0.0


def test_intervals_cover_the_true_slope_and_a_flat_one_is_seldom_called_a_trend() -> None:
    rng = np.random.default_rng(1)
    x, error = np.linspace(-2, 1, 8), np.array([0.05, 0.1, 0.2, 0.1, 0.3, 0.1, 0.2, 0.1])
    held = called = 0
    for _ in range(400):
        noise = rng.normal(0, np.sqrt(error**2 + 0.15**2))
        slope = dn.meta_regression(0.5 + 0.4 * x + noise, error, line(x), ["a", "b"]).coefficient("b")
        held += slope["low"] <= 0.4 <= slope["high"]
        flat = dn.meta_regression(0.5 + noise, error, line(x), ["a", "tenfold density"])
        called += dn.trend(flat) != "shows no trend beyond chance"
    assert held / 400 == pytest.approx(0.95, abs=0.035) and called / 400 == pytest.approx(0.05, abs=0.035)


def test_what_density_explains_is_told_from_what_it_does_not() -> None:
    rng = np.random.default_rng(2)
    x, error = np.linspace(-2, 2, 40), np.full(40, 0.02)
    own = rng.normal(0, 0.3, 40)
    by_density = dn.meta_regression(0.5 * x, error, line(x), ["a", "tenfold density"])
    by_something = dn.meta_regression(own, error, line(x), ["a", "tenfold density"])
    assert by_density.explained == 1.0 and by_something.explained < 0.2
    assert "rises" in dn.statement(by_density) and "explains 100 % of that variance." in dn.statement(by_density)
    assert by_something.tau == pytest.approx(0.3, rel=0.3) and "is not shown" in dn.statement(by_something)


def test_the_detectable_slope_is_found_in_four_of_five_repetitions() -> None:
    rng = np.random.default_rng(3)
    x, error = np.linspace(-1, 1, 8), np.full(8, 0.1)
    least = dn.meta_regression(0 * x, error, line(x), ["a", "tenfold density"]).detectable("tenfold density")
    fits = (
        dn.meta_regression(least * x + rng.normal(0, error), error, line(x), ["a", "tenfold density"])
        for _ in range(400)
    )
    assert sum(dn.trend(fit) == "rises" for fit in fits) / 400 == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("points", [3, 5])
def test_with_few_points_the_detectable_slope_is_found_in_about_two_of_three_repetitions(points: int) -> None:
    """The errors are guessed from the points: the median of what the fits call detectable is found less often than said."""
    rng = np.random.default_rng(points)
    x, error = np.linspace(-1, 1, points), np.linspace(0.05, 0.15, points)

    def fitted(slope: float) -> dn.DoseResponse:
        return dn.meta_regression(slope * x + rng.normal(0, error), error, line(x), ["a", "tenfold density"])

    least = np.median([fitted(0.0).detectable("tenfold density") for _ in range(300)])
    assert 0.6 <= sum(dn.trend(fitted(least)) == "rises" for _ in range(300)) / 300 <= 0.85


def test_equal_gains_are_seldom_said_to_differ() -> None:
    """Cochran's Q by hand, and its level: Paule and Mandel's tau is above zero for every other sample of equal gains."""
    rng, error = np.random.default_rng(4), np.array([0.05, 0.08, 0.1, 0.2])
    mean = (np.arange(4) / error**2).sum() / (1 / error**2).sum()
    q = ((np.arange(4) - mean) ** 2 / error**2).sum()
    assert dn.homogeneous_p(np.arange(4.0), error, np.ones((4, 1))) == pytest.approx(stats.chi2.sf(q, 3))
    fits = [
        dn.meta_regression(0.3 + rng.normal(0, error), error, line(np.arange(4)), ["a", "tenfold density"])
        for _ in range(400)
    ]
    said = ["Beyond chance" in dn.statement(fit) for fit in fits]
    assert np.mean([fit.differing > 0 for fit in fits]) > 0.3 and np.mean(said) == pytest.approx(0.05, abs=0.035)
    assert "does not show that they differ (Cochran's Q, p = " in dn.statement(fits[said.index(False)])


def test_the_mean_effect_weighs_by_precision() -> None:
    mean = dn.mean_effect(pd.DataFrame({"change": [0.001, 0.001, 0.001], "se": [0.001, 0.002, 0.01]}))
    assert mean.coefficient("mean")["value"] == pytest.approx(0.1) and mean.freedom == 2
    assert dn.mean_effect(pd.DataFrame({"change": [0.001], "se": [0.001]})) is None


def test_proportionality_is_rejected_for_a_constant_gain_and_not_for_a_proportional_one() -> None:
    density, noise = np.array([0.1, 0.3, 1.0, 2.0, 5.0]), 1e-4 * np.array([1, -1, 1, -1, 1])
    rows = pd.DataFrame({"density": density, "se": 0.001})
    assert dn.proportional_p(rows.assign(change=0.01 + noise)) < 1e-3
    assert dn.proportional_p(rows.assign(change=0.002 * density + noise)) > 0.5
    assert np.isnan(dn.proportional_p(rows[:2].assign(change=0.01)))


def test_effects_that_differ_for_other_reasons_do_not_reject_proportionality() -> None:
    rng, density = np.random.default_rng(0), np.geomspace(0.1, 5, 8)
    rejected = 0
    for _ in range(200):
        other = rng.normal(0, 0.004, 8)  # far more than the errors
        rows = pd.DataFrame({"density": density, "se": 0.0005, "change": 0.002 * density + other})
        rejected += dn.proportional_p(rows) < 0.05
    assert rejected <= 20  # 10 are expected


@pytest.mark.parametrize(
    ("effect", "design"),
    [(np.ones(2), line(np.arange(2.0))), (np.ones(5), line(np.ones(5))), (np.full(5, np.nan), line(np.arange(5.0)))],
)
def test_what_cannot_be_fitted_is_refused(effect: np.ndarray, design: np.ndarray) -> None:
    with pytest.raises(MetricError):
        dn.meta_regression(effect, np.ones(len(effect)), design, ["a", "b"])


def changes(names: list[str], **columns: object) -> pd.DataFrame:
    rows = [
        {"dataset": name, "k": 1, "model": model, "model_name": model, "tier": "ft", "reference": reference, "metric": "auc",
         "change": 0.001 * number + 0.0001 * number**2, "se": 0.0005, "df": 10.0, "p_value": 0.05, "seeds": 3, "density_percent": 10.0**number,
         "train_density_percent": 0.8 * 10.0**number, "train_per_user": 8.0 * (number + 1)}
        for number, name in enumerate(names) for model in ("dcnv2", "afn") for reference in ("base", "control")
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**({"drop_middle": False} | columns))


def test_an_arm_pools_models_and_reads_its_settings() -> None:
    names = [f"synthetic:density={d},signal={s}" for d in (0.1, 0.2, 0.3) for s in (0.5, 0.9)]
    arm = chapter.synthetic_arm(changes(names), "here")
    effects = arm.effects()
    assert (
        len(effects) == 6 and (effects["models"] == "AFN, DCNv2").all() and effects["signal"].tolist() == [0.5, 0.9] * 3
    )
    assert arm.covariates == ("signal",) and arm.fit().terms["term"].tolist() == [
        "intercept",
        "tenfold density",
        "signal",
    ]
    assert "rises" in arm.statement() and len(chapter.slopes(arm)) == 2 and len(chapter.effects_table(arm)) == 6
    assert set(chapter.drawn(arm)) == {"effects", "dose", "label", "title", "hue", "line"}


def test_an_older_ledger_has_four_fifths_of_its_density() -> None:
    old = changes(["a", "b"]).drop(columns=["train_density_percent", "train_per_user"])
    assert dn.effects_of(old)["density"].tolist() == pytest.approx([0.8, 0.8, 8.0, 8.0])
    assert dn.effects_of(old.drop(columns="density_percent")).empty


def test_too_few_points_are_counted_rather_than_fitted() -> None:
    arm = Arm("x", changes(["a", "b"]), "here")
    assert (
        arm.fit() is None
        and arm.statement().startswith("2 gains measured, too few for a line.")
        and chapter.slopes(arm).empty
    )


def test_arms_are_those_of_the_ledgers_that_there_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("ctrnb.report.density.results_folder", lambda: tmp_path)
    monkeypatch.setattr(
        "ctrnb.report.density.all_changes", lambda: pd.DataFrame({"dataset": [], "tier": [], "reference": []})
    )
    assert list(measured_arms()) == []
    (tmp_path / "density").mkdir()
    table = changes(["ml-1m:thin=1", "ml-1m:thin=0.1", "yelp-small:thin=1"])
    table.to_csv(tmp_path / "density" / "thinned-changes.csv", index=False)
    kept = {
        "dataset": ["ml-1m:thin=1", "yelp-small:thin=1"],
        "k": 1,
        "drop_middle": False,
        "model": "afn",
        "seed": 0,
        "device": "CPU",
        "precision": "fp32",
        "torch": "2.13.0+cpu",
    }
    pd.DataFrame(kept).to_csv(tmp_path / "density" / "thinned.csv", index=False)
    assert [arm.title for arm in measured_arms()] == [
        "global density alone (ml-1m)",
        "global density alone (yelp-small)",
    ]


def test_models_of_one_dataset_share_its_users_so_that_their_errors_go_together() -> None:
    rows = changes(["a", "b", "c"])
    rows.loc[rows["model"] == "afn", ["se", "df"]] = 0.0015, 2.0
    effects = Arm("x", rows, "here").effects()
    half = stats.t.ppf(0.975, 2.0) * 0.001  # the mean of 0.0005 and 0.0015, the fewer degrees of freedom
    assert (effects["high"] - effects["change"]).tolist() == pytest.approx([half] * 3)


def test_arms_are_summed_up_by_their_trends_and_their_power() -> None:
    names = [f"synthetic:density={d}" for d in (0.1, 0.2, 0.3, 0.4)]
    rising, flat = Arm("y", changes(names), "here"), Arm("z", changes(names, change=0.001, se=0.002), "here")
    still = Arm("w", changes(names, change=0.01, se=0.0001), "here")
    assert [arm.outcome() for arm in (rising, flat, still)] == ["rises", "undecided", chapter.NO_TREND]
    said = chapter.summary([flat, flat])
    least = flat.fit().detectable("tenfold density")
    assert said.startswith(
        "Undecided at this power. Of 2 experiments on FT's gain over the control, none shows a trend, and none excludes"
    )
    assert f"to be {least:.2f} to {least:.2f} points" in said and "mean gains are +0.10 to +0.10" in said
    assert "it rises with density in 1, and 1 excludes" in chapter.summary([rising, still, flat])
    assert chapter.summary([]) == chapter.summary([Arm("x", changes(["a", "b"]), "here")])
    assert "none of 1 experiment shows a trend, and none excludes" in chapter.conduct(
        [flat]
    ) and "1 of 2 experiments" in chapter.conduct([flat, rising])
    assert chapter.concluded(rising).startswith("The gain rises with density; each by its own interval, of ")
    assert chapter.at_a_glance([rising, flat])["verdict"].tolist() == ["rises", "undecided"]


def test_cells_of_several_experiments_are_counted_once_and_open_ones_are_named() -> None:
    cells = pd.DataFrame(
        {"ledger": "s", "dataset": ["a:thin=1"], "k": 1, "drop_middle": False, "model": "afn", "open": True}
    )
    thinned = Arm("x", flagged(changes(["a:thin=0.1", "a:thin=1"]).assign(ledger="s"), cells), "here")
    whole = Arm("y", changes(["a"]).query("model == 'dcnv2'"), "here")
    said = chapter.rests_on([thinned, whole])
    assert "1 of 4 distinct cells are open" in said and "1 cell (a k = 1, DCNv2) counts in two" in said
    assert 'Every experiment trained DCNv2; besides, there are AFN in "x"; each' in chapter.trained([thinned, whole])
    assert "a line through zero, is rejected at 5 % in 0 of 0." in said
    assert chapter.effects_table(thinned).index.tolist() == ["0.8", "8*"]


def test_where_the_gain_is_beyond_chance_is_said_and_what_else_differs() -> None:
    rows = changes(["a:thin=0.1", "a:thin=0.3", "a:thin=1"]).query("model == 'dcnv2'")
    rows["change"] = rows["dataset"].map({"a:thin=0.1": 0.0, "a:thin=0.3": 0.01, "a:thin=1": 0.0})
    arm = Arm("x", rows.assign(device=np.where(rows["dataset"] == "a:thin=1", "GPU", "CPU")), "here")
    found = "at a training density of 8 %, 16 ratings a user, and not at 0.8, 80 %"
    assert f"{found}: at neither end, and no straight line fits the points" in chapter.pattern(arm)
    flat = rows.assign(
        change=0.004, se=rows["dataset"].map({"a:thin=0.1": 0.003, "a:thin=0.3": 0.0005, "a:thin=1": 0.003})
    )
    flat["p_value"] = 2 * stats.norm.sf(flat["change"] / flat["se"])
    assert chapter.pattern(Arm("x", flat, "here")).endswith(f"{found}.")  # the ends are unsure, not lower
    assert chapter.conditions(arm).startswith("Between the points the device differs as well")
    assert "at 0 of 3 points" in chapter.pattern(Arm("x", rows.assign(change=0.0), "here"))


def test_a_wider_search_is_compared_on_the_cells_that_both_have(tmp_path: Path) -> None:
    (tmp_path / "tuning").mkdir()
    names = [f"synthetic:density={d}" for d in (0.1, 0.2, 0.3)]
    for folder, gain, tried in ((tmp_path / "tuning", 0.004, [1e-5, 1e-4]), (tmp_path, 0.001, [1e-4, 1e-3, 1e-2])):
        found = changes(names).query("model == 'dcnv2'").assign(change=gain)
        found.to_csv(folder / "synthetic-changes.csv", index=False)
        rows = [
            {"dataset": name, "k": 1, "drop_middle": False, "model": "dcnv2", "model_name": "DCNv2", "tier": "base",
             "stage": "final" if penalty == tried[-2] else "search", "overrides": f'{{"training.l2_embedding": {penalty}}}'}
            for name in names for penalty in tried
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(folder / "synthetic.csv", index=False)
    arm = Arm("x", found.assign(open=found["dataset"] == names[0]), "here")
    said = chapter.searched_further(arm, tmp_path).replace("\u00a0", " ")
    assert said.startswith("Over the 2 cells that are not open the mean gain is +0.10 (-0.")
    assert "searched to 0.01; with a search to 0.0001 it was +0.40 (" in said
    (tmp_path / "tuning" / "synthetic-changes.csv").unlink()
    assert chapter.searched_further(arm, tmp_path) == ""


def test_smaller_cores_that_were_left_out_as_open_are_named() -> None:
    measured = pd.concat([changes(["a"]).assign(k=k) for k in (3, 6)])
    assert chapter.passed_over(measured[measured["k"] == 6], measured).startswith(
        "a is shown at k = 6: k = 3 was measured as well"
    )
    assert chapter.passed_over(measured[measured["k"] == 3], measured) == ""


def test_a_thinned_arm_takes_the_whole_dataset_from_where_it_was_measured() -> None:
    thinned = changes(["ml-1m:thin=0.1", "ml-1m:thin=0.5"], drop_middle=False)
    whole = changes(["ml-1m", "ml-100k"], drop_middle=False)
    found = chapter.unthinned("ml-1m", thinned[thinned["model"] == "afn"], whole)
    assert set(found["dataset"]) == {"ml-1m:thin=1"} and set(found["model"]) == {"afn"} and len(found) == 2
    there = pd.concat([thinned, changes(["ml-1m:thin=1"], drop_middle=False)])
    assert chapter.unthinned("ml-1m", there, whole).empty  # measured within the arm itself
    assert chapter.unthinned("ml-1m", thinned, whole.assign(k=7)).empty  # another core is other data


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_book_can_be_read(path: Path) -> None:
    assert read_study(path).cells
