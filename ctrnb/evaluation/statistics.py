"""How much of a difference in AUC chance alone would give."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ctrnb.errors import MetricError
from ctrnb.evaluation.metrics import check

NO_WIDTH = 1e-12  # what rounding leaves of a standard error or an interval without width


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval and its p-value (:func:`two_sided`)."""

    estimate: float
    low: float
    high: float
    p_value: float
    method: str


def delong(label: np.ndarray, score: np.ndarray, baseline: np.ndarray) -> Difference:
    """Return AUC(score) - AUC(baseline) on the same interactions by DeLong, DeLong and Clarke-Pearson (1988).

    The variance is that of the two AUCs' placements over clicks and over non-clicks. It takes interactions as
    independent, which those of one user are not: draws of users (:mod:`ctrnb.evaluation.resample`) do without that.

    Raises:
        MetricError: one class is absent, or a score is not finite.
    """
    positive = check(label, score)
    check(label, baseline)
    clicks, others = zip(*(placements(positive, values) for values in (score, baseline)), strict=True)
    estimate = float(clicks[0].mean() - clicks[1].mean())
    variance = (clicks[0] - clicks[1]).var(ddof=1) / len(clicks[0]) + (others[0] - others[1]).var(ddof=1) / len(
        others[0]
    )
    error = float(np.sqrt(variance))
    margin = float(stats.norm.ppf(0.975)) * error
    return Difference(estimate, estimate - margin, estimate + margin, two_sided(estimate, error, np.inf), "DeLong")


def placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each click, the share of non-clicks below it, and for each non-click the share of clicks above."""
    ranks = stats.rankdata(score)
    clicks, others = score[positive], score[~positive]
    above = (ranks[positive] - stats.rankdata(clicks)) / len(others)
    below = 1 - (ranks[~positive] - stats.rankdata(others)) / len(clicks)
    return above, below


def paired_t(values: np.ndarray, baseline: np.ndarray) -> Difference:
    """Return the mean difference over seeds with Student's 95 % interval and paired t-test.

    Raises:
        MetricError: fewer than two seeds.
    """
    difference = np.asarray(values, np.float64) - np.asarray(baseline, np.float64)
    n = len(difference)
    if n < 2:
        raise MetricError(f"a paired t-test needs at least two seeds: {n} given.")
    mean, error = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(n))
    margin = float(stats.t.ppf(0.975, n - 1)) * error
    return Difference(mean, mean - margin, mean + margin, two_sided(mean, error, n - 1), f"paired t over {n} seeds")


def two_sided(estimate: float, error: float, df: float) -> float:
    """Return the two-sided probability of an estimate this far from zero by chance, by Student's t; normal for infinite df.

    Without any error it is 1 for zero and NaN for anything else: values that are all alike are no certainty.
    """
    if error <= NO_WIDTH:
        return 1.0 if estimate == 0 else np.nan
    ratio = abs(estimate) / error
    return float(2 * (stats.norm.sf(ratio) if np.isinf(df) else stats.t.sf(ratio, df)))
