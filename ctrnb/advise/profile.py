"""What a dataset looks like: size, density, and the tails of its degrees."""

from typing import Any

import numpy as np

from ctrnb.data import Encoded

FEW = 5  # training interactions below which a user or item hardly has a neighbourhood


def profile(encoded: Encoded) -> dict[str, Any]:
    """Return users, items, interactions, density in percent, positive rate, and of each side its degrees' tail.

    Degrees count every interaction that was kept; ``few_share`` is the share with fewer than :data:`FEW` in training.
    """
    users, items, n = len(encoded.user_side.id_code), len(encoded.item_side.id_code), len(encoded.user)
    return {
        "users": users,
        "items": items,
        "interactions": n,
        "density_percent": 100 * n / (users * items),
        "positive_rate": float(encoded.label.mean()),
        "user_degree": tail(np.bincount(encoded.user, minlength=users), encoded.train_degree_user),
        "item_degree": tail(np.bincount(encoded.item, minlength=items), encoded.train_degree_item),
    }


def tail(degree: np.ndarray, in_training: np.ndarray) -> dict[str, float]:
    """Return the degrees' mean, median, 90th and 99th percentile, maximum, inequality, and the share that has few.

    ``top_tenth_share`` is the share of interactions that the tenth with the highest degrees holds; ``gini`` is 0 where all
    degrees are equal and near 1 where one node has nearly all.
    """
    ranked = np.sort(degree)
    n = len(ranked)
    top = ranked[n - max(1, round(n / 10)) :]
    return {
        "mean": float(ranked.mean()),
        "median": float(np.median(ranked)),
        "p90": float(np.quantile(ranked, 0.9)),
        "p99": float(np.quantile(ranked, 0.99)),
        "max": int(ranked[-1]),
        "top_tenth_share": float(top.sum() / ranked.sum()),
        "gini": float(2 * (np.arange(1, n + 1) @ ranked) / (n * ranked.sum()) - (n + 1) / n),
        "few_share": float((in_training < FEW).mean()),
    }
