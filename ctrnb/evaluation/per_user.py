"""AUC within each user. AUC of a group mixes users: a score that only says who clicks much ranks a group's pairs well."""

import numpy as np
from scipy import stats

from ctrnb.evaluation.metrics import is_positive
from ctrnb.evaluation.resample import Weighted


def user_auc(label: np.ndarray, score: np.ndarray, user: np.ndarray, users: int) -> np.ndarray:
    """Return every user's own AUC, float64 (users,): NaN for one without both a click and a non-click.

    With r the mid-ranks among a user's n = n1 + n0 interactions, it is (sum of r over clicks - n1 (n1 + 1) / 2) / (n1 n0).

    Args:
        label, score, user: of each interaction (N,); users are row numbers.

    Raises:
        MetricError: a label is neither 0 nor 1.
    """
    positive = is_positive(label)
    _, dense = np.unique(score, return_inverse=True)
    rank = stats.rankdata(user.astype(np.float64) * (dense.max(initial=0) + 1) + dense)
    sizes = np.bincount(user, minlength=users)
    rank -= (np.cumsum(sizes) - sizes)[user]  # mid-ranks within the user
    clicks = np.bincount(user, positive, users)
    wins = np.bincount(user, rank * positive, users) - clicks * (clicks + 1) / 2
    pairs = clicks * (sizes - clicks)
    return np.divide(wins, pairs, out=np.full(users, np.nan), where=pairs > 0)


def weighted_user_auc(label: np.ndarray, score: np.ndarray, user: np.ndarray, users: int) -> Weighted:
    """Return the mean of :func:`user_auc` over the users that have one, as a function of the users' weights."""
    own = user_auc(label, score, user, users)
    known = ~np.isnan(own)
    filled = np.where(known, own, 0.0)

    def value(weights: np.ndarray) -> float:
        count = weights @ known
        return float(weights @ filled / count) if count else np.nan

    return value
