"""The canonical ratings table that every source is turned into."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ctrnb.errors import ConfigError, DataError


@dataclass(frozen=True)
class Field:
    """A context field of users or items.

    ``categorical`` holds one text value, ``tags`` a tuple of texts, ``numeric`` a float (NaN where absent).
    """

    name: str
    kind: Literal["categorical", "tags", "numeric"]


@dataclass(frozen=True)
class Sample:
    """What part of the curated ratings is used, for experiments on density. The default is all of it.

    Attributes:
        thin: share of the *training* interactions that is kept, drawn uniformly. Users, items, validation and test stay, so
            that density alone moves and every share is judged on the same test part; a smaller share is part of a larger.
        interactions: size of the k-core after users were left out at random, whole and the same for every split, until that
            many interactions are left: k moves what the users that remain have, and not how much data there is.
    """

    thin: float = 1.0
    interactions: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.thin <= 1:
            raise ConfigError(
                f"thin={self.thin}: it is the share of training interactions to keep, above 0 and up to 1."
            )
        if self.interactions is not None and self.interactions < 1:
            raise ConfigError(f"interactions={self.interactions}: at least 1 is needed.")


@dataclass(frozen=True)
class Ratings:
    """Ratings with the fields of their users and items.

    Attributes:
        name: of the dataset.
        interactions: one row a (user, item) pair: ``user`` and ``item`` (int32, row numbers in ``users`` and
            ``items``), ``rating`` (float32), and ``timestamp`` (int64 seconds) where the source has one.
        users, items: one row each; the index holds the original id as text, the columns are the fields.
        positive_threshold: a rating of at least this is a click.
        middle: the ratings that count as weak supervision (Section 4.1's middle ratings).
        dropped: how many lines a documented policy left out, by reason.
        sample: what part of the curated ratings is used.
    """

    name: str
    interactions: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    user_fields: tuple[Field, ...] = ()
    item_fields: tuple[Field, ...] = ()
    positive_threshold: float = 4.0
    middle: tuple[float, ...] = (3.0,)
    dropped: Mapping[str, int] = field(default_factory=dict)
    sample: Sample = Sample()


def warn_of_dropped(ratings: Ratings) -> None:
    """Warn, a line a reason, of what a documented policy left out of a dataset."""
    for reason, count in ratings.dropped.items():
        warnings.warn(f"{ratings.name}: {count:,} {reason}", stacklevel=2)


def from_columns(
    name: str,
    user: pd.Series,
    item: pd.Series,
    rating: np.ndarray,
    timestamp: np.ndarray | None,
    users: pd.DataFrame | None,
    items: pd.DataFrame | None,
    *,
    user_fields: tuple[Field, ...] = (),
    item_fields: tuple[Field, ...] = (),
    positive_threshold: float = 4.0,
    middle: tuple[float, ...] = (3.0,),
    dropped: Mapping[str, int] | None = None,
) -> Ratings:
    """Return Ratings from columns of original ids.

    Ids are numbered in the order of their first rating. Of several ratings of one pair the newest is kept (by
    timestamp, then by line) and the others are counted in ``dropped``. An id without a row in ``users`` or
    ``items`` has all its fields missing, which is counted too.

    Raises:
        DataError: there is no rating at all.
    """
    if len(user) == 0:
        raise DataError(f"{name} holds no ratings.")
    counts = dict(dropped or {})
    user_code, user_ids = pd.factorize(user)
    item_code, item_ids = pd.factorize(item)
    frame = pd.DataFrame(
        {"user": user_code.astype(np.int32), "item": item_code.astype(np.int32), "rating": rating.astype(np.float32)}
    )
    if timestamp is not None:
        frame["timestamp"] = timestamp.astype(np.int64)
    kept = newest_of_each_pair(frame, len(item_ids))
    if len(kept) < len(frame):
        counts["duplicate ratings of one pair"] = len(frame) - len(kept)
        frame = frame.iloc[kept].reset_index(drop=True)
    return Ratings(
        name,
        frame,
        side_table(users, user_ids, user_fields, "user", counts),
        side_table(items, item_ids, item_fields, "item", counts),
        user_fields,
        item_fields,
        positive_threshold,
        middle,
        counts,
    )


def newest_of_each_pair(frame: pd.DataFrame, num_items: int) -> np.ndarray:
    """Return the row numbers, ascending, of the newest rating of each (user, item) pair."""
    pair = frame["user"].to_numpy(np.int64) * num_items + frame["item"].to_numpy()
    keys = (pair,) if "timestamp" not in frame else (frame["timestamp"].to_numpy(), pair)
    order = np.lexsort(keys)  # stable: equal pairs by time, then by line
    last = np.append(pair[order][1:] != pair[order][:-1], True)
    return np.sort(order[last])


def side_table(
    table: pd.DataFrame | None, ids: pd.Index, fields: tuple[Field, ...], side: str, counts: dict[str, int]
) -> pd.DataFrame:
    """Return one row an id, in the order of ``ids``, from a table indexed by original id."""
    index = pd.Index(ids.astype(str), name=side)
    if table is None or not fields:
        return pd.DataFrame(index=index)
    absent = int((~index.isin(table.index)).sum())
    if absent:
        counts[f"{side}s without a row of fields"] = absent
    frame = table.reindex(index)[[field.name for field in fields]]
    for each in fields:
        if each.kind == "tags":
            frame[each.name] = [value if isinstance(value, tuple) else () for value in frame[each.name]]
    return frame


def unique_rows(table: pd.DataFrame, place: str) -> pd.DataFrame:
    """Return ``table``.

    Raises:
        DataError: its index names an id twice.
    """
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise DataError(f"{place} has {twice[0]!r} twice. Keep one row for each id.")
    return table
