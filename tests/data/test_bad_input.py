"""Malformed files of every source end in one message that names the place, or are dropped and counted."""

import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctrnb.data import Curation, Ratings, curate, encode, load
from ctrnb.data.encode import encode_side
from ctrnb.data.yelp import BUSINESSES, REVIEWS, USERS
from ctrnb.errors import CtrnbError

ML_1M = {
    "ratings.dat": "1::10::5::100\n1::20::3::101\n2::10::1::102\n",
    "users.dat": "1::F::25::3::55455\n2::M::56::16::70072\n",
    "movies.dat": "10::Toy Story (1995)::Animation|Comedy\n20::Leon (1994)::Crime\n",
}
ML_100K = {
    "u.data": "1\t10\t5\t100\n1\t20\t3\t101\n2\t10\t1\t102\n",
    "u.user": "1|24|M|technician|85711\n2|53|F|other|94043\n",
    "u.item": "10|Toy Story (1995)|01-Jan-1995||http|0|1\n20|Leon (1994)|01-Jan-1995||http|1|0\n",
    "u.genre": "unknown|0\nAction|1\n",
}
REVIEW = {"user_id": "a", "business_id": "b", "stars": 5, "date": "2020-01-01 10:00:00"}
YELP = {
    REVIEWS: json.dumps(REVIEW) + "\n",
    USERS: '{"user_id": "a", "yelping_since": "2011-05-06"}\n',
    BUSINESSES: '{"business_id": "b", "city": "Tampa", "state": "FL", "categories": "Bars, Food"}\n',
}
SHOP = Path(__file__).with_name("shop")
TOML = (SHOP / "shop.toml").read_text()
HEADER = "who,what,stars,when\n"
TABLE = {
    "shop.toml": TOML,
    "ratings.csv": HEADER + "a,x,3,5\na,y,1,4\nb,y,5,1\n",
    "items.csv": (SHOP / "items.csv").read_text(),
}
SOURCES = {"ml-1m": ML_1M, "ml-100k": ML_100K, "yelp2022": YELP, "shop.toml": TABLE}


def read(folder: Path, source: str, changed: dict[str, str | bytes]) -> Ratings:
    """Return a source read from a folder, with some of its files changed, its fields encoded too."""
    for name, content in (SOURCES[source] | changed).items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("latin-1"))
    ratings = load(folder / source if source == "shop.toml" else source, data_dir=folder)
    encode_side(ratings.users, ratings.user_fields, np.arange(len(ratings.users)))
    encode_side(ratings.items, ratings.item_fields, np.arange(len(ratings.items)))
    return ratings


def review(**changed: object) -> str:
    return json.dumps(REVIEW | changed) + "\n"


REFUSED = [
    ("ml-1m", "ratings.dat", "1::10::5::100::7\n1::20::3::101::7\n", "line 1: 5 fields"),  # in every line
    ("ml-1m", "ratings.dat", "1::10::5\n1::20::3\n", "line 1: 3 fields"),
    ("ml-1m", "ratings.dat", "1\x1f10::5::100\n", "line 1: 3 fields"),
    ("ml-1m", "ratings.dat", ML_1M["ratings.dat"].replace("::", "\t"), "line 1: 1 fields"),
    ("ml-1m", "ratings.dat", "user::item::rating::timestamp\n1::10::5::100\n", "line 1, column user: 'user'"),
    ("ml-1m", "ratings.dat", "1::10::4.5::100\n", "line 1, column rating: '4.5'"),
    ("ml-1m", "ratings.dat", "1::10::-1::100\n", "'-1' is out of range"),
    ("ml-1m", "ratings.dat", "1::10::0::100\n", "'0' is out of range"),
    ("ml-1m", "ratings.dat", "1::10::::100\n", "line 1, column rating: ''"),
    ("ml-1m", "ratings.dat", "1::10::5\x1d::100\n", "line 1, column rating: '5.x1d'"),  # a space to Unicode alone
    ("ml-1m", "ratings.dat", '1::10::"5\n"::100\n', "line 1: 3 fields"),  # a quote does not join lines
    ("ml-1m", "ratings.dat", "1::10::5::99999999999999999999\n", "line 1, column timestamp"),
    ("ml-1m", "ratings.dat", "1::10::5::1\n" + "\0" * 9 + "\n", "line 2: 1 fields"),
    ("ml-1m", "ratings.dat", ML_1M["ratings.dat"].encode("utf-16"), "line 1: 1 fields"),
    ("ml-1m", "ratings.dat", ML_1M["ratings.dat"][:-5], "line 3: 3 fields"),  # cut
    ("ml-1m", "ratings.dat", "\n\n", "ratings.dat holds no ratings"),
    ("ml-1m", "users.dat", "1::F::25::3\n", "users.dat, line 1: 4 fields"),
    ("ml-1m", "users.dat", "1::F::25::3::1\n1::F::25::3::1\n", "users has '1' twice"),
    ("ml-1m", "movies.dat", "10::Toy Story (1995)\n", "movies.dat, line 1: 2 fields"),
    ("ml-100k", "u.data", "1\t10\t5\t100\t3\n1\t20\t3\t101\t4\n", "line 1: 5 fields"),
    ("ml-100k", "u.data", "1 10 5 100\n", "line 1: 1 fields"),
    ("ml-100k", "u.user", "1|old|M|technician|85711\n", "u.user, user 1, column age: 'old'"),
    ("ml-100k", "u.user", "1||M|technician|85711\n", "user 1, column age: ''"),
    ("ml-100k", "u.user", "1|-4|M|technician|85711\n", "column age: '-4'"),
    ("ml-100k", "u.user", "1|24|M|technician\n", "u.user, line 1: 4 fields"),
    ("ml-100k", "u.item", "10|Toy (1995)|01-Jan-1995||http|x|7\n", "u.item, item 10, column genre unknown: 'x'"),
    ("ml-100k", "u.genre", "unknown|0\nunknown|1\n", "u.genre names a genre twice"),
    ("ml-100k", "u.genre", "", "u.item, line 1: 7 fields"),
    ("ml-100k", "u.genre", "unknown|0\nAction|1\nDrama|2\n", "7 fields in .*, expected 8"),
    ("yelp2022", REVIEWS, review(user_id="é").encode("latin-1").replace(b"\\u00e9", b"\xe9"), "line 1 is not JSON: .*utf-8"),
    ("yelp2022", REVIEWS, review().encode("utf-16"), "line 1 is not JSON"),
    ("yelp2022", REVIEWS, review() + review()[:30], "line 2 is not JSON: .* at column"),
    ("yelp2022", REVIEWS, review() + "\0" * 20, "line 2 is not JSON"),
    ("yelp2022", REVIEWS, "[" * 100_000, "line 1 is not JSON: maximum recursion"),
    ("yelp2022", REVIEWS, review().replace(": 5", ": " + "5" * 5000), "line 1 is not JSON: .*digits"),
    ("yelp2022", REVIEWS, "null\n", "line 1 is not a JSON object"),
    ("yelp2022", REVIEWS, review().replace(": 5", ": NaN"), "field stars: nan"),
    ("yelp2022", REVIEWS, review(stars=True), "field stars: True"),
    ("yelp2022", REVIEWS, review(stars="5"), "field stars: '5'"),
    ("yelp2022", REVIEWS, review(stars=0), "field stars: 0"),
    ("yelp2022", REVIEWS, review(user_id=["a"]), r"field user_id: \['a'\] is not an id"),
    ("yelp2022", REVIEWS, review(business_id=True), "field business_id: True is not an id"),
    ("yelp2022", REVIEWS, review(user_id="\ud800"), "is not an id"),
    ("yelp2022", REVIEWS, review(date="99999-01-01"), "field date: '99999-01-01'"),
    ("yelp2022", REVIEWS, "", "yelp2022 holds no ratings"),
    ("yelp2022", USERS, '{"user_id": "a", "yelping', "user.json, line 1 is not JSON"),
    ("yelp2022", USERS, '{"user_id": {}}\n', "user.json, line 1, field user_id"),
    ("yelp2022", USERS, YELP[USERS] * 2, "field user_id has 'a' twice"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,5,9\nb,y,2,1,9\n", "Row #2: Expected 4 columns, got 5"),  # every row
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,5\nb,y,2,1,9\n", "Row #3: Expected 4 columns, got 5"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,5\nb,y,2\n", "Row #3: Expected 4 columns, got 3"),
    ("shop.toml", "ratings.csv", (HEADER + "a,x,3,5\n").replace(",", ";"), "no column 'who'. It has: who;what;stars"),
    ("shop.toml", "ratings.csv", "who,what,stars,stars,when\na,x,3,4,5\n", "more than one column 'stars'"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,1e300,5\n", "line 2, column stars: '1e300'"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,0x5,5\n", "line 2, column stars: '0x5'"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,True,5\n", "line 2, column stars: 'True'"),
    ("shop.toml", "ratings.csv", HEADER + 'a,x,"3,5",5\n', "line 2, column stars: '3,5'"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,1.5\n", "column when: '1.5' is not a time in whole seconds"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,2020-09-13 12:26:40\n", "line 2, column when: '2020-09-13 12:26:40' is not a time in whole seconds. Write whole seconds since"),
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,1700000000000000000\n", "is not a time in whole seconds"),
    ("shop.toml", "ratings.csv", HEADER + '"a,x,3,5\nb,y,2,1\n', "Row #2: Expected 4 columns"),  # an open quote
    ("shop.toml", "ratings.csv", HEADER + "a,x,3,5\n\nb,y,3,4\n", "line 3, column who: an id is missing"),
    ("shop.toml", "ratings.csv", (HEADER + "é,x,3,5\n").encode("latin-1"), "is not UTF-8"),
    ("shop.toml", "ratings.csv", HEADER.encode() + b"a,x,3,5\n" * 99_999 + b"\xe9,x,3,5\n", "UTF"),  # far behind
    ("shop.toml", "ratings.csv", (HEADER + "a,x,3,5\n").encode("utf-16"), "is not UTF-8"),
    ("shop.toml", "ratings.csv", "\n\n", "is empty"),
    ("shop.toml", "items.csv", "what,city,kinds,price\nx,Rome,new,1e300\n", "column price: '1e300' is not a finite number"),
    ("shop.toml", "shop.toml", TOML.replace('"what"', '"who"', 1), r"\[ratings\] names the column 'who' twice"),
    ("shop.toml", "shop.toml", TOML.replace('tags = ["kinds"]', 'tags = ["city"]'), "names the column 'city' twice"),
    ("shop.toml", "shop.toml", TOML.replace('["city"]', '["city", "city"]'), "names the column 'city' twice"),
    ("shop.toml", "shop.toml", TOML.replace("[ratings]", '[ratings]\nseparator = ""'), "must be one plain character"),
    ("shop.toml", "shop.toml", TOML.replace("[ratings]", '[ratings]\nseparator = "||"'), "must be one plain character"),
    ("shop.toml", "shop.toml", TOML.replace("[items]", '[items]\ntag_separator = ""'), "tag_separator is empty"),
    ("shop.toml", "shop.toml", "positive = 1" + "0" * 400 + "\n" + TOML, "expected a number"),
    ("shop.toml", "shop.toml", "a = " + "[" * 50_000, "is not valid TOML"),
    ("shop.toml", "shop.toml", "a = " + "1" * 5000, "is not valid TOML"),
    ("shop.toml", "shop.toml", TOML.encode("utf-16"), "is not valid TOML"),
    ("shop.toml", "shop.toml", 'name = ""\n' + TOML, "a name begins with a letter or digit"),
    ("shop.toml", "shop.toml", 'name = "a\\u001b[31m"\n' + TOML, "a name begins with"),  # would colour a terminal
    ("shop.toml", "shop.toml", 'name = "<script>alert(1)</script>"\n' + TOML, "a name begins with"),
    ("shop.toml", "shop.toml", 'name = "a<b>"\n' + TOML, "a name begins with"),
    ("shop.toml", "shop.toml", 'name = "=cmd()"\n' + TOML, "a name begins with"),
    ("shop.toml", "shop.toml", 'name = "../../a"\n' + TOML, "a name begins with"),
    ("shop.toml", "shop.toml", TOML.replace("ratings.csv", "a" * 5000), "which is not at"),
    ("shop.toml", "shop.toml", TOML.replace("ratings.csv", "http://localhost/r.csv"), "which is not at"),
    ("shop.toml", "shop.toml", '[[ratings]]\npath = "x"\n', "must be a table"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "file", "content", "message"), REFUSED)
def test_a_malformed_file_ends_in_a_message_with_its_place(
    tmp_path: Path, source: str, file: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(CtrnbError, match=message) as caught:
        read(tmp_path, source, {file: content})
    assert "\n" not in str(caught.value)


COUNTED = [
    ("ml-1m", {"ratings.dat": "1::10::5::100\n1::10::3::50\n"}, {"duplicate ratings of one pair": 1}),
    ("ml-1m", {"users.dat": "1::F::25::3::55455\n"}, {"users without a row of fields": 1}),
    ("ml-1m", {"users.dat": "", "movies.dat": ""}, {"users without a row of fields": 2, "items without a row of fields": 2}),
    ("ml-100k", {"u.item": "10|Toy (1995)|01-Jan-1995||http|0|1\n"}, {"items without a row of fields": 1}),
    ("yelp2022", {REVIEWS: review() + review(stars=None)}, {"reviews without user, business or stars": 1}),
    ("yelp2022", {REVIEWS: review() * 3, USERS: ""}, {"duplicate ratings of one pair": 2, "users without a row of fields": 1}),
    ("shop.toml", {"ratings.csv": HEADER + "a,x,3,5\na,x,4,5\na,z,1,1\n"}, {"duplicate ratings of one pair": 1, "items without a row of fields": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "changed", "dropped"), COUNTED)
def test_what_a_policy_leaves_out_is_counted(tmp_path: Path, source: str, changed: dict, dropped: dict) -> None:
    assert read(tmp_path, source, changed).dropped == dropped


TOLERATED = [
    ("ml-1m", {"ratings.dat": "\n1::10::5::100\n\n  \n1::20::3::101"}, [5, 3]),
    ("ml-1m", {"ratings.dat": "1::10::5::100\r1::20::3::101\r"}, [5, 3]),
    ("ml-1m", {"movies.dat": "10::Toy \x85 Story (1995)::Comedy\n20::Leon (1994)::Crime\n"}, [5, 3, 1]),
    ("ml-100k", {"u.data": ML_100K["u.data"].replace("\n", "\r\n")}, [5, 3, 1]),
    ("yelp2022", {REVIEWS: b"\xef\xbb\xbf" + review().replace("\n", "\r\n\r\n").encode()}, [5]),
    ("yelp2022", {REVIEWS: review(date="0001-01-01T00:00:00")}, [5]),
    ("yelp2022", {BUSINESSES: '{"business_id": "b", "city": 5, "state": {"a": 1}, "categories": ["x"]}\n'}, [5]),
    ("shop.toml", {"ratings.csv": b"\xef\xbb\xbf" + (HEADER + "a,x, 3 ,5\n").replace("\n", "\r\n").encode()}, [3]),
    ("shop.toml", {"ratings.csv": HEADER + '"a, b\nc","x ""y""",3,5\n'}, [3]),
]


@pytest.mark.parametrize(("source", "changed", "ratings"), TOLERATED)
def test_harmless_differences_are_read(tmp_path: Path, source: str, changed: dict, ratings: list[float]) -> None:
    assert read(tmp_path, source, changed).interactions["rating"].tolist() == ratings


def test_ids_of_yelp_may_be_numbers_and_find_their_fields(tmp_path: Path) -> None:
    found = read(tmp_path, "yelp2022", {REVIEWS: review(user_id=7), USERS: '{"user_id": 7, "yelping_since": "2011"}\n'})
    assert found.users.loc["7", "joined"] == "2011"


def test_the_newer_review_does_not_depend_on_the_clocks_zone(tmp_path: Path, monkeypatch) -> None:
    """02:30 is passed twice where clocks are set back."""
    import time

    reviews = review(stars=1, date="2020-10-25 02:59:00") + review(stars=4, date="2020-10-25 03:01:00")
    for zone in ("UTC", "Europe/Berlin", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found = read(tmp_path, "yelp2022", {REVIEWS: reviews})
        assert found.interactions[["rating", "timestamp"]].values.tolist() == [[4, 1603594860]]
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("stars", [[3], [2]], "column stars: list<.*where one value a row is needed"),
        ("who", [{"a": 1}, {"a": 2}], "column who: struct<.*where one value"),
        ("who", ["a", None], "row 2, column who: an id is missing"),
        (
            "who",
            [b"a", b"\xff" * 16],
            r"row 2, column who: b'\\xff.*' is bytes that are not UTF-8. Save the column as text",
        ),
        ("what", pd.Categorical([b"\xff", b"y"]), r"row 1, column what: b'\\xff' is bytes that are not UTF-8"),
        ("who", [b"a", "é".encode()], None),
        ("stars", [np.inf, 2], r"row 1, column stars: .*inf.* is not a finite number"),
        ("stars", ["3", "good"], "row 2, column stars: 'good'"),
        ("when", pd.to_datetime(["2020-01-01", None]), "row 2, column when: a time is missing"),
        (
            "when",
            pd.to_datetime(["2020-01-01 00:00:00", "2020-01-01 00:00:00.9"], format="ISO8601"),
            "row 2, column when: Timestamp.* is not a time in whole",
        ),
        (
            "when",
            [date(2020, 1, 1)] * 2,
            r"row 1, column when: datetime.date.* is not a time in whole seconds. Write whole",
        ),
        ("when", pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True), None),
        ("stars", [Decimal("3.5"), Decimal("2")], None),
        ("when", pd.to_datetime(["2020-01-01", "2021-01-01"]), None),
    ],
)
def test_parquet_columns_of_another_kind(tmp_path: Path, column: str, values, message: str | None) -> None:
    table = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "stars": [3.0, 2.0], "when": [1, 2]})
    table.assign(**{column: values}).to_parquet(tmp_path / "ratings.parquet")
    toml = {"shop.toml": TOML.replace("ratings.csv", "ratings.parquet")}
    if message is None:
        found = read(tmp_path, "shop.toml", toml).interactions
        assert found["rating"].tolist()[1] == 2 and (column != "when" or found["timestamp"].tolist()[0] == 1577836800)
        return
    with pytest.raises(CtrnbError, match=message):
        read(tmp_path, "shop.toml", toml)


@pytest.mark.parametrize(
    ("positive", "middle", "value", "refused"),
    [
        (4, 3, "3.99999999", True),
        (4, 3, "4.00000001", False),
        (4, 3, "3.00000001", True),
        (16777217, 3, "16777216", True),
        (16777217, 3, "16777217", False),
        (0.7, 0.3, "0.3", False),
        (0.7, 0.3, "0.7", False),
    ],
)
def test_a_rating_that_rounding_would_move_is_refused(
    tmp_path: Path, positive: float, middle: float, value: str, refused: bool
) -> None:
    files: dict = {
        "ratings.csv": HEADER + f"a,x,1,5\nb,y,{value},1\n",
        "shop.toml": f"positive = {positive}\nmiddle = [{middle}]\n" + TOML,
    }
    if refused:
        with pytest.raises(
            CtrnbError, match=rf"line 3, column stars: '{value}' differs from positive or middle by less"
        ):
            read(tmp_path, "shop.toml", files)
    else:
        assert read(tmp_path, "shop.toml", files).interactions["rating"].tolist() == [1, np.float32(value)]


def test_ratings_kept_in_32_bits_are_what_they_say(tmp_path: Path) -> None:
    table = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "stars": np.float32([0.7, 0.3]), "when": [1, 2]})
    table.to_parquet(tmp_path / "ratings.parquet")
    toml = "positive = 0.7\nmiddle = [0.3]\n" + TOML.replace("ratings.csv", "ratings.parquet")
    assert len(read(tmp_path, "shop.toml", {"shop.toml": toml}).interactions) == 2


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([["a ", None, ""], [" b", "a"]], [("a",), ("b", "a")]),
        ([[1, None], [2]], [("1",), ("2",)]),
        ([3, 14], [("3",), ("14",)]),
        ([b"a|b", None], [("a", "b"), ()]),
        ([None, "a | b"], [(), ("a", "b")]),
        ([[[1]], [[2]]], "column kinds: list<.*where one value a row is needed"),
        (
            [b"\xff", b"a"],
            "items.parquet, row 1, column kinds: .*xff' is bytes that are not UTF-8. Save the column as text",
        ),
    ],
)
def test_tags_of_a_parquet_file_are_as_those_of_a_csv(tmp_path: Path, values: list, found: list | str) -> None:
    pd.DataFrame({"what": ["x", "y"], "city": "Rome", "kinds": values, "price": 1}).to_parquet(
        tmp_path / "items.parquet"
    )
    toml = {"shop.toml": TOML.replace("items.csv", "items.parquet")}
    if isinstance(found, str):
        with pytest.raises(CtrnbError, match=found):
            read(tmp_path, "shop.toml", toml)
    else:
        assert read(tmp_path, "shop.toml", toml).items["kinds"].tolist() == found


@pytest.mark.parametrize("index", ["who", ["what", "who"]])
def test_a_parquet_file_may_be_written_with_an_index(tmp_path: Path, index: str | list[str]) -> None:
    table = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "stars": [3.0, 2.0], "when": [1, 2]})
    table.set_index(index).to_parquet(tmp_path / "ratings.parquet")
    found = read(tmp_path, "shop.toml", {"shop.toml": TOML.replace("ratings.csv", "ratings.parquet")})
    assert found.users.index.tolist() == ["a", "b"] and found.interactions["rating"].tolist() == [3, 2]


@pytest.mark.parametrize(
    "labels", [[0, 1, 2, 3], [("a", "who"), ("a", "what"), ("b", "stars"), ("b", "when")]], ids=str
)
def test_a_parquet_column_is_named_as_the_file_names_it(tmp_path: Path, labels: list) -> None:
    """Pandas would make whole numbers or tuples of the names again."""
    table = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "stars": [3.0, 2.0], "when": [1, 2]})
    columns = pd.MultiIndex.from_tuples(labels) if isinstance(labels[0], tuple) else labels
    table.set_axis(columns, axis=1).to_parquet(tmp_path / "ratings.parquet")
    toml = TOML.replace("ratings.csv", "ratings.parquet")
    for name, label in zip(table, labels, strict=True):
        toml = toml.replace(f'= "{name}"', f'= "{label}"', 1)
    assert read(tmp_path, "shop.toml", {"shop.toml": toml}).interactions["rating"].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pd.array([1, None], dtype="Int64"), "1"),
        (pd.array([True, None], dtype="boolean"), "True"),
        (pd.array(["a", None], dtype="string"), "a"),
        (pd.Categorical(["a", None]), "a"),
        (pd.to_datetime(["2020-01-01", None]), "2020-01-01"),
        ([date(2020, 1, 1), None], "2020-01-01"),
    ],
    ids=lambda each: str(getattr(each, "dtype", "")),
)
def test_a_category_of_another_kind_is_its_text(tmp_path: Path, values, found: str) -> None:
    items = pd.DataFrame({"what": ["x", "y"], "city": values, "kinds": "", "price": 1})
    items.to_parquet(tmp_path / "items.parquet")
    items = read(tmp_path, "shop.toml", {"shop.toml": TOML.replace("items.csv", "items.parquet")}).items
    assert items.loc["x", "city"] == found and pd.isna(items.loc["y", "city"])


def test_an_id_of_an_item_that_is_no_text_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"what": [b"x", b"\xff"], "city": "Rome", "kinds": "", "price": 1}).to_parquet(tmp_path / "i.parquet")
    with pytest.raises(CtrnbError, match="i.parquet, row 2, column what: .*xff' is bytes that are not UTF-8"):
        read(tmp_path, "shop.toml", {"shop.toml": TOML.replace("items.csv", "i.parquet")})


def test_a_category_that_is_no_text_is_named(tmp_path: Path) -> None:
    items = pd.DataFrame({"what": ["x", "y"], "city": [b"Rome", b"\xff"], "kinds": "", "price": 1})
    items.to_parquet(tmp_path / "items.parquet")
    with pytest.raises(CtrnbError, match="row 2, column city: .*xff' is bytes that are not UTF-8"):
        read(tmp_path, "shop.toml", {"shop.toml": TOML.replace("items.csv", "items.parquet")})


def test_a_parquet_file_or_gzip_cut_anywhere_is_named(tmp_path: Path) -> None:
    whole = io.BytesIO()
    pd.DataFrame({"who": ["a"], "what": ["x"], "stars": [3.0], "when": [1]}).to_parquet(whole)
    for suffix, content in (("parquet", whole.getvalue()), ("csv.gz", gzip.compress((HEADER + "a,x,3,5\n").encode()))):
        toml = {"shop.toml": TOML.replace("ratings.csv", f"ratings.{suffix}")}
        for length in range(0, len(content), max(len(content) // 25, 1)):
            with pytest.raises(CtrnbError, match=f"ratings.{suffix}"):
                read(tmp_path, "shop.toml", toml | {f"ratings.{suffix}": content[:length]})


# Fuzzing: whatever a file holds, it gives ratings that can be encoded, or one message.

FUZZED = [(source, file) for source, files in SOURCES.items() for file in files]
PIECES = st.sampled_from(
    [b"::", *(bytes([sign]) for sign in b"\t,|\n\r\"'{}[]:= 05"), b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\x1f", b"\x85",
     b"nan", b"inf", b"-1", b"1e309", b"9" * 25, b"null", b"true"]
)  # fmt: skip


@pytest.mark.parametrize(("source", "file"), FUZZED)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_file_gives_a_table_or_a_message(tmp_path: Path, source: str, file: str, data: st.DataObject) -> None:
    content = bytearray(SOURCES[source][file].encode("latin-1"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 6))] = data.draw(PIECES | st.binary(max_size=4))
    check(tmp_path, source, file, bytes(content))


@pytest.mark.parametrize(("source", "file"), FUZZED)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_random_bytes_give_a_table_or_a_message(tmp_path: Path, source: str, file: str, content: bytes) -> None:
    check(tmp_path, source, file, content)


def check(folder: Path, source: str, file: str, content: bytes) -> None:
    try:
        found = read(folder, source, {file: content})
    except CtrnbError:
        return
    rating = found.interactions["rating"].to_numpy()
    assert len(rating) and np.isfinite(rating).all()
    assert source == "shop.toml" or ((rating >= 1) & (rating <= 5)).all()
    if file in ("ratings.dat", "u.data"):  # an independent reader, a line at a time
        separator = "::" if file == "ratings.dat" else "\t"
        lines = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r", "\n").split("\n")
        rows = [tuple(int(float(field)) for field in line.split(separator)) for line in lines if line.strip()]
        newest = {(str(user), str(item)): stars for user, item, stars, _ in sorted(rows, key=lambda row: row[3])}
        users, items = found.users.index[found.interactions["user"]], found.items.index[found.interactions["item"]]
        assert dict(zip(zip(users, items, strict=True), rating, strict=True)) == newest


def test_one_class_in_a_part_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    lines = "".join(f"u{n % 20},i{n * 7 % 19},5,{n}\n" for n in range(300))
    ratings = read(tmp_path, "shop.toml", {"ratings.csv": HEADER + lines})
    with pytest.raises(CtrnbError, match="train part holds .* all labelled 1, so its AUC is undefined"):
        encode(curate(ratings, Curation(k=1)))
