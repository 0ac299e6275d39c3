"""Synthetic ratings with a planted structure: the embedded default and the controlled experiment on density.

The model. User u and item i have factors p_u, q_i in R^r with independent N(0, 1) entries and biases b_u, c_i from
N(0, 1). The true score and the rating are

    s_ui = sqrt(signal) (0.75 <p_u, q_i>/sqrt(r) + 0.4 b_u + 0.5 c_i) / m + sqrt(1 - signal) e_ui,   e_ui ~ N(0, 1)
    rating = 1 + number of thresholds below s_ui

where m makes the planted part's variance one, so that ``signal`` is the share of the score's variance that a model
could know. The four thresholds are fixed normal quantiles that give about 57 % of ratings of at least 4 and a
quarter of exactly 3. Which pairs are rated does not depend on the score: users and items are drawn with log-normal
propensities (long-tailed degrees) until there are exactly round(density * users * items) distinct pairs.
Size, density and signal are thus set independently.

Fields. Each categorical field is the index of the largest of a few noisy projections of the factors, tags are all
the projections above a threshold, and the item's numeric field is its bias with noise.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from ctrnb.data.ratings import Field, Ratings
from ctrnb.errors import ConfigError

RATING_SHARES = (0.06, 0.12, 0.25, 0.33, 0.24)  # of the ratings 1 to 5
USER_FIELDS = (Field("segment", "categorical"), Field("region", "categorical"))
ROUNDS = 100  # of drawing pairs; the default takes one, a density of 0.5 about twenty
ITEM_FIELDS = (Field("category", "categorical"), Field("topics", "tags"), Field("age", "numeric"))


@dataclass(frozen=True)
class SyntheticConfig:
    """Settings of the generator.

    Attributes:
        users, items: sizes; every user and item exists, though some may go unrated.
        density: distinct rated pairs over users x items.
        signal: share of the score's variance that is planted, 0 to 1.
        factors: r.
        tail: standard deviation of the log-propensities; 0 gives equal propensities.
        seed: same seed, same bytes.
    """

    users: int = 800
    items: int = 500
    density: float = 0.08
    signal: float = 0.75
    factors: int = 6
    tail: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("users", "items", "factors"):
            if getattr(self, name) < 1:
                raise ConfigError(f"synthetic {name}={getattr(self, name)}: it must be at least 1.")
        if not 0 < self.density <= 0.5:
            raise ConfigError(f"synthetic density={self.density}: it must be above 0 and at most 0.5.")
        if not 0 <= self.signal <= 1:
            raise ConfigError(f"synthetic signal={self.signal}: it is a share from 0 to 1.")
        if not 0 <= self.tail <= 4:
            raise ConfigError(f"synthetic tail={self.tail}: it must be from 0 to 4.")
        if self.seed < 0:
            raise ConfigError(f"synthetic seed={self.seed}: a seed is 0 or more.")
        if round(self.density * self.users * self.items) < 1:
            raise ConfigError(f"synthetic density={self.density}: {self.users} x {self.items} leaves no interaction.")


def generate(config: SyntheticConfig) -> Ratings:
    """Return ratings drawn from the model above, sorted by user and item."""
    factors_rng, pairs_rng, noise_rng, fields_rng = map(
        np.random.default_rng, np.random.SeedSequence(config.seed).spawn(4)
    )
    size = config.factors
    user_factors, item_factors = (factors_rng.standard_normal((n, size)) for n in (config.users, config.items))
    user_bias, item_bias = (factors_rng.standard_normal(n) for n in (config.users, config.items))
    user, item = distinct_pairs(config, pairs_rng)
    product = np.einsum("nr,nr->n", user_factors[user], item_factors[item]) / np.sqrt(size)
    planted = 0.75 * product + 0.4 * user_bias[user] + 0.5 * item_bias[item]
    planted /= np.sqrt(0.75**2 + 0.4**2 + 0.5**2)
    score = np.sqrt(config.signal) * planted + np.sqrt(1 - config.signal) * noise_rng.standard_normal(len(user))
    thresholds = norm.ppf(np.cumsum(RATING_SHARES)[:-1])
    interactions = pd.DataFrame(
        {
            "user": user.astype(np.int32),
            "item": item.astype(np.int32),
            "rating": (1 + np.searchsorted(thresholds, score)).astype(np.float32),
        }
    )
    users = pd.DataFrame(
        {"segment": largest(user_factors, 6, fields_rng), "region": largest(user_factors, 12, fields_rng)},
        index=pd.Index([f"u{n}" for n in range(config.users)], name="user"),
    )
    items = pd.DataFrame(
        {
            "category": largest(item_factors, 10, fields_rng),
            "topics": above(item_factors, 8, fields_rng),
            "age": item_bias + fields_rng.standard_normal(config.items),
        },
        index=pd.Index([f"i{n}" for n in range(config.items)], name="item"),
    )
    return Ratings("synthetic", interactions, users, items, USER_FIELDS, ITEM_FIELDS)


def distinct_pairs(config: SyntheticConfig, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return exactly round(density * users * items) distinct (user, item) pairs, sorted, drawn by propensity.

    Raises:
        ConfigError: the tail is so long that the same few pairs are drawn again and again.
    """
    wanted = round(config.density * config.users * config.items)
    cumulative = [
        np.cumsum(rng.lognormal(0.0, config.tail, n) if config.tail else np.ones(n))
        for n in (config.users, config.items)
    ]
    pairs = np.empty(0, np.int64)
    for _ in range(ROUNDS):
        draws = int(1.2 * (wanted - len(pairs))) + 64
        user, item = (np.searchsorted(c, rng.random(draws) * c[-1], side="right") for c in cumulative)
        fresh = np.setdiff1d(user * np.int64(config.items) + item, pairs)
        if len(pairs) + len(fresh) > wanted:
            fresh = rng.choice(fresh, wanted - len(pairs), replace=False)
        pairs = np.union1d(pairs, fresh)
        if len(pairs) == wanted:
            return pairs // config.items, pairs % config.items
    raise ConfigError(
        f"synthetic density={config.density}, tail={config.tail}: with so long a tail, so many distinct pairs are not "
        "drawn. Use a smaller tail or density."
    )


def largest(factors: np.ndarray, values: int, rng: np.random.Generator) -> np.ndarray:
    """Return a categorical field: which of ``values`` noisy projections of the factors is the largest."""
    projections = factors @ rng.standard_normal((factors.shape[1], values))
    return np.array([f"v{n}" for n in (projections + rng.standard_normal(projections.shape)).argmax(axis=1)])


def above(factors: np.ndarray, values: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return a tags field: the projections that exceed one standard deviation of them all, noise included."""
    projections = factors @ rng.standard_normal((factors.shape[1], values))
    projections += rng.standard_normal(projections.shape)
    chosen = projections > projections.std()
    return [tuple(f"t{n}" for n in np.flatnonzero(row)) for row in chosen]
