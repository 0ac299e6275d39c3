"""For whom: effects by group of users, each with an interval over test users and training seeds.

A group's AUC is over all pairs of a click and a non-click of its users, of one user or of two (Section 4.4, Table 4);
``user_auc`` is the mean of its users' own AUC. All groups, tiers and seeds are evaluated on the same draws of
users, so that any function of them (a change, MCI, Var(L,M,H)) has its interval from the same draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ctrnb.data import Encoded
from ctrnb.errors import ConfigError
from ctrnb.evaluation.groups import GROUPS, activity_groups
from ctrnb.evaluation.mci import mci_or_nan
from ctrnb.evaluation.per_user import weighted_user_auc
from ctrnb.evaluation.resample import Weighted, weighted_auc
from ctrnb.study.changes import LEVEL, Draws, Key, Runs, drawn, estimate, verdict

EVERYONE = "all"
METRICS = ("auc", "user_auc")
TERTILES = (1 / 3, 2 / 3)
MOST_VALUES = 8  # of a field that become groups


@dataclass(frozen=True)
class Grouping:
    """Users sorted into groups.

    Attributes:
        name: what they are sorted by.
        labels: of the groups.
        code: of each user, the number of its group, or -1 for none (users,).
    """

    name: str
    labels: tuple[str, ...]
    code: np.ndarray


def by_activity(encoded: Encoded, quantiles: Sequence[float] = TERTILES) -> Grouping:
    """Return users by their training interactions, cut at two quantiles of users (:func:`activity_groups`)."""
    return Grouping("activity", GROUPS, activity_groups(encoded.train_degree_user, quantiles))


def by_neighbourhood(encoded: Encoded, quantiles: Sequence[float] = TERTILES) -> Grouping:
    """Return users by the mean training degree of the items they have in training; one without any has no group."""
    train = encoded.split == 0
    user, degree = encoded.user[train], encoded.train_degree_item[encoded.item[train]]
    users = len(encoded.user_side.id_code)
    count = np.bincount(user, minlength=users)
    mean = np.bincount(user, degree, users) / np.maximum(count, 1)
    code = np.full(users, -1, np.int8)
    code[count > 0] = activity_groups(mean[count > 0], quantiles)
    return Grouping("mean degree of the user's items", GROUPS, code)


def by_field(encoded: Encoded, users: pd.DataFrame, name: str) -> Grouping:
    """Return users by a field such as gender or age; beyond the MOST_VALUES frequent values a user has no group.

    A value that reads like everyone's group, "all", is called "NAME = all".

    Args:
        users: of the curated dataset, one row a user, in the order of ``encoded``.

    Raises:
        ConfigError: there is no such field, or no user has a value of it.
    """
    if name not in users or len(users) != len(encoded.user_side.id_code):
        raise ConfigError(f"users have no field {name!r}. They have: {', '.join(map(str, users.columns)) or 'none'}.")
    column = users[name].astype("string")
    column = column.replace(EVERYONE, f"{name} = {EVERYONE}")
    labels = tuple(sorted(column.value_counts().index[:MOST_VALUES]))
    if not labels:
        raise ConfigError(f"no user has a value of {name!r}. Leave that field out.")
    return Grouping(name, labels, pd.Index(labels).get_indexer(column).astype(np.int8))


def draws_by_group(runs: Runs, encoded: Encoded, grouping: Grouping, *, repeats: int, seed: int = 0) -> Draws:
    """Return ``auc:GROUP`` and ``user_auc:GROUP`` of every run, also for everyone, on the same draws of users.

    A group whose test part lacks a class is left out, and its ``user_auc`` where no user of it has both classes. Metrics
    of fewer than FEWEST_USERS test users are NaN on every draw: they have no interval.
    """
    test = encoded.rows("test")
    label, user, users = encoded.label[test], encoded.user[test], len(encoded.user_side.id_code)
    parts = {EVERYONE: np.ones(len(test), bool)}
    parts |= {name: grouping.code[user] == number for number, name in enumerate(grouping.labels)}
    metrics: dict[Key, tuple[Weighted, int]] = {}
    for name, rows in parts.items():
        if not label[rows].any() or label[rows].all():
            continue
        members, own = len(np.unique(user[rows])), both_classes(label[rows], user[rows])
        for (tier, number), run in runs.items():
            part = label[rows], run.probabilities[rows], user[rows]
            metrics[f"auc:{name}", tier, number] = weighted_auc(*part), members
            metrics[f"user_auc:{name}", tier, number] = weighted_user_auc(*part, users), own
    return drawn(metrics, users, repeats=repeats, seed=seed)


def both_classes(label: np.ndarray, user: np.ndarray) -> int:
    """Return how many users have both a click and a non-click: an AUC of their own."""
    return len(np.intersect1d(user[label == 1], user[label == 0]))


def seeds_of(draws: Draws, *tiers: str) -> list[int]:
    """Return the seeds that every one of the tiers was trained with, in order."""
    found = [{number for _, each, number in draws.values if each == tier} for tier in tiers]
    return sorted(set.intersection(*found))


def relative_change(base: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the change in percent of the base; NaN where that is 0."""
    return 100 * np.divide(value - base, base, out=np.full(np.shape(base), np.nan), where=base > 0)


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "change": lambda base, value: value - base,
    "change_percent": relative_change,
    "mci": mci_or_nan,
}


def effects(
    draws: Draws, grouping: Grouping, comparisons: Sequence[tuple[str, str]], *, level: float = LEVEL
) -> pd.DataFrame:
    """Return one row a metric, group and comparison of tiers.

    Columns: metric, group, tier, reference, value and reference_value (means over seeds), then ``change``,
    ``change_percent`` and ``mci``, each with ``_low`` and ``_high``, detectable (the smallest true change that would be
    found significant at 5 % with 80 % probability), verdict (of the change), seeds.

    Args:
        comparisons: (tier, reference).
        level: of the intervals, two-sided; smaller where several are looked at.
    """
    rows = []
    for metric in METRICS:
        for group in (EVERYONE, *grouping.labels):
            key = f"{metric}:{group}"
            for tier, reference in comparisons:
                seeds = seeds_of(draws, tier, reference)
                if not seeds or (key, tier, seeds[0]) not in draws.values:
                    continue
                (after, after_drawn), (before, before_drawn) = (draws.of(key, t, seeds) for t in (tier, reference))
                row: dict[str, Any] = {"metric": metric, "group": group, "tier": tier, "reference": reference}
                row |= {"value": float(after.mean()), "reference_value": float(before.mean())}
                for name, statistic in STATISTICS.items():
                    found = estimate(statistic(before, after), statistic(before_drawn, after_drawn))
                    low, high = found.interval(level)
                    row |= {name: found.value, f"{name}_low": low, f"{name}_high": high}
                    row |= {"detectable": found.mde} if name == "change" else {}
                rows.append(row | {"verdict": verdict(row["change_low"], row["change_high"]), "seeds": len(seeds)})
    return pd.DataFrame(rows)


def spreads(
    draws: Draws, grouping: Grouping, tiers: Sequence[str], comparisons: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Return Var(L,M,H) of any groups, the sample variance of their AUC in percent² (Table 4), and its changes.

    One row a metric and tier that is compared with none, and one a metric and comparison. Columns: metric, tier,
    reference (empty without one), variance, low, high (of the tier); change (to the reference), change_low,
    change_high, change_percent and verdict: narrower, wider, or no significant change.

    Args:
        comparisons: (tier, reference).
    """
    alone = [(tier, "") for tier in tiers if all(tier != each for each, _ in comparisons)]
    rows = []
    for metric in METRICS:
        labels = [name for name in grouping.labels if any(key == f"{metric}:{name}" for key, _, _ in draws.values)]
        if len(labels) < 2:
            continue
        for tier, reference in [*alone, *comparisons]:
            seeds = seeds_of(draws, tier, reference or tier)
            own, against = (
                [np.var(100 * values, axis=0, ddof=1) for values in of_groups(draws, metric, labels, each, seeds)]
                for each in (tier, reference or tier)
            )
            level = estimate(*own)
            low, high = level.interval()
            row: dict[str, Any] = {"metric": metric, "tier": tier, "reference": reference}
            row |= {"variance": level.value, "low": max(low, 0.0), "high": high}
            if reference:
                change = estimate(own[0] - against[0], own[1] - against[1])
                down, up = change.interval()
                said = {"improved": "wider", "worse": "narrower"}
                row |= {"change": change.value, "change_low": down, "change_high": up}
                row |= {"change_percent": 100 * change.value / float(against[0].mean())}
                row |= {"verdict": said.get(verdict(down, up), "no significant change")}
            rows.append(row)
    return pd.DataFrame(rows)


def sizes(encoded: Encoded, grouping: Grouping) -> pd.DataFrame:
    """Return each group's users, test interactions, and test users with both classes (those that have an own AUC)."""
    test = encoded.rows("test")
    user, label, users = encoded.user[test], encoded.label[test], len(grouping.code)
    count, clicks = np.bincount(user, minlength=users), np.bincount(user, label, users)
    both = (clicks > 0) & (clicks < count)
    rows = []
    for number, name in enumerate(grouping.labels):
        member = grouping.code == number
        rows.append(
            {
                "group": name,
                "users": int(member.sum()),
                "test interactions": int(count[member].sum()),
                "users with an own AUC": int(both[member].sum()),
            }
        )
    return pd.DataFrame(rows)


def targeting(draws: Draws, grouping: Grouping, comparisons: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return whether the group that the reference serves worst changes by more than the others do on average.

    One row a metric and comparison: metric, tier, reference, underserved (the group of lowest AUC with the reference),
    and of each statistic (change, change_percent, mci) the group's less the mean of the others', with ``_low``,
    ``_high`` and ``_verdict``: more, less, or no significant difference. The group is chosen on the very test users
    that judge it, so chance alone favours *more* a little.
    """
    rows = []
    for metric in METRICS:
        labels = [name for name in grouping.labels if any(key == f"{metric}:{name}" for key, _, _ in draws.values)]
        if len(labels) < 2:
            continue
        for tier, reference in comparisons:
            seeds = seeds_of(draws, tier, reference)
            after, before = (of_groups(draws, metric, labels, each, seeds) for each in (tier, reference))
            worst = int(before[0].mean(axis=1).argmin())
            row: dict[str, Any] = {"metric": metric, "tier": tier, "reference": reference, "underserved": labels[worst]}
            for name, statistic in STATISTICS.items():
                values, resampled = (contrast(statistic(b, a), worst) for b, a in zip(before, after, strict=True))
                found = estimate(values, resampled)
                low, high = found.interval()
                said = {"improved": "more", "worse": "less"}.get(verdict(low, high), "no significant difference")
                row |= {name: found.value, f"{name}_low": low, f"{name}_high": high, f"{name}_verdict": said}
            rows.append(row)
    return pd.DataFrame(rows)


def of_groups(
    draws: Draws, metric: str, labels: Sequence[str], tier: str, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a metric of each group and seed (groups, seeds), and of each draw as well (groups, repeats, seeds)."""
    values, resampled = zip(*(draws.of(f"{metric}:{name}", tier, seeds) for name in labels), strict=True)
    return np.stack(values), np.stack(resampled)


def contrast(values: np.ndarray, group: int) -> np.ndarray:
    """Return one group's value less the mean of the others', along the first axis."""
    return values[group] - np.delete(values, group, axis=0).mean(axis=0)
