"""Density as an experiment: effects against log density, pooled over datasets with what they leave unexplained.

A measured change y_j of AUC has a standard error s_j (over test users and seeds). The dose-response is a random-effects
meta-regression,

    y_j = x_j b + u_j + e_j,   u_j ~ N(0, tau^2),   e_j ~ N(0, s_j^2),

with x_j = (1, log10 density_j, ...): b_1 is the change for a tenfold density, and tau what datasets differ by beyond
chance and density. tau^2 is Paule and Mandel's (1982): the value at which the weighted residuals' sum of squares is its
expectation, n - p, or 0. Intervals are t with n - p degrees of freedom: Knapp and Hartung's (2003), without their
narrowing where chance happens to be small. Effects measured on one test part share its
users; their errors are then alike and largely cancel in a slope, so that its interval errs on the wide side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from ctrnb.errors import MetricError
from ctrnb.study.changes import LEVEL, detectable
from ctrnb.words import by_chance

FEWEST = 3  # points behind a line with an interval


@dataclass(frozen=True)
class DoseResponse:
    """A fitted dose-response.

    Attributes:
        terms: one row a coefficient: term, value, low, high, p_value.
        tau: standard deviation of what is unexplained beyond the errors.
        differing: the same without the terms: what the effects differ by beyond their errors.
        p_differing: of Cochran's (1954) Q, that the true effects are all equal.
        p_misfit: of the same about the fitted line, that nothing but the errors is left.
        explained: share of the variance between effects, beyond their errors, that the terms explain, 0 to 1; NaN where
            there is none.
        points: how many effects were fitted.
        covariance: of the coefficients.
    """

    terms: pd.DataFrame
    tau: float
    differing: float
    p_differing: float
    p_misfit: float
    explained: float
    points: int
    covariance: np.ndarray

    def coefficient(self, term: str) -> pd.Series:
        """Return one row of ``terms``."""
        return self.terms.set_index("term").loc[term]

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the intervals."""
        return self.points - len(self.terms)

    def detectable(self, term: str) -> float:
        """Return the true coefficient that a fit with this one's errors finds significant with 80 % probability.

        The errors are themselves estimated: with few points the probability at this size is nearer two in three.
        """
        number = list(self.terms["term"]).index(term)
        return detectable(self.freedom) * float(np.sqrt(self.covariance[number, number]))

    def line(self, design: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the expected effect, and its 95 % interval, at rows of the design (m, p)."""
        middle = design @ self.terms["value"].to_numpy()
        variance = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        margin = stats.t.ppf(0.975, self.freedom) * np.sqrt(variance)
        return middle, middle - margin, middle + margin


def meta_regression(effect: np.ndarray, error: np.ndarray, design: np.ndarray, terms: Sequence[str]) -> DoseResponse:
    """Fit the model above.

    Args:
        effect, error: y_j and s_j (n,).
        design: x_j, its first column ones (n, p).
        terms: names of the columns.

    Raises:
        MetricError: no more points than coefficients, dependent columns, or an error that is not above 0.
    """
    n, p = design.shape
    if n <= p or np.linalg.matrix_rank(design) < p:
        raise MetricError(f"{n} effects do not determine {p} coefficients ({', '.join(terms)}) and their uncertainty.")
    if not (np.isfinite(effect).all() and (error > 0).all()):
        raise MetricError("a dose-response needs finite effects, each with a standard error above 0.")
    tau2 = between(effect, error, design)
    value, covariance, _ = weighted_fit(effect, error, design, tau2)
    se = np.sqrt(np.diag(covariance))
    margin = stats.t.ppf(0.975, n - p) * se
    none = between(effect, error, design[:, :1])
    table = pd.DataFrame(
        {
            "term": list(terms),
            "value": value,
            "low": value - margin,
            "high": value + margin,
            "p_value": 2 * stats.t.sf(np.abs(value) / se, n - p),
        }
    )
    explained = float(np.clip(1 - tau2 / none, 0, 1)) if none > 0 else np.nan
    p_differing, p_misfit = (homogeneous_p(effect, error, columns) for columns in (design[:, :1], design))
    return DoseResponse(
        table, float(np.sqrt(tau2)), float(np.sqrt(none)), p_differing, p_misfit, explained, n, covariance
    )


def homogeneous_p(effect: np.ndarray, error: np.ndarray, design: np.ndarray) -> float:
    """Return the p-value of residuals that are no larger than the errors make them: chi^2 with n - p degrees of freedom."""
    return float(stats.chi2.sf(weighted_fit(effect, error, design, 0.0)[2], len(effect) - design.shape[1]))


def weighted_fit(
    effect: np.ndarray, error: np.ndarray, design: np.ndarray, tau2: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return coefficients, (X'WX)^-1 and the weighted sum of squared residuals for weights 1/(s^2 + tau^2)."""
    weight = 1 / (error**2 + tau2)
    bread = np.linalg.inv(design.T @ (weight[:, None] * design))
    value = bread @ (design.T @ (weight * effect))
    return value, bread, float(weight @ (effect - design @ value) ** 2)


def between(effect: np.ndarray, error: np.ndarray, design: np.ndarray) -> float:
    """Return tau^2 by Paule and Mandel: 0 where the errors alone explain the residuals."""
    freedom = len(effect) - design.shape[1]

    def excess(tau2: float) -> float:
        return weighted_fit(effect, error, design, tau2)[2] - freedom

    if freedom < 1 or excess(0.0) <= 0:
        return 0.0
    upper = float(np.ptp(effect) ** 2 + (error**2).max())
    while excess(upper) > 0:
        upper *= 4
    return float(optimize.brentq(excess, 0.0, upper))


def effects_of(
    changes: pd.DataFrame, tier: str = "ft", reference: str = "control", metric: str = "auc"
) -> pd.DataFrame:
    """Return one row a measured change.

    Columns: dataset, k, model, model_name, density (of the training part, %), per_user, change, se, df, seeds.

    A ledger that keeps no density has no row. Where the training part's density was not kept, the whole data's stands
    for it: a random split leaves four fifths.
    """
    wanted = (changes["tier"] == tier) & (changes["reference"] == reference) & (changes.get("metric") == metric)
    rows = changes[wanted]
    whole = rows.get("density_percent", pd.Series(np.nan, rows.index))
    density = rows.get("train_density_percent", pd.Series(np.nan, rows.index)).fillna(0.8 * whole)
    per_user = rows.get("train_per_user", pd.Series(np.nan, rows.index))
    found = rows.assign(density=density, per_user=per_user).dropna(subset=["density", "change", "se"])
    names = ["dataset", "k", "model", "model_name", "density", "per_user", "change", "se", "df", "seeds"]
    return found[names].sort_values(["density", "k"]).reset_index(drop=True)


def dose_response(rows: pd.DataFrame, dose: str = "density", covariates: Sequence[str] = ()) -> DoseResponse | None:
    """Return the fit of changes, in points of 0.01 AUC, on log10 of a dose and covariates; None for too few points.

    Args:
        rows: as of :func:`effects_of`.
        dose: the column: ``density`` or ``per_user``.
        covariates: further columns, taken as they are.
    """
    if len(rows) < max(FEWEST, len(covariates) + 3) or rows[dose].nunique() < 2:
        return None
    design = np.column_stack([np.ones(len(rows)), np.log10(rows[dose]), *(rows[name] for name in covariates)])
    effect, error = 100 * rows["change"].to_numpy(), 100 * rows["se"].to_numpy()
    return meta_regression(effect, error, design.astype(np.float64), ["intercept", f"tenfold {dose}", *covariates])


def mean_effect(rows: pd.DataFrame) -> DoseResponse | None:
    """Return the mean of changes, in points, whatever their dose: a fit of the one term ``mean``; None for one change."""
    if len(rows) < 2:
        return None
    effect, error = 100 * rows["change"].to_numpy(), 100 * rows["se"].to_numpy()
    return meta_regression(effect, error, np.ones((len(rows), 1)), ["mean"])


def trend(fit: DoseResponse | None, dose: str = "density") -> str:
    """Return what the slope says: rises, falls, or shows no trend beyond chance; not measured where there is no fit."""
    if fit is None:
        return "not measured"
    slope = fit.coefficient(f"tenfold {dose}")
    return "rises" if slope["low"] > 0 else "falls" if slope["high"] < 0 else "shows no trend beyond chance"


def proportional_p(rows: pd.DataFrame) -> float:
    """Return the p-value of effects proportional to density: of y = a + b density + u, that a = 0.

    u has the variance tau^2 of the fit, so that effects which differ for other reasons do not reject this shape alone.
    NaN for fewer than three points or one density.
    """
    if len(rows) < 3 or rows["density"].nunique() < 2:
        return np.nan
    design = np.column_stack([np.ones(len(rows)), rows["density"]]).astype(np.float64)
    effect, error = 100 * rows["change"].to_numpy(), 100 * rows["se"].to_numpy()
    return meta_regression(effect, error, design, ["intercept", "density"]).coefficient("intercept")["p_value"]


def statement(
    fit: DoseResponse | None, dose: str = "density", unit: str = "density", tenfold: str = "a tenfold density"
) -> str:
    """Return what a dose explains of the gain and what it does not, as sentences.

    Args:
        unit, tenfold: the dose, and ten times of it, in words.
    """
    if fit is None:
        return "Not measured."
    slope = fit.coefficient(f"tenfold {dose}")
    said = (
        f"The gain {trend(fit, dose)} with {unit}: {slope['value']:+.2f} points for {tenfold} "
        f"(95 % interval {slope['low']:+.2f} to {slope['high']:+.2f}, {fit.points} points of the plot). "
    )
    if fit.p_differing >= LEVEL:
        return f"{said}A test of all gains at once does not show that they differ (Cochran's Q, {by_chance(fit.p_differing)})."
    differ = (
        f"Beyond chance (Cochran's Q, {by_chance(fit.p_differing)}) the gains differ by a standard deviation of "
        f"{fit.differing:.2f} points"
    )
    if "no trend" in trend(fit, dose):
        return f"{said}{differ}; that {unit} explains any of it is not shown."
    rest = f" and leaves {fit.tau:.2f} points to something else." if fit.tau else "."
    return f"{said}{differ}; {unit} explains {100 * fit.explained:.0f} % of that variance{rest}"
