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
    assert "rises" in dn.statement("A", by_density) and "explains 100 % of that variance." in dn.statement(
        "A", by_density
    )
    assert by_something.tau == pytest.approx(0.3, rel=0.3) and "is not shown" in dn.statement("A", by_something)


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
         "change": 0.001 * number + 0.0001 * number**2, "se": 0.0005, "low": 0.0, "high": 0.01, "seeds": 3, "density_percent": 10.0**number,
         "train_density_percent": 0.8 * 10.0**number, "train_per_user": 8.0 * (number + 1)}
        for number, name in enumerate(names) for model in ("dcnv2", "afn") for reference in ("base", "control")
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**({"drop_middle": False} | columns))


def test_an_arm_pools_models_and_reads_its_settings() -> None:
    names = [f"synthetic:density={d},signal={s}" for d in (0.1, 0.2, 0.3) for s in (0.5, 0.9)]
    arm = chapter.synthetic_arm(changes(names), "here")
    effects = arm.effects()
    assert len(effects) == 6 and (effects["model"] == 2).all() and effects["signal"].tolist() == [0.5, 0.9] * 3
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
    assert arm.fit() is None and arm.statement() == "X: 2 measured, too few for a line." and chapter.slopes(arm).empty


def test_arms_are_those_of_the_ledgers_that_there_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("ctrnb.report.density.results_folder", lambda: tmp_path)
    monkeypatch.setattr(
        "ctrnb.report.density.all_changes", lambda: pd.DataFrame({"dataset": [], "tier": [], "reference": []})
    )
    assert list(measured_arms()) == []
    (tmp_path / "density").mkdir()
    table = changes(["ml-1m:thin=1", "ml-1m:thin=0.1", "yelp-small:thin=1"])
    table.to_csv(tmp_path / "density" / "thinned-changes.csv", index=False)
    kept = {"dataset": ["ml-1m:thin=1"], "k": 1, "seed": 0, "device": "CPU", "precision": "fp32", "torch": "2.13.0+cpu"}
    pd.DataFrame(kept).to_csv(tmp_path / "density" / "thinned.csv", index=False)
    assert [arm.title for arm in measured_arms()] == [
        "global density alone (ml-1m)",
        "global density alone (yelp-small)",
    ]


def test_arms_are_summed_up_by_their_trends_and_open_cells() -> None:
    cells = pd.DataFrame({"ledger": "s", "dataset": ["a"], "k": 1, "drop_middle": False, "model": "afn", "open": True})
    few = Arm("x", flagged(changes(["a", "b"]).assign(ledger="s"), cells), "here")
    names = [f"synthetic:density={d}" for d in (0.1, 0.2, 0.3, 0.4)]
    rising = Arm("y", changes(names), "here")
    slope = rising.fit().coefficient("tenfold density")
    assert few.open == (1, 4) and rising.open == (0, 8)
    assert chapter.effects_table(few)["training density, %"].tolist() == ["0.8*", "8"]
    assert chapter.summary([few, rising]).replace("\u00a0", " ") == (
        "Of 2 measured experiments FT's gain over the control has too few points for a trend in 1, rises in 1; that it is proportional to "
        "density is rejected in 0 of 1. Points for a tenfold density (95 % interval): x: 2 effects, too few for a line; y: "
        f"{slope['value']:+.2f} ({slope['low']:+.2f} to {slope['high']:+.2f}). In 1 of 12 cells (*) the penalty was not searched far "
        "enough to tell message passing from it."
    )
    by_user = Arm("z", changes(names), "here", "per_user")
    assert by_user.slope().endswith("for tenfold ratings a user")
    assert chapter.summary([]) == "No experiment has been measured on real ratings yet."


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
