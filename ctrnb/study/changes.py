"""What changed from one tier to another, and how sure that is.

Two things make a difference between two tiers uncertain: the test users are a sample, and a training depends on its
seed. For n seeds let d_s be the difference with seed s on all test interactions, d their mean.

* *Over seeds*: the paired t-test of the d_s. It says what other seeds would give on these very users.
* *Over users*: the standard deviation of d over draws of the users, all seeds evaluated on the same draw. It says what
  other users would give with these very trainings.
* *Both*, which decides: the variances of d are added, v = v_users + v_seeds, and d +- t sqrt(v) is the interval with
  Welch and Satterthwaite's degrees of freedom v^2 / (v_seeds^2 / (n - 1)). What users and seeds share is counted in
  both, which errs on the side of a wider interval; that few seeds may agree by chance errs on the other: of 95 % intervals
  of two seeds some 92 hold the true value, of three 94. With one seed v_seeds is unknown and the interval is over users alone.
  A metric of fewer than FEWEST_USERS test users has no interval at all, and one without width proves nothing.

``mde`` is the smallest true change that a design with these errors finds significant at 5 % with 80 % probability. The errors
are themselves estimated: with three seeds or fewer the probability at this size is nearer two in three.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize, stats

from ctrnb.data import Encoded
from ctrnb.errors import ConfigError
from ctrnb.evaluation.resample import Weighted, user_draws, weighted_auc, weighted_logloss
from ctrnb.evaluation.statistics import NO_WIDTH, delong, paired_t, two_sided
from ctrnb.training import RunResult

METRICS = ("auc", "auc_strong", "logloss", "logloss_strong")
LOWER_IS_BETTER = ("logloss", "logloss_strong")
COMPARISONS = (("control", "base"), ("ft", "base"), ("ft", "control"), ("ft", "ts"), ("ts", "base"), ("ts", "control"))
POWER, LEVEL = 0.8, 0.05
NORMAL = 1e6  # degrees of freedom at which t is normal


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and the error's degrees of freedom."""

    value: float
    se: float
    df: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the interval that holds the true value with probability 1 - level."""
        margin = float(stats.t.ppf(1 - level / 2, self.df)) * self.se
        return self.value - margin, self.value + margin

    @property
    def p_value(self) -> float:
        """Two-sided probability of a value this far from zero by chance; of one without any error, as in ``two_sided``."""
        return two_sided(self.value, self.se, self.df)

    @property
    def mde(self) -> float:
        """The smallest true value found significant with 80 % probability."""
        return np.nan if np.isnan(self.df) else detectable(round(self.df, 2)) * self.se


def combined(value: float, parts: Sequence[tuple[float, float]]) -> Estimate:
    """Return an estimate whose variance is the sum of independent parts, (standard error, degrees of freedom) each.

    Its degrees of freedom are Welch's and Satterthwaite's, at most NORMAL.
    """
    variances = np.array([se for se, _ in parts]) ** 2
    share = float((variances**2 / [df for _, df in parts]).sum())
    total = float(variances.sum())
    return Estimate(value, float(np.sqrt(total)), min(total**2 / share, NORMAL) if share else NORMAL)


def over_users_and_seeds(differences: np.ndarray, se_users: float) -> Estimate:
    """Return the mean of the differences (seeds,) with the uncertainty that the module describes."""
    n = len(differences)
    parts = [(se_users, NORMAL)]
    if n > 1:
        parts.append((float(differences.std(ddof=1)) / np.sqrt(n), n - 1))
    return combined(float(differences.mean()), parts)


def estimate(values: np.ndarray, resampled: np.ndarray) -> Estimate:
    """Return the mean of a statistic over seeds, uncertain by test users and by seeds as the module describes.

    Args:
        values: of each seed on all test users (seeds,).
        resampled: of each draw of users and seed (repeats, seeds).
    """
    return over_users_and_seeds(values, over_users(resampled.mean(axis=1))[2])


def over_users(moved: np.ndarray) -> tuple[float, float, float]:
    """Return the ends of the 95 % interval and the standard deviation of a statistic over draws of users.

    Draws that leave it undefined are passed over; all three are NaN where fewer than two are left.
    """
    known = moved[~np.isnan(moved)]
    if len(known) < 2:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(known, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high), float(known.std(ddof=1))


@cache
def detectable(df: float) -> float:
    """Return the effect, in standard errors, that a two-sided t-test with ``df`` degrees at LEVEL finds with POWER."""
    critical = stats.t.ppf(1 - LEVEL / 2, df)
    scale = np.sqrt(stats.chi2.ppf((np.arange(5000) + 0.5) / 5000, df) / df)  # of the estimated standard error

    def missing(effect: float) -> float:
        return float(stats.norm.sf(critical * scale - effect).mean()) - POWER

    return float(optimize.brentq(missing, 0.0, 3 * critical + 10))


def has_width(low: float, high: float) -> bool:
    """Return whether an interval says anything: it is known, and draws that are all alike are no certainty."""
    return high - low > NO_WIDTH


def verdict(low: float, high: float, metric: str = "auc") -> str:
    """Return what an interval of a change says: improved, worse or no significant change, as of a missing one."""
    if not has_width(low, high):
        return "no significant change"
    if low > 0:
        return "worse" if metric in LOWER_IS_BETTER else "improved"
    if high < 0:
        return "improved" if metric in LOWER_IS_BETTER else "worse"
    return "no significant change"


Runs = Mapping[tuple[str, int], RunResult]  # by tier and number of the repetition
Key = tuple[str, str, int]  # metric, tier, number of the repetition


@dataclass(frozen=True)
class Draws:
    """Metrics of the runs of one model on one curated dataset, on all its test users and on draws of them.

    Attributes:
        values: (metric, tier, number of the seed) on everyone.
        resampled: the same on each draw of users (repeats,).
    """

    values: dict[Key, float]
    resampled: dict[Key, np.ndarray]

    def of(self, metric: str, tier: str, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the values (seeds,) and the resampled values (repeats, seeds) of one tier."""
        values = np.array([self.values[metric, tier, seed] for seed in seeds])
        return values, np.stack([self.resampled[metric, tier, seed] for seed in seeds], axis=1)


def resample(runs: Runs, encoded: Sequence[Encoded], *, repeats: int, seed: int = 0) -> Draws:
    """Return every metric of every run on the same draws of users.

    Args:
        encoded: of each number of the seed.

    Raises:
        ConfigError: they are not of the same users, so that no draw is of all of them.
    """
    if len({each.users for each in encoded}) > 1:
        raise ConfigError(f"{encoded[0].name}: its splits keep different users, which cannot be drawn together.")
    users = len(encoded[0].user_side.id_code)
    metrics = {
        (metric, tier, number): found
        for (tier, number), run in runs.items()
        for metric, found in weighted(encoded[number], run.probabilities, users).items()
    }
    return drawn(metrics, users, repeats=repeats, seed=seed)


def drawn(metrics: Mapping[Key, tuple[Weighted, int]], users: int, *, repeats: int, seed: int = 0) -> Draws:
    """Return metrics on everyone and on the same draws of ``users`` users; one that is undefined on everyone is left out.

    Args:
        metrics: each with how many users it is of.
    """
    everyone = np.ones(users, np.int64)
    values = {key: function(everyone) for key, (function, _) in metrics.items()}
    values = {key: value for key, value in values.items() if not np.isnan(value)}
    functions, behind = [metrics[key][0] for key in values], [metrics[key][1] for key in values]
    resampled = user_draws(functions, users, seed=seed, repeats=repeats, behind=behind)
    return Draws(values, dict(zip(values, resampled.T, strict=True)))


def weighted(encoded: Encoded, probability: np.ndarray, users: int) -> dict[str, tuple[Weighted, int]]:
    """Return the metrics of one test part as functions of the users' weights, and how many users each is of.

    One that is undefined is left out.
    """
    test = encoded.rows("test")
    found: dict[str, tuple[Weighted, int]] = {}
    for suffix, keep in (("", np.ones(len(test), bool)), ("_strong", ~encoded.middle[test])):
        label, user, p = encoded.label[test][keep], encoded.user[test][keep], probability[keep]
        if label.any() and not label.all():
            count = len(np.unique(user))
            found[f"auc{suffix}"] = weighted_auc(label, p, user), count
            found[f"logloss{suffix}"] = weighted_logloss(label, p, user, users), count
    return found


def changes(draws: Draws, tiers: Iterable[str]) -> list[dict]:
    """Return one row a metric and comparison, and one a metric and tier with ``reference`` empty: its level.

    Columns: metric, tier, reference, mean, reference_mean, change, change_percent, seeds, sd_seeds, t_low, t_high (over
    seeds), p_seeds, users_low, users_high, se_users (over users), se, df, low, high, p_value (over both), mde,
    mde_percent, verdict.
    """
    tiers = set(tiers)
    rows = []
    for metric in METRICS:
        for tier, reference in (*((tier, "") for tier in sorted(tiers)), *COMPARISONS):
            seeds = [n for m, t, n in draws.values if (m, t) == (metric, tier)]
            if reference:
                seeds = [n for n in seeds if (metric, reference, n) in draws.values]
            if not seeds or tier not in tiers or (reference and reference not in tiers):
                continue
            rows.append(
                {"metric": metric, "tier": tier, "reference": reference}
                | one_change(draws, metric, tier, reference, seeds)
            )
    return rows


def one_change(draws: Draws, metric: str, tier: str, reference: str, seeds: Sequence[int]) -> dict:
    """Return the statistics of one comparison, or of one level."""
    values, resampled = draws.of(metric, tier, seeds)
    against, against_resampled = draws.of(metric, reference, seeds) if reference else (0 * values, 0 * resampled)
    difference, moved = values - against, (resampled - against_resampled).mean(axis=1)
    users_low, users_high, se_users = over_users(moved)
    over_seeds = paired_t(values, against) if len(seeds) > 1 else None
    change = over_users_and_seeds(difference, se_users)
    low, high = change.interval()
    base = float(against.mean()) if reference else np.nan
    row = {
        "mean": float(values.mean()),
        "reference_mean": base,
        "change": change.value,
        "change_percent": 100 * change.value / base,
        "seeds": len(seeds),
        "sd_seeds": float(difference.std(ddof=1)) if over_seeds else np.nan,
        "t_low": over_seeds.low if over_seeds else np.nan,
        "t_high": over_seeds.high if over_seeds else np.nan,
        "users_low": users_low,
        "users_high": users_high,
        "se_users": se_users,
        "se": change.se,
        "df": change.df,
        "low": low,
        "high": high,
    }
    if not reference:  # a level is not tested
        return row | dict.fromkeys(("p_seeds", "p_value", "mde", "mde_percent"), np.nan) | {"verdict": ""}
    return row | {
        "p_seeds": over_seeds.p_value if over_seeds else np.nan,
        "p_value": change.p_value,
        "mde": change.mde,
        "mde_percent": 100 * change.mde / base,
        "verdict": verdict(low, high, metric),
    }


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return Holm's (1979) adjusted p-values: below 5 % in a family where each true null is rejected with at most 5 %.

    The i-th smallest of m (from 0) is multiplied by m - i and made no smaller than the one before. NaN stays NaN.
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return adjusted


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`changes` rows with ``p_holm``: adjusted within each metric, tier and reference."""
    adjusted = table.groupby(["metric", "tier", "reference"])["p_value"].transform(lambda p: holm(p.to_numpy()))
    return table.assign(p_holm=adjusted)


def delong_p(encoded: Encoded, run: RunResult, reference: RunResult) -> float:
    """Return DeLong's two-sided p-value for one run's AUC against another's on the same test interactions."""
    label = encoded.label[encoded.rows("test")]
    return delong(label, run.probabilities, reference.probabilities).p_value
