import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctrnb.data import Curation, SyntheticConfig, curate, generate, load
from ctrnb.data.yelp import BUSINESSES, REVIEWS, USERS
from ctrnb.errors import ConfigError, DataError

ML_1M = {
    "ratings.dat": "1::10::5::100\n1::20::3::101\n2::10::1::102\n",
    "users.dat": "1::F::25::3::55455\n2::M::56::16::70072-1234\n",
    "movies.dat": "10::Toy Story (1995)::Animation|Comedy\n20::Léon (1994)::Crime\n30::Unrated::Drama\n",
}


def write(folder: Path, files: dict[str, str], encoding: str = "latin-1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))
    return folder


@pytest.mark.parametrize("shape", ["folder", "itself", "zip"])
def test_movielens_1m_is_read_from_folder_and_zip(tmp_path: Path, shape: str) -> None:
    if shape == "zip":
        with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
            for name, text in ML_1M.items():
                archive.writestr(f"ml-1m/{name}", text.encode("latin-1"))
    else:
        write(tmp_path / "ml-1m" if shape == "folder" else tmp_path, ML_1M)
    ratings = load("ml-1m", data_dir=tmp_path)
    assert ratings.interactions["rating"].tolist() == [5, 3, 1]
    assert ratings.users.loc["2"].tolist() == ["M", "56", "16", "700"]
    assert ratings.items.loc["10", "genres"] == ("Animation", "Comedy")
    assert ratings.items["release_year"].tolist() == ["1995", "1994"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2::10::1", "line 2: 3 fields"),
        ("2::10::1::2::3", "line 2: 5 fields"),
        ("2::10::x::2", "line 2, column rating: 'x'"),
        ("2::10::9::2", "line 2, column rating: '9' is out of range"),
        ("2::10::nan::2", "line 2, column rating"),
        ("2,10,4,2", "line 2: 1 fields"),
    ],
)
def test_a_malformed_movielens_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, ML_1M | {"ratings.dat": f"1::10::5::100\n{line}\n"})
    with pytest.raises(DataError, match=message):
        load("ml-1m", data_dir=tmp_path)


def test_an_empty_ratings_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, ML_1M | {"ratings.dat": ""})
    with pytest.raises(DataError, match="ratings.dat holds no ratings"):
        load("ml-1m", data_dir=tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_are_tolerated(tmp_path: Path) -> None:
    write(tmp_path, {name: "\xef\xbb\xbf" + text.replace("\n", "\r\n") for name, text in ML_1M.items()})
    ratings = load("ml-1m", data_dir=tmp_path)
    assert len(ratings.interactions) == 3 and ratings.items.loc["20", "genres"] == ("Crime",)


@pytest.mark.parametrize("name", ["../ratings.dat", "/ratings.dat"])
def test_an_archive_whose_members_leave_it_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
        for each, text in ML_1M.items():
            archive.writestr(name if each == "ratings.dat" else each, text.encode("latin-1"))
    with pytest.raises(DataError, match="leaves the archive"):
        load("ml-1m", data_dir=tmp_path)


def test_an_archive_that_expands_out_of_proportion_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for each, text in ML_1M.items():
            archive.writestr(each, "1::1::5::0\n" * 2_000_000 if each == "ratings.dat" else text)
    with pytest.raises(DataError, match="would expand"):
        load("ml-1m", data_dir=tmp_path)


def test_a_release_cut_short_is_said(tmp_path: Path) -> None:
    write(tmp_path, ML_1M)
    with pytest.warns(UserWarning, match="ratings.dat holds 3 ratings where ml-1m has 1,000,209: it was cut short"):
        load("ml-1m", data_dir=tmp_path)


@pytest.mark.filterwarnings("error")
def test_real_movielens_100k(real_data: Path) -> None:
    ratings = load("ml-100k", data_dir=real_data)
    assert (len(ratings.interactions), len(ratings.users), len(ratings.items)) == (100_000, 943, 1682)
    assert set(ratings.users["age"]) <= {"1", "18", "25", "35", "45", "50", "56"}
    assert ratings.items.loc["1", "genres"] == ("Animation", "Children's", "Comedy")


REVIEW_LINES = [
    {"user_id": "ann", "business_id": "café", "stars": 5.0, "date": "2020-01-01 10:00:00"},
    {"user_id": "ann", "business_id": "café", "stars": 1.0, "date": "2021-01-01 10:00:00"},  # newer: kept
    {"user_id": "ann", "business_id": "bar", "stars": 3.0, "date": "2019-01-01 10:00:00"},
    {"user_id": "bób", "business_id": "café", "date": "2019-01-01 10:00:00"},  # no stars: dropped
    {"user_id": "bób", "business_id": "bar", "stars": 4.0, "date": "2018-06-05 00:00:00"},
]
BUSINESS_LINES = [
    {
        "business_id": "café",
        "name": "Café Ünïcode",
        "city": "Montréal",
        "state": "QC",
        "stars": 4.5,
        "categories": "Coffee & Tea, Food",
    },
    {"business_id": "bar", "name": "Bar", "city": "Tampa", "state": "FL", "stars": 3.0, "categories": None},
    {"business_id": "unseen", "name": "x", "city": "y", "state": "z", "categories": "w"},
]
USER_LINES = [{"user_id": "ann", "yelping_since": "2011-05-06 00:00:00", "average_stars": 5.0}]


def yelp_files(reviews: list[dict] = REVIEW_LINES) -> dict[str, str]:
    tables = {REVIEWS: reviews, BUSINESSES: BUSINESS_LINES, USERS: USER_LINES}
    return {name: "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows) for name, rows in tables.items()}


@pytest.mark.parametrize("shape", ["folder", "tar", "zip"])
def test_yelp_json_lines_become_ratings(tmp_path: Path, shape: str) -> None:
    files = yelp_files()
    if shape == "folder":
        write(tmp_path / "yelp2022", files, "utf-8")
    elif shape == "zip":
        with zipfile.ZipFile(tmp_path / "yelp2022.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(tmp_path / "yelp2022.tar", "w") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    ratings = load("yelp2022", data_dir=tmp_path)
    rows = {
        (ratings.users.index[u], ratings.items.index[i]): r
        for u, i, r in ratings.interactions[["user", "item", "rating"]].itertuples(index=False)
    }
    assert rows == {("ann", "café"): 1.0, ("ann", "bar"): 3.0, ("bób", "bar"): 4.0}
    assert ratings.dropped == {
        "reviews without user, business or stars": 1,
        "duplicate ratings of one pair": 1,
        "users without a row of fields": 1,
    }
    assert ratings.items.loc["café"].tolist() == ["Montréal", "QC", ("Coffee & Tea", "Food")]
    assert ratings.items.loc["bar", "categories"] == ()
    assert ratings.users.loc["ann", "joined"] == "2011" and pd.isna(ratings.users.loc["bób", "joined"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"user_id": "a", "business_id": "b", "stars": 5}\n{"user_id": "a", "busi', "line 2 is not JSON"),
        ('{"user_id": "a", "business_id": "b", "stars": 7}\n', "line 1, field stars: 7"),
        ('{"user_id": "a", "business_id": "b", "stars": 5, "date": "yesterday"}\n', "field date: 'yesterday'"),
        ("[1]\n", "line 1 is not a JSON object"),
    ],
)
def test_a_malformed_yelp_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "yelp2022", yelp_files() | {REVIEWS: text}, "utf-8")
    with pytest.raises(DataError, match=message):
        load("yelp2022", data_dir=tmp_path)


SHOP = Path(__file__).with_name("shop")
TOML = 'name = "shop"\npositive = 3\nmiddle = [2]\n' + (SHOP / "shop.toml").read_text()
ITEMS = (SHOP / "items.csv").read_text()
RATINGS = "who,what,stars,when\na,x,3,5\na,x,1,4\nb,y,2,1\n"


def shop(folder: Path, **files: str) -> Path:
    write(folder, {"shop.toml": TOML, "ratings.csv": RATINGS, "items.csv": ITEMS} | files, "utf-8")
    return folder / "shop.toml"


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    ratings = load(shop(tmp_path))
    assert ratings.interactions["rating"].tolist() == [3.0, 2.0]  # the newer of the two by timestamp
    assert ratings.dropped == {"duplicate ratings of one pair": 1}
    assert ratings.items.loc["x"].tolist() == ["Rome", ("new", "old"), 1.5]
    assert pd.isna(ratings.items.loc["y", "city"]) and np.isnan(ratings.items.loc["y", "price"])
    assert (ratings.positive_threshold, ratings.middle) == (3.0, (2.0,))


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n\r\n", ",,,\n"])
def test_empty_lines_at_the_end_are_left_out(tmp_path: Path, end: str) -> None:
    pd.testing.assert_frame_equal(
        load(shop(tmp_path, **{"ratings.csv": RATINGS + end})).interactions, load(shop(tmp_path)).interactions
    )


@pytest.mark.parametrize(("sign", "said"), [("\t", ""), (";", 'separator = ";"\n')])
def test_a_tsv_is_separated_by_tabs_unless_it_is_said(tmp_path: Path, sign: str, said: str) -> None:
    toml = TOML.replace('path = "ratings.csv"', said + 'path = "ratings.tsv"')
    found = load(shop(tmp_path, **{"shop.toml": toml, "ratings.tsv": RATINGS.replace(",", sign)}))
    assert found.interactions["rating"].tolist() == [3.0, 2.0]


def test_parquet_and_csv_give_the_same_ratings(tmp_path: Path) -> None:
    csv = load(shop(tmp_path))
    pd.read_csv(tmp_path / "ratings.csv").to_parquet(tmp_path / "ratings.parquet")
    parquet = load(shop(tmp_path, **{"shop.toml": TOML.replace("ratings.csv", "ratings.parquet")}))
    pd.testing.assert_frame_equal(csv.interactions, parquet.interactions)


@pytest.mark.parametrize("name", ["R.CSV", "R.CSV.GZ", "R.TSV", "R.TSV.GZ", "R.PARQUET", "r.Parquet", "r.pq", "R.PQ"])
def test_a_suffix_may_be_in_capitals(tmp_path: Path, name: str) -> None:
    csv = load(shop(tmp_path))
    if "p" in name.lower():
        pd.read_csv(tmp_path / "ratings.csv").to_parquet(tmp_path / name)
    else:
        content = RATINGS.replace(",", "\t" if "TSV" in name else ",").encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("GZ") else content)
    (tmp_path / "Shop2.TOML").write_text(TOML.replace("ratings.csv", name))
    pd.testing.assert_frame_equal(load(tmp_path / "Shop2.TOML").interactions, csv.interactions)
    varied = load(f"{tmp_path / 'Shop2.TOML'}:thin=0.5").interactions
    pd.testing.assert_frame_equal(varied, csv.interactions)


def test_a_folder_is_no_table_unless_a_file_of_its_name_is_in_the_data_folder(tmp_path: Path) -> None:
    toml = shop(tmp_path, **{"shop.toml": TOML.replace("ratings.csv", "parts.parquet")})
    (tmp_path / "parts.parquet").mkdir()
    with pytest.raises(DataError, match=r"names 'parts.parquet', and .*parts.parquet is a folder. Name one file"):
        load(toml, data_dir=tmp_path / "data")
    (tmp_path / "data").mkdir()
    pd.read_csv(tmp_path / "ratings.csv").to_parquet(tmp_path / "data" / "parts.parquet")
    assert load(toml, data_dir=tmp_path / "data").interactions["rating"].tolist() == [3.0, 2.0]


def test_a_row_of_a_parquet_file_in_capitals_is_named(tmp_path: Path) -> None:
    pd.read_csv(io.StringIO(RATINGS.replace("2,1", "good,1"))).to_parquet(tmp_path / "R.PQ")
    with pytest.raises(DataError, match="R.PQ, row 3, column stars: 'good'"):
        load(shop(tmp_path, **{"shop.toml": TOML.replace("ratings.csv", "R.PQ")}))


def test_a_parquet_file_of_another_name_is_named_and_a_column_par1_is_none(tmp_path: Path) -> None:
    pd.read_csv(io.StringIO(RATINGS)).to_parquet(tmp_path / "ratings.dat")
    with pytest.raises(DataError, match=r"ratings.dat is a Parquet file. Give it a name that ends in .parquet or .pq"):
        load(shop(tmp_path, **{"shop.toml": TOML.replace("ratings.csv", "ratings.dat")}))
    named = {"shop.toml": TOML.replace("who", "PAR1"), "ratings.csv": RATINGS.replace("who", "PAR1")}
    assert load(shop(tmp_path, **named)).interactions["rating"].tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratings.csv": "who,what,star\n"}, "no column 'stars'. Did you mean 'star'"),
        ({"ratings.csv": ""}, "is empty"),
        ({"ratings.csv": "who,what,stars,when\n"}, "holds no ratings"),
        ({"ratings.csv": "who,what,stars,when\na,x,3,5\nb,y,good,1\n"}, "line 3, column stars: 'good'"),
        ({"ratings.csv": "who,what,stars,when\na,x,nan,5\n"}, "line 2, column stars"),
        (
            {"ratings.csv": 'who,what,stars,when,said\na,x,3,5,"1\n2\n3"\nb,y,good,1,"4\n5"\n'},
            "line 5, column stars: 'good'",
        ),
        ({"ratings.csv": 'who,what,stars,when\n"a\r\n",x,3,5\n\nb,y,2,1\n'}, "line 4, column who: an id is missing"),
        (
            {"ratings.csv": f"who,what,stars,when,said\na,x,3,5,{'a' * 140_000}\nb,y,good,1,\n"},
            "row 2, column stars: 'good'",
        ),
        ({"ratings.csv": "PK\x03\x04who,what"}, "ratings.csv is a zip archive. Unpack it, and name the table"),
        ({"ratings.csv": "who,what,stars,when\na,x,inf,5\n"}, "line 2, column stars: 'inf'"),
        ({"ratings.csv": "who,what,stars,when\n,x,3,5\n"}, "line 2, column who: an id is missing"),
        ({"ratings.csv": "who,what,stars,when\na,x,3,5,6,7\nb,y,1\n"}, "cannot be read|line"),
        ({"items.csv": ITEMS + "x,Oslo,,2\n"}, "has 'x' twice"),
        ({"items.csv": ITEMS.replace("1.5", "cheap")}, "line 2, column price: 'cheap'"),
        ({"shop.toml": TOML.replace("ratings.csv", "absent.csv")}, "absent.csv"),
    ],
)
def test_bad_tables_are_refused_with_their_place(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(shop(tmp_path, **change))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (TOML.replace("positive", "positve"), "no setting 'positve'.*Did you mean 'positive'"),
        (TOML.replace("user =", "usr ="), r"no setting 'usr' in \[ratings\] of .*shop.toml. Did you mean 'user'"),
        (
            TOML.replace('user = "who"', ""),
            r"in \[ratings\] of .*shop.toml lacks user. It needs: path, user, item, rating",
        ),
        (TOML.replace('id = "what"', ""), r"in \[items\] of .*shop.toml lacks id. It needs: path, id"),
        (TOML.replace("[items]", "[users]\n[items]"), r"in \[users\] of .*shop.toml lacks path, id"),
        ("name = 'x'", r"no \[ratings\] table. It needs path, user, item and rating"),
        ("ratings = 'ratings.csv'", r"ratings must be a table, written \[ratings\]"),
    ],
)
def test_a_toml_with_a_key_wrong_is_refused_by_its_place(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(shop(tmp_path, **{"shop.toml": toml}))


def test_an_unknown_dataset_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match="no dataset 'ml1m'. Did you mean 'ml-1m'"):
        load("ml1m")


@pytest.mark.parametrize("density", [0.02, 0.2])
def test_synthetic_size_and_density_are_independent_and_exact(density: float) -> None:
    config = SyntheticConfig(users=300, items=200, density=density)
    frame = generate(config).interactions
    assert len(frame) == round(density * 300 * 200)
    assert not frame.duplicated(["user", "item"]).any()


def test_synthetic_same_seed_same_bytes_and_shares() -> None:
    one, same, other = (generate(SyntheticConfig(seed=s)) for s in (5, 5, 6))
    pd.testing.assert_frame_equal(one.interactions, same.interactions)
    pd.testing.assert_frame_equal(one.items, same.items)
    assert not one.interactions.equals(other.interactions)
    shares = one.interactions["rating"].value_counts(normalize=True)
    assert 0.4 < shares[4.0] + shares[5.0] < 0.7 and 0.15 < shares[3.0] < 0.35
    degree = np.bincount(one.interactions["user"])
    assert degree.max() > 4 * np.median(degree)  # a long tail


def test_synthetic_signal_is_what_a_model_could_know() -> None:
    def item_effect(signal: float) -> float:
        frame = generate(SyntheticConfig(signal=signal, density=0.3)).interactions
        return frame.groupby("item")["rating"].mean().var()

    assert item_effect(0.9) > 4 * item_effect(0.0)


def test_the_last_draw_of_pairs_counts(monkeypatch) -> None:
    config = SyntheticConfig(users=300, items=200, density=0.001)
    frame = generate(config).interactions
    monkeypatch.setattr("ctrnb.data.synthetic.ROUNDS", 1)
    assert generate(config).interactions.equals(frame)


def test_synthetic_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"density=0.9"):
        SyntheticConfig(density=0.9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("tail=nan", "tail=nan: it must be from 0 to 4"),
        ("tail=inf", "tail=inf"),
        ("tail=-1", "tail=-1"),
        ("tail=4.1", "tail=4.1"),
        ("seed=-1", "a seed is 0 or more"),
        ("users=60,items=40,density=0.5,tail=4", "density=0.5, tail=4.0: with so long a tail, .* Use a smaller tail"),
    ],
)
def test_a_tail_that_cannot_be_drawn_is_refused(settings: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(f"synthetic:{settings}")


def test_yelp_small_through_a_toml(real_data: Path) -> None:
    toml = Path(__file__).parents[2] / "book" / "datasets" / "yelp-small.toml"
    statistics = curate(load(toml, data_dir=real_data), Curation(k=3)).statistics()
    assert statistics["interactions"] > 100_000 and statistics["density_percent"] < 1
