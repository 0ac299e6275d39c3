"""Curation: labels, middle ratings, k-core filtering and the random split (Section 4.1)."""

import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ctrnb.data.ratings import Field, Ratings, Sample
from ctrnb.errors import ConfigError, DataError
from ctrnb.settings import check_seed, check_size, shown

PARTS = ("train", "valid", "test")
SAMPLE_SEED = (0, 1)  # of a sample of users: not the split's, so that every split has the same users


@dataclass(frozen=True)
class Curation:
    """How ratings become a split.

    Attributes:
        k: fewest interactions that a user or an item keeps.
        drop_middle: remove middle ratings before filtering (the paper's TrRM removed).
        seed: of the random split.
        fractions: of training, validation and test interactions.
    """

    k: int = 6
    drop_middle: bool = False
    seed: int = 0
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)

    def __post_init__(self) -> None:
        for name in ("k", "seed"):
            if getattr(self, name) % 1:
                raise ConfigError(f"{name}={getattr(self, name)}: it is a whole number.")
        if self.k < 1:
            raise ConfigError(f"k={self.k}: a k-core needs k of at least 1.")
        check_size(self.k, f"k={shown(self.k)}")
        check_seed(self.seed)
        positive = len(self.fractions) == 3 and all(share > 0 for share in self.fractions)
        if not (positive and abs(sum(self.fractions) - 1) <= 1e-9):  # so that NaN is refused too
            raise ConfigError(f"fractions={self.fractions}: give three positive fractions that add up to 1.")


@dataclass(frozen=True)
class Curated:
    """A filtered, labelled and split dataset.

    Attributes:
        interactions: ``user`` and ``item`` (int32, row numbers in ``users`` and ``items``), ``rating`` (float32),
            ``label`` (int8, 1 for a click), ``middle`` (bool), ``split`` (int8: 0 train, 1 validation, 2 test).
        users, items: those that remain, indexed by original id; columns are the fields.
    """

    name: str
    interactions: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    user_fields: tuple[Field, ...]
    item_fields: tuple[Field, ...]
    curation: Curation

    def statistics(self) -> dict[str, Any]:
        """Return the columns of Tables 1 and 7, the positive rate and the size of each part."""
        n, users, items = len(self.interactions), len(self.users), len(self.items)
        parts = np.bincount(self.interactions["split"], minlength=3)
        return {
            "users": users,
            "items": items,
            "interactions": n,
            "interactions_per_user": n / users,
            "interactions_per_item": n / items,
            "density_percent": 100 * n / (users * items),
            "positive_rate": float(self.interactions["label"].mean()),
            **{name: int(count) for name, count in zip(PARTS, parts, strict=True)},
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, pairs, ratings, labels, split and fields: what a result depends on."""
        digest = hashlib.sha256()
        for column in ("user", "item", "rating", "label", "middle", "split"):
            digest.update(np.ascontiguousarray(self.interactions[column].to_numpy()).tobytes())
        for table, fields in ((self.users, self.user_fields), (self.items, self.item_fields)):
            digest.update(repr(fields).encode())
            digest.update("\x1f".join(table.index).encode())
            for field in fields:
                digest.update("\x1f".join(map(repr, table[field.name])).encode())
        return digest.hexdigest()


def curate(ratings: Ratings, curation: Curation) -> Curated:
    """Return the k-core of ``ratings``, labelled and split.

    Middle ratings are removed first where asked, since the filter would otherwise count what is not kept; warn where
    there are none.

    Raises:
        DataError: nothing remains, a part of the split is empty, or a part has one class only.
    """
    frame = ratings.interactions
    middle = np.isin(frame["rating"].to_numpy(), np.asarray(ratings.middle, np.float32))
    keep = ~middle if curation.drop_middle else np.ones(len(frame), bool)
    if not keep.any():
        raise DataError(f"{ratings.name}: every rating is a middle rating. Curate without dropping them.")
    if curation.drop_middle and keep.all():
        named = ", ".join(f"{rating:g}" for rating in ratings.middle) or "none"
        warnings.warn(
            f"{ratings.name}: no rating is a middle rating (middle: {named}), so that dropping them changes nothing. "
            "Name yours by middle = [...] in the dataset's TOML.",
            stacklevel=2,
        )
    rows = core_rows(ratings, np.flatnonzero(keep), curation)
    kept_users, user = np.unique(frame["user"].to_numpy()[rows], return_inverse=True)
    kept_items, item = np.unique(frame["item"].to_numpy()[rows], return_inverse=True)
    rating = frame["rating"].to_numpy()[rows]
    interactions = pd.DataFrame(
        {
            "user": user.astype(np.int32),
            "item": item.astype(np.int32),
            "rating": rating,
            "label": (rating >= ratings.positive_threshold).astype(np.int8),
            "middle": middle[rows],
            "split": random_split(len(rows), curation),
        }
    )
    interactions = interactions[thinned(interactions["split"].to_numpy(), ratings.sample, curation)]
    interactions = interactions.reset_index(drop=True)
    check_parts(interactions, ratings)
    return Curated(
        ratings.name,
        interactions,
        ratings.users.iloc[kept_users],
        ratings.items.iloc[kept_items],
        ratings.user_fields,
        ratings.item_fields,
        curation,
    )


def core_rows(ratings: Ratings, rows: np.ndarray, curation: Curation) -> np.ndarray:
    """Return those of ``rows``, row numbers of the ratings, that are in their k-core and in the sample asked for.

    Raises:
        DataError: the core is empty, or smaller than the sample.
    """
    user, item = (ratings.interactions[side].to_numpy()[rows] for side in ("user", "item"))
    core = kcore(user, item, curation.k)
    if not core.any():
        raise DataError(
            f"{curation.k}-core of {len(rows)} interactions is empty: the densest user has {np.bincount(user).max()}, "
            f"the densest item {np.bincount(item).max()}. Use a smaller k."
        )
    core[core] = whole_users(user[core], ratings.sample, curation.k)
    return rows[core]


def kcore(user: np.ndarray, item: np.ndarray, k: int) -> np.ndarray:
    """Return which interactions lie in the k-core, a boolean mask (N,).

    The k-core is the largest subset in which every user and every item has k interactions or more. It is reached
    by removing both sides' short rows until none is left, whatever the order of removal.

    Args:
        user, item: non-negative codes (N,).
    """
    mask = np.ones(len(user), bool)
    remaining = len(user)
    while remaining:
        for side in (user, item):
            mask &= (np.bincount(side[mask], minlength=side.max() + 1) >= k)[side]
        before, remaining = remaining, int(mask.sum())
        if remaining == before:
            break
    return mask


def random_split(n: int, curation: Curation) -> np.ndarray:
    """Return the part of each of n interactions, int8 (n,): a seeded permutation cut at the fractions."""
    order = np.random.default_rng(curation.seed).permutation(n)
    first = int(curation.fractions[0] * n)
    second = int((curation.fractions[0] + curation.fractions[1]) * n)
    split = np.zeros(n, np.int8)
    split[order[first:second]] = 1
    split[order[second:]] = 2
    return split


def whole_users(user: np.ndarray, sample: Sample, k: int) -> np.ndarray:
    """Return which interactions of a k-core are in a sample of whole users of the wanted size, a boolean mask (N,).

    Users are drawn in random order until there are enough, the same for every split; of the last one the surplus is left
    out.

    Raises:
        DataError: the core has fewer interactions than wanted.
    """
    if sample.interactions is None:
        return np.ones(len(user), bool)
    if len(user) < sample.interactions:
        raise DataError(
            f"the {k}-core has {len(user)} interactions, fewer than interactions={sample.interactions}. Use a "
            "smaller k or a smaller size."
        )
    place = np.random.default_rng(SAMPLE_SEED).permutation(user.max() + 1)
    mask = np.zeros(len(user), bool)
    mask[np.argsort(place[user], kind="stable")[: sample.interactions]] = True
    return mask


def thinned(split: np.ndarray, sample: Sample, curation: Curation) -> np.ndarray:
    """Return which interactions are kept by thinning the training part, a boolean mask (N,)."""
    if sample.thin == 1:
        return np.ones(len(split), bool)
    return (split != 0) | (np.random.default_rng((curation.seed, 2)).random(len(split)) < sample.thin)


def check_parts(interactions: pd.DataFrame, ratings: Ratings) -> None:
    """Raise DataError unless each part holds clicks and non-clicks, without which its AUC is undefined."""
    for number, part in enumerate(PARTS):
        label = interactions["label"][interactions["split"] == number]
        if label.nunique() < 2:
            found = "no interactions" if label.empty else f"{len(label)} interactions, all labelled {label.iloc[0]}"
            raise DataError(
                f"{ratings.name}: the {part} part holds {found}, so its AUC is undefined. Use more data, a smaller k "
                f"or another positive threshold (now {ratings.positive_threshold:g})."
            )
