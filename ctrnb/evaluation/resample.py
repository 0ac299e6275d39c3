"""Metrics on resampled users, for many predictions at once.

A user's interactions are drawn together, so that their dependence is kept. Scores are sorted once, and a draw is a weight
for each user: how often it was drawn. The same draws serve everything that is compared, so that differences between any two
predictions can be formed afterwards.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ctrnb.evaluation.metrics import check, losses

Weighted = Callable[[np.ndarray], float]  # weights of the users (users,) -> the metric
FEWEST_USERS = 10  # with n normal users a 95 % interval of such draws covers 60 % for n = 2, 81 % for 4, 90 % for 10


def user_draws(
    metrics: Sequence[Weighted], users: int, *, seed: int, repeats: int, behind: Sequence[int] | None = None
) -> np.ndarray:
    """Return each metric on each draw of ``users`` users with replacement, float64 (repeats, metrics).

    All users are drawn from, and those without a test interaction count for nothing: how many test users a draw has
    varies, as it would in another sample of users. NaN where a draw leaves a metric undefined, and throughout for a
    metric of fewer than FEWEST_USERS users: draws of one user are all alike, and those of a few differ too little.

    Args:
        behind: how many users each metric is of; default: enough.
    """
    rng = np.random.default_rng(seed)
    values = np.empty((repeats, len(metrics)))
    for row in values:
        weights = np.bincount(rng.integers(0, users, users), minlength=users)
        row[:] = [metric(weights) for metric in metrics]
    if behind is not None:
        values[:, np.asarray(behind) < FEWEST_USERS] = np.nan
    return values


def weighted_auc(label: np.ndarray, score: np.ndarray, user: np.ndarray) -> Weighted:
    """Return AUC as a function of the users' weights: :func:`ctrnb.evaluation.auc` of everyone repeated so often.

    Args:
        label, score, user: of each interaction (N,); users are row numbers of the weights.

    Raises:
        MetricError: one class is absent, or a score is not finite.
    """
    positive = check(label, score)
    order = np.argsort(score, kind="stable")
    ranked, hits, of = score[order], positive[order], user[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # last of each run of equal scores

    def value(weights: np.ndarray) -> float:
        weight = weights[of].astype(np.float64)
        clicks = np.cumsum(weight * hits)[ends]
        others = np.cumsum(weight)[ends] - clicks
        below = np.append(0.0, others[:-1])
        pairs = clicks[-1] * others[-1]
        return float((np.diff(clicks, prepend=0.0) * (below + others)).sum() / (2 * pairs)) if pairs else np.nan

    return value


def weighted_logloss(label: np.ndarray, probability: np.ndarray, user: np.ndarray, users: int) -> Weighted:
    """Return :func:`ctrnb.evaluation.logloss` of everyone repeated so often, as a function of the users' weights.

    Args:
        label, probability, user: of each interaction (N,); users are row numbers of the weights.

    Raises:
        MetricError: a label is neither 0 nor 1.
    """
    total, count = np.bincount(user, losses(label, probability), users), np.bincount(user, minlength=users)

    def value(weights: np.ndarray) -> float:
        interactions = weights @ count
        return float(weights @ total / interactions) if interactions else np.nan

    return value
