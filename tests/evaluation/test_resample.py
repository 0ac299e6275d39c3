import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.errors import MetricError
from ctrnb.evaluation import auc, logloss
from ctrnb.evaluation.resample import user_draws, weighted_auc, weighted_logloss


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


def test_one_class_is_refused() -> None:
    with pytest.raises(MetricError):
        weighted_auc(np.ones(3), np.ones(3), np.zeros(3, int))
