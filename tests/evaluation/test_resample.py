import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import MetricError
from ctrnb.evaluation import auc, logloss
from ctrnb.evaluation.resample import user_draws, weighted_auc, weighted_logloss
from ctrnb.evaluation.statistics import delong


def sample(seed: int, n: int = 60, users: int = 7, levels: int = 9):
    rng = np.random.default_rng(seed)
    label, user = rng.integers(0, 2, n), rng.integers(0, users, n)
    label[:2] = (0, 1)
    return label, rng.integers(1, levels, n) / levels, user


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 4), min_size=7, max_size=7))
def test_weights_mean_repetition(seed: int, weights: list[int]) -> None:
    """The reference repeats each user's interactions; scores are tied often."""
    label, score, user = sample(seed)
    rows = np.repeat(np.arange(len(user)), np.array(weights)[user])
    found = weighted_auc(label, score, user)(np.array(weights))
    if len(rows) and 0 < label[rows].sum() < len(rows):
        assert found == pytest.approx(auc(label[rows], score[rows]), abs=1e-12)
    else:
        assert np.isnan(found)
    found = weighted_logloss(label, score, user, 7)(np.array(weights))
    if len(rows):
        assert found == pytest.approx(logloss(label[rows], score[rows]), abs=1e-12)
    else:
        assert np.isnan(found)


def test_draws_share_their_users_and_vary_as_the_mean_over_users_does() -> None:
    """A metric that is the weighted mean of a value a user: its standard deviation over draws is known."""
    values = np.arange(50.0)

    def mean(weights: np.ndarray) -> float:
        return weights @ values / weights.sum()

    draws = user_draws([mean, mean], 50, seed=0, repeats=4000)
    assert (draws[:, 0] == draws[:, 1]).all()
    assert draws[:, 0].std() == pytest.approx(values.std() / np.sqrt(50), rel=0.05)
    assert (user_draws([mean], 50, seed=0, repeats=3) == draws[:3, :1]).all()


@pytest.mark.parametrize("users", [2, 3, 9])
def test_draws_equal_those_of_a_naive_bootstrap(users: int) -> None:
    """A draw at a time, every drawn user's interactions laid end to end; with few users some draws are of one class."""
    rng = np.random.default_rng(users)
    user = rng.integers(0, users, 25)
    label = np.where(user == user[0], 1, rng.integers(0, 2, 25))
    scores = [label + rng.normal(size=25) for _ in range(2)]
    draws = user_draws([weighted_auc(label, score, user) for score in scores], users, seed=3, repeats=40)
    again = np.random.default_rng(3)
    for draw in draws:
        rows = np.concatenate([np.flatnonzero(user == each) for each in again.integers(0, users, users)])
        if len(set(label[rows])) == 2:
            assert draw.tolist() == pytest.approx([auc(label[rows], score[rows]) for score in scores], abs=1e-12)
        else:
            assert np.isnan(draw).all()


def test_draws_of_single_interactions_agree_with_delong() -> None:
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 3000)
    a, b = label + rng.normal(size=3000), label + rng.normal(size=3000)
    metrics = [weighted_auc(label, score, np.arange(3000)) for score in (a, b)]
    draws = user_draws(metrics, 3000, seed=0, repeats=400)
    low, high = np.quantile(draws[:, 0] - draws[:, 1], [0.025, 0.975])
    expected = delong(label, a, b)
    assert (high - low) == pytest.approx(expected.high - expected.low, rel=0.15)
    assert low < expected.estimate < high


def test_metrics_of_too_few_users_have_no_draws() -> None:
    draws = user_draws([np.sum] * 3, 40, seed=0, repeats=5, behind=[9, 10, 40])
    assert np.isnan(draws[:, 0]).all() and np.isfinite(draws[:, 1:]).all()


def test_one_class_is_refused() -> None:
    with pytest.raises(MetricError):
        weighted_auc(np.ones(3), np.ones(3), np.zeros(3, int))
