"""The Yelp open dataset (the paper's Yelp2022): JSON-lines of reviews, businesses and users, read as a stream.

Fields: city and state (categorical) and categories (tags) for businesses, the year of joining for users. Left out
because they are computed from the very ratings, or from later ones: average stars, review counts, votes, fans.

Policy: a review without user, business or stars is dropped and counted; of several reviews of one pair the newest
by date is kept and the others counted.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ctrnb.data.ratings import Field, Ratings, from_columns, unique_rows
from ctrnb.data.raw import data_folder, locate, open_raw
from ctrnb.errors import DataError

REVIEWS, BUSINESSES, USERS = (f"yelp_academic_dataset_{name}.json" for name in ("review", "business", "user"))
USER_FIELDS = (Field("joined", "categorical"),)
ITEM_FIELDS = (Field("city", "categorical"), Field("state", "categorical"), Field("categories", "tags"))


def load_yelp2022(data_dir: Path | None = None) -> Ratings:
    """Return Yelp's reviews as ratings, from a folder, zip or tar of the official JSON-lines.

    Memory stays near the size of the numbers kept: the files are read line by line and ids are numbered at once.

    Raises:
        DataError: a file is missing, or a line is not JSON or has stars out of 1 to 5; file and line are named.
    """
    folder = data_folder(data_dir)
    place = locate(folder, "yelp2022", (REVIEWS, BUSINESSES, USERS))
    if place is None:
        raise DataError(
            f"yelp2022 was not found in {folder or 'CTRNB_DATA (not set)'}. Accept Yelp's terms at "
            f"https://www.yelp.com/dataset, fetch the JSON archive, and put {REVIEWS}, {BUSINESSES} and {USERS} (or the "
            "archive, named yelp2022.tar or yelp2022.zip) into a folder named by --data-dir or CTRNB_DATA."
        )
    user_codes, item_codes = Codes(), Codes()
    columns: tuple[list, ...] = ([], [], [], [])  # user, item, stars, time
    incomplete = 0
    for number, review in records(place, REVIEWS):
        user, item, stars = review.get("user_id"), review.get("business_id"), review.get("stars")
        if user is None or item is None or stars is None:
            incomplete += 1
            continue
        where = f"{place}: {REVIEWS}, line {number}"
        if isinstance(stars, bool) or not isinstance(stars, (int, float)) or not 1 <= stars <= 5:
            raise DataError(f"{where}, field stars: {stars!r} is not a rating of 1 to 5.")
        user, item = identity(user, f"{where}, field user_id"), identity(item, f"{where}, field business_id")
        row = (user_codes(user), item_codes(item), float(stars), seconds(review.get("date"), where))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    dropped = {"reviews without user, business or stars": incomplete} if incomplete else {}
    return from_columns(
        "yelp2022",
        user_codes.name(columns[0]),
        item_codes.name(columns[1]),
        np.asarray(columns[2], np.float32),
        np.asarray(columns[3], np.int64),
        read_side(place, USERS, "user_id", user_codes, user_row, USER_FIELDS),
        read_side(place, BUSINESSES, "business_id", item_codes, business_row, ITEM_FIELDS),
        user_fields=USER_FIELDS,
        item_fields=ITEM_FIELDS,
        dropped=dropped,
    )


class Codes:
    """Numbers for ids in the order of their first appearance."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.codes.setdefault(name, len(self.codes))

    def __contains__(self, name: str) -> bool:
        return name in self.codes

    def name(self, codes: list[int]) -> pd.Series:
        """Return codes as a categorical column of the ids that they stand for."""
        return pd.Series(pd.Categorical.from_codes(np.asarray(codes, np.int32), categories=list(self.codes)))


def records(place: Path, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for each line of a JSON-lines file.

    Raises:
        DataError: a line is not a JSON object, as when the file was cut in the middle.
    """
    with open_raw(place, file) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not text.strip():
                continue
            try:
                record = json.loads(text.decode("utf-8"))
            except (ValueError, RecursionError) as error:  # not UTF-8, cut short, too deep, or a number without end
                named = isinstance(error, json.JSONDecodeError)
                reason = f"{error.msg} at column {error.colno}" if named else str(error)  # type: ignore[union-attr]
                raise DataError(
                    f"{place}: {file}, line {number} is not JSON: {reason}. The file may be cut short: fetch it again."
                ) from None
            if not isinstance(record, dict):
                raise DataError(f"{place}: {file}, line {number} is not a JSON object.")
            yield number, record


def identity(value: Any, where: str) -> str:
    """Return an id as text.

    Raises:
        DataError: it is neither a text nor a whole number, or half a character.
    """
    if isinstance(value, str):
        if value.isascii() or not re.search("[\ud800-\udfff]", value):
            return value
    elif isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataError(f"{where}: {value!r} is not an id, which is a text.")


def seconds(date: Any, where: str) -> int:
    """Return a review's date as seconds; one without a date counts as the oldest.

    Raises:
        DataError: it is no date.
    """
    if date is None:
        return 0
    try:
        found = datetime.fromisoformat(str(date))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise DataError(f"{where}, field date: {date!r} is not a date like 2018-07-07 22:09:11.") from None


def read_side(
    place: Path,
    file: str,
    key: str,
    known: Codes,
    row: Callable[[dict[str, Any]], tuple[Any, ...]],
    fields: tuple[Field, ...],
) -> pd.DataFrame:
    """Return the fields of the users or businesses that have a review, indexed by id."""
    ids, rows = [], []
    for number, record in records(place, file):
        if (id := record.get(key)) is not None:
            name = identity(id, f"{place}: {file}, line {number}, field {key}")
            if name in known:
                ids.append(name)
                rows.append(row(record))
    table = pd.DataFrame(
        rows, index=pd.Index(ids, dtype=object), columns=[field.name for field in fields], dtype=object
    )
    return unique_rows(table, f"{place}: {file}, field {key}")


def user_row(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the year that a user joined."""
    since = record.get("yelping_since")
    return (str(since)[:4] if since else None,)


def business_row(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return a business's city, state and categories."""
    categories = record.get("categories") or ""
    parts = categories if isinstance(categories, list) else str(categories).split(",")
    tags = tuple(tag for part in parts if (tag := str(part).strip()))
    return text_of(record.get("city")), text_of(record.get("state")), tags


def text_of(value: Any) -> str | None:
    """Return a value as text, or None where there is none."""
    return None if value is None else str(value)
