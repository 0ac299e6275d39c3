"""A ratings table of the user's own: CSV or Parquet, described by a small TOML file.

.. code-block:: toml

    name = "my-shop"            # default: the file's name
    positive = 4                # a rating of at least this is a click; default 4
    middle = [3]                # middle ratings (weak supervision); default [3]

    [ratings]
    path = "ratings.csv"        # .csv, .tsv, .csv.gz, .parquet, .pq; relative to this file or to the data folder
    user = "user_id"            # names of columns
    item = "item_id"
    rating = "stars"
    timestamp = "time"          # optional, whole seconds: decides which of two ratings of a pair is newer
    separator = ","             # optional; default: a tab for .tsv, else a comma

    [items]                     # optional, and [users] likewise
    path = "items.csv"
    id = "item_id"
    categorical = ["city"]
    tags = ["categories"]       # several values in one cell,
    tag_separator = "|"         # separated by this
    numeric = ["price"]

Fields must be known before the click: a column computed from the ratings themselves, such as an item's average
stars, would leak the labels.
"""

import csv
import io
import os
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ctrnb.data.ratings import Field, Ratings, from_columns, unique_rows
from ctrnb.data.raw import DAMAGE, data_folder, open_file
from ctrnb.errors import ConfigError, DataError, nearest
from ctrnb.settings import build, check_name, read_toml

PARQUET = (".parquet", ".pq")
PARQUET_START = b"PAR1\x15"  # a CSV's first column may be PAR1, but no byte of a text follows as it does here
NO_TIME = (
    "is not a time in whole seconds. Write whole seconds since 1970-01-01, or save the column in Parquet as timestamps "
    "of whole seconds"
)
LARGEST = float(np.finfo(np.float32).max)  # ratings and numeric fields are kept in 32 bits


@dataclass(frozen=True)
class RatingsFile:
    """The ``[ratings]`` table of a dataset TOML."""

    path: str
    user: str
    item: str
    rating: str
    timestamp: str | None = None
    separator: str | None = None

    def __post_init__(self) -> None:
        check_distinct("[ratings]", [self.user, self.item, self.rating, self.timestamp])
        check_separator("[ratings]", self.separator)


@dataclass(frozen=True)
class SideFile:
    """The ``[users]`` or ``[items]`` table of a dataset TOML."""

    path: str
    id: str
    categorical: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    tag_separator: str = "|"
    separator: str | None = None

    def __post_init__(self) -> None:
        where = f"the table of {self.path}"
        check_distinct(where, [field.name for field in self.fields])
        check_separator(where, self.separator)
        if not self.tag_separator:
            raise ConfigError(f"{where}: tag_separator is empty. Write the text between two tags, such as '|'.")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields in the order categorical, tags, numeric."""
        return (
            *(Field(name, "categorical") for name in self.categorical),
            *(Field(name, "tags") for name in self.tags),
            *(Field(name, "numeric") for name in self.numeric),
        )


@dataclass(frozen=True)
class Description:
    """The top level of a dataset TOML."""

    name: str
    positive: float = 4.0
    middle: tuple[float, ...] = (3.0,)

    def __post_init__(self) -> None:
        check_name(self.name, "Description.name")


def check_distinct(where: str, columns: list[str | None]) -> None:
    """Raise ConfigError where a column is named for two purposes."""
    named = [column for column in columns if column is not None]
    twice = [column for column in named if named.count(column) > 1]
    if twice:
        raise ConfigError(f"{where} names the column {twice[0]!r} twice. Name another column for each purpose.")


def check_separator(where: str, separator: str | None) -> None:
    """Raise ConfigError unless a CSV may have this separator."""
    if separator is not None and (len(separator.encode()) != 1 or separator in '"\r\n'):
        raise ConfigError(f"{where}: separator={separator!r} must be one plain character, such as ',' or ';'.")


class Place(NamedTuple):
    """A file of ratings or fields, and how its cells are separated; as text, its path."""

    path: Path
    separator: str

    def __str__(self) -> str:
        return str(self.path)


def load_table(toml: Path, data_dir: Path | None = None) -> Ratings:
    """Return the ratings that a dataset TOML describes.

    Raises:
        ConfigError: the TOML is absent or malformed, lacks a key, or has an unknown or ill-typed one.
        DataError: a file or column is missing, or a rating is not a finite number, with file, line and column.
    """
    document = read_toml(toml)
    sections = {name: document.pop(name) for name in ("ratings", "users", "items") if name in document}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise ConfigError(f"{toml}: {name} must be a table, written [{name}].")
    if "ratings" not in sections:
        raise ConfigError(f"{toml} has no [ratings] table. It needs path, user, item and rating.")
    description = build(Description, {"name": toml.stem, **document}, where=str(toml))
    ratings = build(RatingsFile, sections.pop("ratings"), where=f"[ratings] of {toml}")
    sides = {name: build(SideFile, section, where=f"[{name}] of {toml}") for name, section in sections.items()}
    path = find_file(ratings.path, ratings.separator, toml, data_dir)
    names = [ratings.user, ratings.item, ratings.rating, *([ratings.timestamp] if ratings.timestamp else [])]
    frame = read_columns(path, names)
    for column in (ratings.user, ratings.item):
        check_ids(frame[column], path, column)
    values = numbers(frame[ratings.rating], path, ratings.rating)
    raise_if(
        moved_by_rounding(values, description), frame[ratings.rating], path, ratings.rating,
        "differs from positive or middle by less than 32 bits can tell. Round it, or take a number off all three",
    )  # fmt: skip
    tables = {
        name: read_side(side, find_file(side.path, side.separator, toml, data_dir)) for name, side in sides.items()
    }
    return from_columns(
        description.name,
        frame[ratings.user],
        frame[ratings.item],
        values,
        times(frame[ratings.timestamp], path, ratings.timestamp) if ratings.timestamp else None,
        tables.get("users"),
        tables.get("items"),
        user_fields=sides["users"].fields if "users" in sides else (),
        item_fields=sides["items"].fields if "items" in sides else (),
        positive_threshold=description.positive,
        middle=description.middle,
    )


def find_file(name: str, separator: str | None, toml: Path, data_dir: Path | None) -> Place:
    """Return a file beside the TOML, or in the data folder or its folder of the TOML's name.

    Raises:
        DataError: it is in none of them, all of which are named, or it is a folder.
    """
    folder = data_folder(data_dir)
    places = [toml.parent / name]
    if folder is not None:
        places += [folder / name, folder / toml.stem / name]
    for place in places:
        if os.path.isfile(place):  # unlike Path.is_file, it takes a name that no file can have
            return Place(place, separator or ("\t" if ".tsv" in map(str.lower, place.suffixes) else ","))
    for place in places:
        if os.path.isdir(place):
            raise DataError(
                f"{toml} names {name!r}, and {place} is a folder. Name one file; a table in parts must be joined into one."
            )
    raise DataError(
        f"{toml} names {name!r}, which is not at {' or '.join(map(str, places))}. Set --data-dir or CTRNB_DATA."
    )


def read_columns(place: Place, names: list[str], lists: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the named columns of a CSV or Parquet file; CSV cells as text, empty ones as NA.

    Args:
        lists: the columns whose cells may be lists in a Parquet file.

    Raises:
        DataError: the file is empty, malformed or not UTF-8, lacks a column, or has one twice.
    """
    from pyarrow import ArrowException

    names, path = list(dict.fromkeys(names)), place.path
    try:
        if is_parquet(path):
            return read_parquet(path, names, lists)
        return read_csv(path, names, place.separator)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty. Its first line must name the columns.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except DataError:
        raise
    except (ValueError, OSError, ArrowException, *DAMAGE) as error:  # pandas and pyarrow name the line
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def is_parquet(path: Path) -> bool:
    """Return whether a file's name says that it is Parquet."""
    return path.suffix.lower() in PARQUET


def read_parquet(path: Path, names: list[str], lists: tuple[str, ...]) -> pd.DataFrame:
    """Return the named columns of a Parquet file, whatever pandas, which may have written it, has noted on its index.

    Raises:
        DataError: a column is missing, or has more than one value a row and is not one of ``lists``.
        OSError, ArrowException: the file cannot be read, or is no Parquet.
    """
    import pyarrow.parquet
    from pyarrow import types

    schema = pyarrow.parquet.read_schema(path)
    check_columns(schema.names, names, path)
    of_numbers: list[str] = []
    for name in names:
        kind = schema.field(name).type
        is_list = name in lists and (types.is_list(kind) or types.is_large_list(kind))
        if types.is_nested(kind.value_type if is_list else kind):
            raise DataError(f"{path}, column {name}: {kind} where one value a row is needed.")
        of_numbers += [name] if is_list and types.is_integer(kind.value_type) else []
    table = pyarrow.parquet.read_table(path, columns=names)
    for name in of_numbers:  # as text, since pandas makes fractions of them where one of them is missing
        text = table[name].cast(pyarrow.list_(pyarrow.string()))
        table = table.set_column(table.column_names.index(name), name, text)
    return table.to_pandas(ignore_metadata=True, integer_object_nulls=True)


def read_csv(path: Path, names: list[str], separator: str) -> pd.DataFrame:
    """Return the named columns of a CSV file as text.

    By pyarrow, which refuses a row with another number of fields than the first: pandas leaves out those that are too
    many, or takes the first for the row's label and moves every column. Empty lines at the end are left out.
    """
    from pyarrow import csv as arrow

    with open_file(path) as stream:
        start = stream.read(len(PARQUET_START))
    if start.startswith(b"PK\x03\x04"):
        raise DataError(f"{path} is a zip archive. Unpack it, and name the table that it holds.")
    if start == PARQUET_START:
        raise DataError(f"{path} is a Parquet file. Give it a name that ends in {' or '.join(PARQUET)}.")
    with open_file(path) as stream:
        header = pd.read_csv(
            stream, header=None, nrows=1, sep=separator, encoding="utf-8-sig", dtype=str, keep_default_na=False,
            skip_blank_lines=False,
        )  # fmt: skip
    check_columns(header.iloc[0].tolist(), names, path)
    with open_file(path) as stream:
        table = arrow.read_csv(
            stream,
            arrow.ReadOptions(use_threads=False),  # with threads a message does not name its row
            arrow.ParseOptions(delimiter=separator, newlines_in_values=True, ignore_empty_lines=False),
            arrow.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, "string"),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    frame = table.to_pandas()
    filled = np.flatnonzero(frame.notna().any(axis=1))
    return frame.iloc[: filled[-1] + 1 if len(filled) else 0]


def check_columns(present: list[str], names: list[str], path: Path) -> None:
    """Raise DataError unless every name is one column."""
    for name in names:
        if present.count(name) > 1:
            raise DataError(f"{path} has more than one column {name!r}. Rename the others.")
        if name not in present:
            raise DataError(
                f"{path} has no column {name!r}.{nearest(name, map(str, present))} It has: "
                f"{', '.join(map(str, present))}."
            )


def line_of(row: int, place: Place) -> str:
    """Return where a row of a table begins as a person counts it: lines of a CSV from 1, its header included.

    The CSV is read again up to there, since cells may hold line breaks.
    """
    if is_parquet(place.path):
        return f"row {row + 1}"
    with open_file(place.path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")  # type: ignore[arg-type]
        rows = csv.reader(text, delimiter=place.separator)
        try:
            deque(islice(rows, row + 1), maxlen=0)
        except csv.Error:  # a cell larger than Python's reader takes
            return f"row {row + 1}"
        return f"line {rows.line_num + 1}"


def raise_if_missing(column: pd.Series, path: Place, name: str, what: str) -> None:
    """Raise DataError at the first missing value."""
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise DataError(f"{path}, {line_of(missing[0], path)}, column {name}: {what} is missing.")


def check_ids(column: pd.Series, path: Place, name: str) -> None:
    """Raise DataError at the first id that is missing, or is bytes that are no text."""
    raise_if_missing(column, path, name, "an id")
    if not pd.api.types.is_numeric_dtype(column):
        as_text(column, path, name)


def numbers(column: pd.Series, path: Place, name: str, why: str = "is not a finite number") -> np.ndarray:
    """Return a column as float64.

    Raises:
        DataError: the first value that is missing, not a number or not finite, with its line; ``why`` says what is wrong.
    """
    raise_if_missing(column, path, name, "a number")
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    raise_if(~(np.abs(values) <= LARGEST), column, path, name, why)
    return values


def moved_by_rounding(rating: np.ndarray, description: Description) -> np.ndarray:
    """Return which ratings (N,) would, in 32 bits, reach ``positive`` or be middle ratings, which they are not."""

    def onto(mark: float) -> np.ndarray:
        rounded = np.float32(mark)
        same = [mark, float(rounded)] if float(str(rounded)) == mark else [mark]  # 0.7, as a table of 32 bits has it
        return (rating.astype(np.float32) == rounded) & ~np.isin(rating, same)

    moved = onto(description.positive) & (rating < description.positive)
    return np.logical_or.reduce([moved, *map(onto, description.middle)])


def times(column: pd.Series, path: Place, name: str) -> np.ndarray:
    """Return a column of times as whole seconds, int64.

    Raises:
        DataError: the first value that is missing or no whole number, or too large for seconds, with its line.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        raise_if_missing(column, path, name, "a time")
        seconds = column.dt.as_unit("s")
        raise_if((seconds != column).to_numpy(), column, path, name, NO_TIME)
        return seconds.astype(np.int64).to_numpy()
    values = numbers(column, path, name, NO_TIME)
    bad = (np.abs(values) >= 2**53) | (values != np.floor(values))
    raise_if(bad, column, path, name, NO_TIME)
    return values.astype(np.int64)


def raise_if(bad: np.ndarray, column: pd.Series, path: Place, name: str, why: str) -> None:
    """Raise DataError at the first bad value."""
    rows = np.flatnonzero(bad)
    if len(rows):
        raise DataError(f"{path}, {line_of(rows[0], path)}, column {name}: {column.iloc[rows[0]]!r} {why}.")


def read_side(side: SideFile, path: Place) -> pd.DataFrame:
    """Return the fields of users or items, indexed by id as text."""
    frame = read_columns(path, [side.id, *(field.name for field in side.fields)], side.tags)
    check_ids(frame[side.id], path, side.id)
    table = pd.DataFrame(index=pd.Index(frame[side.id].astype(str)))
    for field in side.fields:
        column = frame[field.name]
        if field.kind == "categorical":
            table[field.name] = as_text(column, path, field.name).astype(object).to_numpy()
        elif field.kind == "tags":
            lists = any(isinstance(cell, np.ndarray) for cell in column)
            cells = column if lists else as_text(column, path, field.name)
            table[field.name] = [split_tags(cell, side.tag_separator) for cell in cells]
        else:
            known = column.notna().to_numpy()
            values = np.full(len(column), np.nan)
            values[known] = pd.to_numeric(column[known], errors="coerce").to_numpy(np.float64)
            bad = known & ~(np.abs(values) <= LARGEST)
            raise_if(bad, column, path, field.name, "is not a finite number; leave the cell empty where it is unknown")
            table[field.name] = values
    return unique_rows(table, f"{path}, column {side.id}")


def as_text(column: pd.Series, path: Place, name: str) -> pd.Series:
    """Return a column as text, NA where it has no value.

    Raises:
        DataError: the first value of a Parquet file that is bytes and no text, with its row.
    """
    try:
        return column.astype("string")
    except UnicodeDecodeError:
        no_text = np.array(
            [isinstance(cell, bytes) and cell.decode(errors="ignore").encode() != cell for cell in column]
        )
        raise_if(no_text, column, path, name, "is bytes that are not UTF-8. Save the column as text")
        raise


def split_tags(cell: Any, separator: str) -> tuple[str, ...]:
    """Return the tags of one cell, stripped and without empty ones: a separated text, or a list as Parquet may hold."""
    if isinstance(cell, str):
        parts = cell.split(separator)
    else:
        parts = [str(part) for part in cell if not pd.isna(part)] if isinstance(cell, np.ndarray) else []
    return tuple(tag for part in parts if (tag := part.strip()))
