"""Marginal Cost of Improvement (Section 4.4)."""

from typing import Any

import numpy as np

from ctrnb.errors import MetricError


def mci(base: Any, change: Any) -> Any:
    """Return MCI(p_b, c) = log((1 - p_b) / (1 - p_b - c)), Equation 10, in nats.

    Args:
        base: p_b, the baseline AUC as a fraction in (0, 1); a number or an array.
        change: c, the absolute change in AUC, with p_b + c in (0, 1).

    Raises:
        MetricError: an AUC out of (0, 1), as when percent are given.
    """
    p, c = np.asarray(base, np.float64), np.asarray(change, np.float64)
    value = mci_or_nan(p, p + c)
    if np.isnan(value).any():
        raise MetricError("MCI needs AUC before and after strictly between 0 and 1, as fractions.")
    return float(value) if value.ndim == 0 else value


def mci_or_nan(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return MCI from one AUC to another, of one shape; NaN where one is not strictly between 0 and 1.

    That is for draws of few users, where an AUC of 0 or 1 comes by chance; :func:`mci` refuses it.
    """
    inside = (before > 0) & (before < 1) & (after > 0) & (after < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside, np.log1p(-before) - np.log1p(-after), np.nan)
