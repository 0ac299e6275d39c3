from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctrnb.errors import ConfigError
from ctrnb.study.changes import (
    Draws,
    Estimate,
    changes,
    combined,
    detectable,
    drawn,
    holm,
    one_change,
    over_users_and_seeds,
    resample,
    verdict,
    with_holm,
)  # fmt: skip
from ctrnb.study.description import Cell, Study
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.ledger import own_changes, tables
from ctrnb.study.sweep import Sweep
from ctrnb.training import RunStore


def test_the_variances_of_users_and_seeds_add_up() -> None:
    differences = np.array([0.01, 0.02, 0.00, 0.03, 0.04])
    seeds = differences.std(ddof=1) / np.sqrt(5)
    found = over_users_and_seeds(differences, 0.001)
    assert found.value == pytest.approx(0.02) and found.se == pytest.approx(np.sqrt(seeds**2 + 0.001**2))
    assert found.df == pytest.approx(4 * (seeds**2 + 0.001**2) ** 2 / seeds**4, rel=1e-4)  # Welch and Satterthwaite
    low, high = found.interval()
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, found.df) * found.se)


def test_without_variance_over_users_it_is_the_paired_t_test() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.25])
    found, reference = over_users_and_seeds(values, 0.0), stats.ttest_1samp(values, 0.0)
    assert found.p_value == pytest.approx(reference.pvalue)
    assert found.interval() == pytest.approx(tuple(reference.confidence_interval()))


def test_with_one_seed_the_interval_is_over_users_alone() -> None:
    found = over_users_and_seeds(np.array([0.01]), 0.001)
    assert found.interval()[1] == pytest.approx(0.01 + stats.norm.ppf(0.975) * 0.001, rel=1e-4)


def test_two_samples_are_combined_as_welch_does() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(0, 1, 6), rng.normal(1, 3, 9)
    parts = [(values.std(ddof=1) / np.sqrt(len(values)), len(values) - 1) for values in (one, two)]
    reference = stats.ttest_ind(two, one, equal_var=False)
    found = combined(two.mean() - one.mean(), parts)
    assert found.df == pytest.approx(reference.df) and found.p_value == pytest.approx(reference.pvalue)


def test_an_estimate_without_error_is_no_certainty() -> None:
    assert Estimate(0.0, 0.0, 4).p_value == 1 and np.isnan(Estimate(0.1, 0.0, 4).p_value)
    assert verdict(0.1, 0.1) == "no significant change"


def test_the_detectable_effect_agrees_with_the_noncentral_t() -> None:
    """Cohen's d of a paired t-test at 5 % and 80 % power: 1.68 with five pairs, 3.26 with three."""
    assert detectable(4) / np.sqrt(5) == pytest.approx(1.6815, abs=2e-3)
    assert detectable(2) / np.sqrt(3) == pytest.approx(3.2638, abs=4e-3)
    assert detectable(1e6) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=1e-3)
    for df in (3, 8, 30):
        assert stats.nct.sf(stats.t.ppf(0.975, df), df, detectable(df)) == pytest.approx(0.8, abs=1e-3)


def test_an_effect_of_that_size_is_found_eight_times_in_ten() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(detectable(4) / np.sqrt(5), 1.0, (20_000, 5))
    assert (stats.ttest_1samp(values, 0.0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.01)


def simulated(rng: np.random.Generator, truth: float, users: int = 200, seeds: int = 5) -> tuple[Estimate, Estimate]:
    """Estimate a truth, to which users, seeds and both together add chance: by both, and by seeds alone."""
    own, seed = rng.normal(0, 1, users), rng.normal(0, 0.05, seeds)
    table = truth + own[:, None] + seed[None, :] + rng.normal(0, 0.5, (users, seeds))
    by_seed = table.mean(axis=0)
    se_users = table.mean(axis=1).std(ddof=1) / np.sqrt(users)
    return over_users_and_seeds(by_seed, se_users), over_users_and_seeds(by_seed, 0.0)


def test_the_interval_covers_the_truth_and_that_over_seeds_alone_does_not() -> None:
    rng = np.random.default_rng(1)
    found = [simulated(rng, 0.3) for _ in range(1500)]
    both, alone = (
        np.mean([e.interval()[0] <= 0.3 <= e.interval()[1] for e in each]) for each in zip(*found, strict=True)
    )
    assert 0.94 <= both <= 0.98 and alone < 0.8


@pytest.mark.parametrize(("seeds", "least", "most"), [(2, 0.90, 0.94), (3, 0.92, 0.955), (5, 0.93, 0.965)])
def test_intervals_of_few_seeds_hold_the_truth_a_little_less_often(seeds: int, least: float, most: float) -> None:
    """The seeds' variance of one training is 2.5 times that of the users, the median of the book's ledgers."""
    rng, held = np.random.default_rng(seeds), []
    for _ in range(4000):
        low, high = over_users_and_seeds(rng.normal(0, np.sqrt(2.5), seeds) + rng.normal(), 1.0).interval()
        held.append(low <= 0 <= high)
    assert least <= np.mean(held) <= most


def test_verdicts_follow_the_interval_and_the_metric() -> None:
    assert verdict(0.1, 0.2) == "improved" and verdict(-0.2, -0.1) == "worse"
    assert verdict(0.1, 0.2, "logloss") == "worse" and verdict(-0.2, -0.1, "logloss") == "improved"
    assert verdict(-0.1, 0.1) == "no significant change" and verdict(np.nan, np.nan) == "no significant change"


def test_holm_by_hand() -> None:
    found = holm(np.array([0.01, 0.04, np.nan, 0.03]))
    assert found[[0, 1, 3]] == pytest.approx([0.03, 0.06, 0.06]) and np.isnan(found[2])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_holm_is_within_each_kind_of_comparison() -> None:
    table = pd.DataFrame(
        {"metric": "auc", "tier": ["ft", "ft", "ts"], "reference": "base", "p_value": [0.01, 0.02, 0.02]}
    )
    assert with_holm(table)["p_holm"].tolist() == pytest.approx([0.02, 0.02, 0.02])


@pytest.fixture
def draws() -> Draws:
    """Two seeds of Base and FT, four draws of users."""
    values = {("auc", "base", 0): 0.80, ("auc", "base", 1): 0.82, ("auc", "ft", 0): 0.81, ("auc", "ft", 1): 0.85}
    resampled = {
        ("auc", "base", 0): np.array([0.79, 0.80, 0.81, 0.80]),
        ("auc", "base", 1): np.array([0.81, 0.82, 0.83, 0.82]),
        ("auc", "ft", 0): np.array([0.80, 0.82, 0.82, 0.80]),
        ("auc", "ft", 1): np.array([0.84, 0.86, 0.85, 0.85]),
    }
    return Draws(values, resampled)


def test_a_comparison_by_hand(draws: Draws) -> None:
    row = one_change(draws, "auc", "ft", "base", [0, 1])
    assert row["change"] == pytest.approx((0.01 + 0.03) / 2) and row["reference_mean"] == pytest.approx(0.81)
    assert row["change_percent"] == pytest.approx(100 * 0.02 / 0.81)
    assert row["sd_seeds"] == pytest.approx(0.02 / np.sqrt(2))
    moved = np.array([(0.01 + 0.03) / 2, (0.02 + 0.04) / 2, (0.01 + 0.02) / 2, (0.00 + 0.03) / 2])
    assert row["se_users"] == pytest.approx(moved.std(ddof=1))
    assert row["p_seeds"] == pytest.approx(stats.ttest_rel([0.81, 0.85], [0.80, 0.82]).pvalue)


@pytest.mark.parametrize(("users", "known"), [(1, False), (9, False), (10, True)])
def test_an_interval_over_users_needs_ten_of_them(users: int, known: bool, recwarn) -> None:
    """With fewer nothing is significant, by however much and however surely over seeds, and the columns stay."""
    rng = np.random.default_rng(0)
    n, seeds, label = 40 * users, (0, 1), np.tile([0, 1], 20 * users)
    test = SimpleNamespace(
        rows=lambda _: np.arange(n), label=label, user=np.arange(n) % users, middle=np.zeros(n, bool),
        users="same", user_side=SimpleNamespace(id_code=np.arange(users)),
    )  # fmt: skip
    scores = {"base": rng.random(n), "ft": 0.5 * label + rng.random(n)}
    runs = {(tier, s): SimpleNamespace(probabilities=p + s * 1e-9) for tier, p in scores.items() for s in seeds}
    draws = resample(runs, [test, test], repeats=50)
    table = with_holm(pd.DataFrame(changes(draws, ["base", "ft"])))
    row = table[(table["metric"] == "auc") & (table["reference"] == "base")].iloc[0]
    assert row["change"] > 0.1 and row["verdict"] == ("improved" if known else "no significant change")
    assert all(
        np.isnan(row[name]) != known for name in ("users_low", "se_users", "low", "high", "p_value", "p_holm", "mde")
    )
    moved = own_changes(runs, draws, "ft", 0, test)
    assert np.isnan(moved["delta_low"]) != known and moved["delta"] > 0.1
    assert not recwarn.list


@pytest.mark.parametrize(
    "dataset", ["synthetic:users=200,items=120", "synthetic:users=200,items=120,interactions=1500"]
)
@pytest.mark.parametrize("vary", ["training", "split", "both"])
def test_seeds_of_any_kind_are_compared_on_the_same_users(dataset: str, vary: str) -> None:
    """Of a sample of users too: every split of it has the same ones, in the same rows."""
    fixed = {"training": {"epochs": 1, "batch_size": 1024}, "model": {"hidden": [8]}}
    cell = Cell((dataset,), (3,), ("dcnv2",), ("base", "ts"), (0, 1), vary=vary)
    state = Sweep(Study("x", (cell,), fixed=fixed, repeats=10), RunStore(None), device="cpu")
    state.run(InProcessEngine(threads=1))
    state.require()
    ledger, table = tables(state)
    row = table[(table["metric"] == "auc") & (table["tier"] == "ts") & (table["reference"] == "base")].iloc[0]
    found = ledger.set_index(["tier", "split_seed", "seed"])["auc"]
    assert row["change"] == pytest.approx((found["ts"] - found["base"]).mean()) and row["seeds"] == 2
    assert row["se_users"] > 0 and row["low"] < row["change"] < row["high"]


def test_splits_of_other_users_are_not_compared() -> None:
    test = [SimpleNamespace(name="shop", users=who) for who in ("some", "others")]
    with pytest.raises(ConfigError, match="shop: its splits keep different users"):
        resample({}, test, repeats=10)


def test_a_metric_that_is_undefined_on_everyone_is_left_out() -> None:
    metrics = {("a", "ft", 0): (lambda w: float(w.sum()), 10), ("b", "ft", 0): (lambda w: np.nan, 10)}
    found = drawn(metrics, 12, repeats=3)
    assert found.values == {("a", "ft", 0): 12.0} and found.resampled["a", "ft", 0].tolist() == [12.0] * 3
    assert drawn({}, 12, repeats=3) == Draws({}, {})


def test_rows_are_what_was_trained(draws: Draws) -> None:
    rows = changes(draws, ["base", "ft"])
    assert [(row["tier"], row["reference"]) for row in rows] == [("base", ""), ("ft", ""), ("ft", "base")]
    assert rows[0]["verdict"] == "" and rows[2]["verdict"] != ""
