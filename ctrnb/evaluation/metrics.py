"""AUC and logloss, exact: in NumPy, and in torch for scores that lie on a device."""

import numpy as np
import torch

from ctrnb.errors import MetricError

EDGE = 1e-7  # what logloss keeps probabilities away from 0 and 1: float32 rounds what is nearer


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


def auc_on_device(label: torch.Tensor, score: torch.Tensor) -> float:
    """Return :func:`auc` of tensors, computed where they lie: one number leaves the device, not the scores.

    Raises:
        MetricError: one class is absent, or a score is not finite.
    """
    ranked, order = score.sort()
    hits = (label[order] > 0).double()
    _, run, sizes = torch.unique_consecutive(ranked, return_inverse=True, return_counts=True)
    clicks = torch.zeros(len(sizes), dtype=torch.float64, device=score.device).index_add_(0, run, hits)
    others = sizes - clicks
    below = others.cumsum(0) - others
    total = hits.sum()
    value = ((clicks * (below + 0.5 * others)).sum() / (total * (len(hits) - total))).item()
    if not torch.isfinite(score).all() or not 0 < total < len(hits):
        return auc(label.cpu().numpy(), score.cpu().numpy())  # says what is wrong
    return value


def logloss(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean binary cross-entropy in nats (Equation 3's first term), in float64: that of :func:`losses`.

    Raises:
        MetricError: no interaction, a label other than 0 and 1, or a probability outside [0, 1].
    """
    p = np.asarray(probability, np.float64)
    if len(p) == 0:
        raise MetricError("logloss of no interactions is undefined.")
    if not ((p >= 0) & (p <= 1)).all():
        raise MetricError(f"{p[~((p >= 0) & (p <= 1))][0]} is not a probability.")
    return float(losses(label, p).mean())


def losses(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the binary cross-entropy of each interaction in nats, float64 (N,), probabilities kept EDGE from 0 and 1.

    Raises:
        MetricError: a label is neither 0 nor 1.
    """
    p = np.clip(np.asarray(probability, np.float64), EDGE, 1 - EDGE)
    return -np.where(is_positive(label), np.log(p), np.log1p(-p))


def logloss_on_device(label: torch.Tensor, probability: torch.Tensor) -> float:
    """Return :func:`logloss` of tensors of 0 or 1 and of probabilities, computed where they lie."""
    p = probability.double().clamp(EDGE, 1 - EDGE)
    return torch.nn.functional.binary_cross_entropy(p, label.double()).item()


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
