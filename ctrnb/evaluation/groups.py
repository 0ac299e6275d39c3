"""Users by activity, and every metric of a test part by group (Section 4.4, Table 4)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ctrnb.errors import ConfigError, MetricError
from ctrnb.evaluation.metrics import auc, logloss

GROUPS = ("low", "mid", "high")


def group_thresholds(train_degree: np.ndarray, quantiles: Sequence[float] = (1 / 3, 2 / 3)) -> tuple[float, float]:
    """Return the training interactions up to which a user is of low, and of medium, activity.

    The paper does not say how it groups users; tertiles of users are the default.

    Args:
        train_degree: training interactions of each user (users,).

    Raises:
        ConfigError: quantiles that are not two increasing numbers between 0 and 1.
    """
    if len(quantiles) != 2 or not 0 < quantiles[0] < quantiles[1] < 1:
        raise ConfigError(f"quantiles={list(quantiles)}: give two increasing numbers between 0 and 1.")
    low, mid = np.quantile(train_degree, quantiles)
    return float(low), float(mid)


def activity_groups(train_degree: np.ndarray, quantiles: Sequence[float] = (1 / 3, 2 / 3)) -> np.ndarray:
    """Return each user's group, int8 (users,): 0 low, 1 mid, 2 high; a user on a threshold is in the lower group."""
    return np.searchsorted(group_thresholds(train_degree, quantiles), train_degree, side="left").astype(np.int8)


def evaluate(label: np.ndarray, probability: np.ndarray, middle: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Return the metrics of one test part.

    Args:
        label, probability, middle: of each interaction (N,); ``middle`` marks middle ratings.
        group: the activity group of each interaction's user (N,).

    Returns:
        auc and logloss on all interactions and, as ``_strong``, without middle ratings (the paper's EvalRM
        removed); auc_low, auc_mid, auc_high. A metric that is undefined is None and ``undefined`` says why.
    """
    strong = ~np.asarray(middle, bool)
    everything = np.ones(len(label), bool)
    wanted: dict[str, tuple[Callable[..., float], np.ndarray]] = {
        "auc": (auc, everything),
        "logloss": (logloss, everything),
        "auc_strong": (auc, strong),
        "logloss_strong": (logloss, strong),
        **{f"auc_{name}": (auc, group == number) for number, name in enumerate(GROUPS)},
    }
    values: dict[str, Any] = {}
    undefined = {}
    for name, (metric, rows) in wanted.items():
        try:
            values[name] = metric(label[rows], probability[rows])
        except MetricError as error:
            values[name], undefined[name] = None, str(error)
    return values | {"undefined": undefined}


def variance_lmh(low: float, mid: float, high: float) -> float:
    """Return Table 4's Var(L,M,H): the sample variance of the three groups' AUC, given as fractions, in percent²."""
    return float(np.var([100 * low, 100 * mid, 100 * high], ddof=1))
