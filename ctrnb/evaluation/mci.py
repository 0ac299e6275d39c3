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
    if not ((p > 0) & (p < 1) & (p + c > 0) & (p + c < 1)).all():
        raise MetricError("MCI needs AUC before and after strictly between 0 and 1, as fractions.")
    value = np.log1p(-p) - np.log1p(-(p + c))
    return float(value) if value.ndim == 0 else value
