"""AUC and logloss, exact. Pure NumPy: they run after every epoch and in bootstraps, where a sort is all they cost."""

import numpy as np

from ctrnb.errors import MetricError


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that a click scores above a non-click, a tie counting half.

    Args:
        label: 0 or 1 (N,).
        score: any finite scores (N,).

    Raises:
        MetricError: one class is absent, or a score is not finite.
    """
    positive = check(label, score)
    order = np.argsort(score, kind="stable")
    ranked, hits = score[order], positive[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # first of each run of equal scores
    clicks = np.add.reduceat(hits, starts, dtype=np.float64)
    sizes = np.diff(np.append(starts, len(ranked)))
    below = np.cumsum(sizes - clicks) - (sizes - clicks)  # non-clicks with a lower score
    wins = (clicks * (below + 0.5 * (sizes - clicks))).sum()
    total = float(positive.sum())
    return float(wins / (total * (len(positive) - total)))


def logloss(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean binary cross-entropy in nats (Equation 3's first term), in float64.

    Probabilities are kept 1e-7 away from 0 and 1: float32 rounds what is nearer.

    Raises:
        MetricError: no interaction, a label other than 0 and 1, or a probability outside [0, 1].
    """
    p = np.asarray(probability, np.float64)
    if len(p) == 0:
        raise MetricError("logloss of no interactions is undefined.")
    if not ((p >= 0) & (p <= 1)).all():
        raise MetricError(f"{p[~((p >= 0) & (p <= 1))][0]} is not a probability.")
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.where(is_positive(label), np.log(p), np.log1p(-p)).mean())


def check(label: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return which labels are 1, bool (N,).

    Raises:
        MetricError: other lengths, other labels, one class only, or a score that is not finite.
    """
    positive = is_positive(label)
    if len(score) != len(positive):
        raise MetricError(f"{len(positive)} labels for {len(score)} scores.")
    if not np.isfinite(score).all():
        raise MetricError(f"score {np.flatnonzero(~np.isfinite(score))[0]} is not finite.")
    if positive.all() or not positive.any():
        raise MetricError(f"AUC needs clicks and non-clicks: {int(positive.sum())} of {len(positive)} are clicks.")
    return positive


def is_positive(label: np.ndarray) -> np.ndarray:
    """Return which labels are 1, bool (N,).

    Raises:
        MetricError: a label is neither 0 nor 1.
    """
    label = np.asarray(label)
    positive = label == 1
    if not (positive | (label == 0)).all():
        raise MetricError("labels must be 0 or 1.")
    return positive
