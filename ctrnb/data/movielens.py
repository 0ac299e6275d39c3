"""MovieLens-1M and MovieLens-100K, from GroupLens's folders or zip files.

Fields: gender, age (the seven brackets of MovieLens-1M), occupation and the first three characters of the zip code
for users; release year (from the title) and genres for movies.
"""

import csv
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.data.ratings import Field, Ratings, from_columns, unique_rows
from ctrnb.data.raw import data_folder, locate, open_raw
from ctrnb.errors import DataError

USER_FIELDS = tuple(Field(name, "categorical") for name in ("gender", "age", "occupation", "zip_prefix"))
ITEM_FIELDS = (Field("release_year", "categorical"), Field("genres", "tags"))
AGE_BRACKETS = (1, 18, 25, 35, 45, 50, 56)  # lower ends, as MovieLens-1M's README lists them
COLUMNS = ("user", "item", "rating", "timestamp")


@dataclass(frozen=True)
class Release:
    """One published MovieLens archive."""

    name: str
    files: tuple[str, ...]
    url: str
    md5: str  # as GroupLens publishes it beside the archive
    ratings: int  # how many the first of the files holds


ML_1M = Release(
    "ml-1m",
    ("ratings.dat", "users.dat", "movies.dat"),
    "https://files.grouplens.org/datasets/movielens/ml-1m.zip",
    "c4d9eecfca2ab87c1945afe126590906",
    1_000_209,
)
ML_100K = Release(
    "ml-100k",
    ("u.data", "u.user", "u.item", "u.genre"),
    "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    "0e33842e24a9c977be4e0107933c0723",
    100_000,
)


def load_ml_1m(data_dir: Path | None = None) -> Ratings:
    """Return MovieLens-1M.

    Raises:
        DataError: the files are absent and cannot be downloaded, or a line is malformed.
    """
    place = find_release(ML_1M, data_dir)
    ratings = read_ratings(ML_1M, place, "::")
    users = read_table(place, "users.dat", "::", ("user", "gender", "age", "occupation", "zip"))
    movies = read_table(place, "movies.dat", "::", ("item", "title", "genres"))
    users["zip_prefix"] = users["zip"].str[:3]
    movies["release_year"] = release_year(movies["title"])
    movies["genres"] = [tuple(text.split("|")) for text in movies["genres"]]
    return assemble("ml-1m", ratings, users, movies)


def load_ml_100k(data_dir: Path | None = None) -> Ratings:
    """Return MovieLens-100K, its ages put into MovieLens-1M's brackets.

    Raises:
        DataError: the files are absent and cannot be downloaded, or a line is malformed.
    """
    place = find_release(ML_100K, data_dir)
    ratings = read_ratings(ML_100K, place, "\t")
    users = read_table(place, "u.user", "|", ("user", "age", "gender", "occupation", "zip"))
    genres = read_table(place, "u.genre", "|", ("name", "number"))["name"].tolist()
    if len(set(genres)) < len(genres):
        raise DataError(f"{place}: u.genre names a genre twice. Fetch the files again.")
    columns = ("item", "title", "date", "video", "url", *(f"genre {name}" for name in genres))
    movies = read_table(place, "u.item", "|", columns)
    raise_unless(users["age"].str.fullmatch(r"\d{1,3}"), users, "user", "age", f"{place}: u.user")
    years = users["age"].to_numpy(np.int64)
    brackets = np.asarray(AGE_BRACKETS)
    users["age"] = brackets[np.clip(np.searchsorted(brackets, years, side="right") - 1, 0, None)].astype(str)
    users["zip_prefix"] = users["zip"].str[:3]
    movies["release_year"] = release_year(movies["title"])
    for name in columns[5:]:
        raise_unless(movies[name].isin(["0", "1"]), movies, "item", name, f"{place}: u.item")
    flags = movies[list(columns[5:])].to_numpy() == "1"
    movies["genres"] = [tuple(np.asarray(genres)[row]) for row in flags]
    return assemble("ml-100k", ratings, users, movies)


def assemble(name: str, ratings: pd.DataFrame, users: pd.DataFrame, movies: pd.DataFrame) -> Ratings:
    """Return Ratings from the three tables of a release."""
    return from_columns(
        name,
        ratings["user"],
        ratings["item"],
        ratings["rating"].to_numpy(),
        ratings["timestamp"].to_numpy(),
        unique_rows(users.set_index("user"), f"{name}: the table of users"),
        unique_rows(movies.set_index("item"), f"{name}: the table of movies"),
        user_fields=USER_FIELDS,
        item_fields=ITEM_FIELDS,
    )


def find_release(release: Release, data_dir: Path | None) -> Path:
    """Return the folder or zip of a release; where it is nowhere, download it and check its MD5.

    Raises:
        DataError: it is absent and the download fails or does not match.
    """
    folder = data_folder(data_dir)
    place = locate(folder, release.name, release.files)
    if place is not None:
        return place
    try:
        import pooch
    except ImportError:
        raise DataError(f"{release.name} was not found in {folder}; downloading it needs pip install pooch.") from None
    cache = Path(pooch.os_cache("ctrnb"))
    looked = f"{folder / release.name} or {folder / (release.name + '.zip')}" if folder else "CTRNB_DATA (not set)"
    try:
        return Path(
            pooch.retrieve(release.url, known_hash=f"md5:{release.md5}", fname=f"{release.name}.zip", path=cache)
        )
    except Exception as error:  # pooch passes on whatever the network library raises
        altered = isinstance(error, ValueError) and "hash" in str(error)
        reason = "what came does not match its MD5" if altered else type(error).__name__
        raise DataError(
            f"{release.name} was not found at {looked} (files {', '.join(release.files)}), and it could not be "
            f"downloaded from {release.url}: {reason}. Fetch that zip on another machine and name its folder by "
            "--data-dir or CTRNB_DATA."
        ) from None


def read_ratings(release: Release, place: Path, separator: str) -> pd.DataFrame:
    """Return columns user, item, rating, timestamp as integers; warn where there are more or fewer than in the release.

    Raises:
        DataError: a line that is not four whole numbers with a rating of 1 to 5: file, line and value are named.
    """
    file = release.files[0]
    with open_raw(place, file) as stream:
        content = stream.read()
    where = f"{place / file}" if place.is_dir() else f"{place}: {file}"
    text = io.BytesIO(content.removeprefix(b"\xef\xbb\xbf").replace(separator.encode(), b"\x1f"))
    try:
        with warnings.catch_warnings(action="error"):  # such as of fields too many, which pandas would leave out
            frame = pd.read_csv(
                text, sep="\x1f", header=None, names=list(COLUMNS), dtype=np.int64, index_col=False,
                quoting=csv.QUOTE_NONE,
            )  # fmt: skip
        good = b"\x1f" not in content and len(frame) > 0 and frame["rating"].between(1, 5).all()
    except (ValueError, OverflowError, Warning):
        good = False
    if not good:
        raise DataError(first_bad_rating(content, where, separator))
    if len(frame) != release.ratings:
        warnings.warn(
            f"{where} holds {len(frame):,} ratings where {release.name} has {release.ratings:,}: it was cut short or "
            "is another file. Fetch it again.",
            stacklevel=2,
        )
    return frame


def first_bad_rating(content: bytes, where: str, separator: str) -> str:
    """Return what is wrong with the first malformed line of a ratings file."""
    expected = f"Expected {separator.join(COLUMNS)!r} with a rating of 1 to 5."
    for number, line in enumerate(lines_of(content), start=1):
        fields = line.split(separator)
        if not line.strip():
            continue
        if len(fields) != 4:
            return f"{where}, line {number}: {len(fields)} fields in {line[:80]!r}. {expected}"
        for name, value in zip(COLUMNS, fields, strict=True):
            if not re.fullmatch(r"\s*-?\d{1,18}\s*", value, re.ASCII):
                return f"{where}, line {number}, column {name}: {value!r} is not a whole number. {expected}"
        if not 1 <= int(fields[2]) <= 5:
            return f"{where}, line {number}, column rating: {fields[2]!r} is out of range. {expected}"
    return f"{where} holds no ratings. {expected}"


def read_table(place: Path, file: str, separator: str, names: tuple[str, ...]) -> pd.DataFrame:
    """Return a small separated file as text columns.

    Raises:
        DataError: a line with another number of fields; file and line are named.
    """
    with open_raw(place, file) as stream:
        lines = lines_of(stream.read())
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.split(separator)
        if len(fields) != len(names):
            raise DataError(
                f"{place}: {file}, line {number}: {len(fields)} fields in {line[:80]!r}, expected {len(names)} "
                f"separated by {separator!r}."
            )
        rows.append(fields)
    return pd.DataFrame(rows, columns=list(names), dtype=object)


def lines_of(content: bytes) -> list[str]:
    """Return the lines of a file in Latin-1; signs that Unicode alone takes for the end of a line stay within it."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def raise_unless(good: pd.Series, table: pd.DataFrame, key: str, column: str, where: str) -> None:
    """Raise DataError at the first row that is not good, naming its id, column and value."""
    bad = np.flatnonzero(~good.to_numpy(bool))
    if len(bad):
        row = table.iloc[bad[0]]
        raise DataError(f"{where}, {key} {row[key]}, column {column}: {row[column]!r} is malformed. Fetch it again.")


def release_year(title: pd.Series) -> pd.Series:
    """Return the year in brackets at the end of each title, NA where there is none."""
    return title.str.extract(r"\((\d{4})\)\s*$")[0]
