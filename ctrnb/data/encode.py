"""Encoding: text fields to codes, fitted on the training part alone.

Code 0 always means out of vocabulary: a value, user or item that no training interaction has, or a missing value.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ctrnb.data.curate import PARTS, Curated
from ctrnb.data.ratings import Field


@dataclass(frozen=True)
class Side:
    """The users, or the items, of a dataset: one row each.

    Attributes:
        id_code: int64 (rows,), 1.. ; 0 where no training interaction has the row.
        num_ids: size of the id vocabulary, its 0 entry included.
        categorical: int64 (rows, categorical fields), codes from 1.
        cardinalities: vocabulary sizes, with the 0 entry, of the categorical fields.
        tags: one int64 (rows, most tags) array a tags field, padded with 0; unknown tags are left out.
        tag_cardinalities: vocabulary sizes, with the 0 entry.
        numeric: float32 (rows, numeric fields), standardised by training rows; a missing value is 0, the mean.
        names: field names, categorical first, then tags, then numeric.
    """

    id_code: np.ndarray
    num_ids: int
    categorical: np.ndarray
    cardinalities: tuple[int, ...]
    tags: tuple[np.ndarray, ...]
    tag_cardinalities: tuple[int, ...]
    numeric: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Encoded:
    """A curated dataset as arrays.

    Attributes:
        users: SHA-256 of the users' ids in the order of their rows: who they are, whatever the split.
        user, item: int64 (N,), row numbers in ``user_side`` and ``item_side``.
        label, rating: float32 (N,).  middle: bool (N,).  split: int8 (N,), as in Curated.
    """

    name: str
    fingerprint: str
    users: str
    user_side: Side
    item_side: Side
    user: np.ndarray
    item: np.ndarray
    label: np.ndarray
    rating: np.ndarray
    middle: np.ndarray
    split: np.ndarray

    def rows(self, part: str) -> np.ndarray:
        """Return the interaction numbers, int64, of ``train``, ``valid`` or ``test``."""
        return np.flatnonzero(self.split == PARTS.index(part))

    @property
    def train_degree_user(self) -> np.ndarray:
        """Training interactions of each user, int64 (users,)."""
        return np.bincount(self.user[self.split == 0], minlength=len(self.user_side.id_code))

    @property
    def train_degree_item(self) -> np.ndarray:
        """Training interactions of each item, int64 (items,)."""
        return np.bincount(self.item[self.split == 0], minlength=len(self.item_side.id_code))


def encode(curated: Curated) -> Encoded:
    """Return ``curated`` as arrays; vocabularies and means come from its training part."""
    frame = curated.interactions
    user, item = frame["user"].to_numpy(np.int64), frame["item"].to_numpy(np.int64)
    split = frame["split"].to_numpy()
    return Encoded(
        curated.name,
        curated.fingerprint,
        hashlib.sha256("\x1f".join(curated.users.index).encode()).hexdigest(),
        encode_side(curated.users, curated.user_fields, user[split == 0]),
        encode_side(curated.items, curated.item_fields, item[split == 0]),
        user,
        item,
        frame["label"].to_numpy(np.float32),
        frame["rating"].to_numpy(np.float32),
        frame["middle"].to_numpy(),
        split,
    )


def encode_side(table: pd.DataFrame, fields: tuple[Field, ...], training: np.ndarray) -> Side:
    """Return one side's codes, fitted on the rows that ``training`` (row numbers, repeated) names."""
    rows = len(table)
    seen = np.zeros(rows, bool)
    seen[training] = True
    by_kind = {kind: [f.name for f in fields if f.kind == kind] for kind in ("categorical", "tags", "numeric")}
    categorical = [encode_categorical(table[name], seen) for name in by_kind["categorical"]]
    tags = [encode_tags(table[name], seen) for name in by_kind["tags"]]
    numeric = [standardise(table[name].to_numpy(np.float64), seen) for name in by_kind["numeric"]]
    return Side(
        id_code=np.where(seen, np.cumsum(seen), 0),
        num_ids=int(seen.sum()) + 1,
        categorical=np.stack([codes for codes, _ in categorical], axis=1)
        if categorical
        else np.zeros((rows, 0), np.int64),
        cardinalities=tuple(size for _, size in categorical),
        tags=tuple(codes for codes, _ in tags),
        tag_cardinalities=tuple(size for _, size in tags),
        numeric=np.stack(numeric, axis=1) if numeric else np.zeros((rows, 0), np.float32),
        names=tuple(by_kind["categorical"] + by_kind["tags"] + by_kind["numeric"]),
    )


def encode_categorical(column: pd.Series, seen: np.ndarray) -> tuple[np.ndarray, int]:
    """Return codes int64 (rows,) and the vocabulary size; values are numbered in sorted order."""
    vocabulary = pd.Index(sorted(column[seen].dropna().unique()))
    return vocabulary.get_indexer(column).astype(np.int64) + 1, len(vocabulary) + 1


def encode_tags(column: pd.Series, seen: np.ndarray) -> tuple[np.ndarray, int]:
    """Return codes int64 (rows, most known tags of a row) and the vocabulary size; a repeated tag counts once."""
    vocabulary = pd.Index(sorted({tag for tags in column[seen] for tag in tags}))
    lengths = np.array([len(tags) for tags in column], np.int64)
    flat = np.array([tag for tags in column for tag in tags], dtype=object)
    pairs = pd.DataFrame({"row": np.repeat(np.arange(len(column)), lengths)})
    pairs["code"] = vocabulary.get_indexer(flat) + 1 if len(flat) else 0
    pairs = pairs[pairs["code"] > 0].drop_duplicates()
    place = pairs.groupby("row").cumcount().to_numpy()
    codes = np.zeros((len(column), max(int(place.max(initial=-1)) + 1, 1)), np.int64)
    codes[pairs["row"].to_numpy(), place] = pairs["code"].to_numpy()
    return codes, len(vocabulary) + 1


def standardise(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return float32 values with the training rows' mean 0 and standard deviation 1; NaN becomes 0."""
    known = values[seen & np.isfinite(values)]
    mean, scale = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    return np.nan_to_num((values - mean) / (scale or 1.0), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
