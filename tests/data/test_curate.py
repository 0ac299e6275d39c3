import math
import warnings
from dataclasses import FrozenInstanceError, replace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate, load, training_graph
from ctrnb.data.curate import check_parts, kcore, random_split, thinned, whole_users
from ctrnb.data.ratings import Field, Sample, from_columns
from ctrnb.errors import ConfigError, DataError

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60, unique=True)


def naive_kcore(pairs: list[tuple[int, int]], k: int) -> set[tuple[int, int]]:
    kept = set(pairs)
    while True:
        short = {
            (u, i) for u, i in kept
            if sum(v == u for v, _ in kept) < k or sum(j == i for _, j in kept) < k
        }  # fmt: skip
        if not short:
            return kept
        kept -= short


@given(PAIRS, st.integers(1, 4))
def test_kcore_equals_a_naive_one_and_networkx(pairs: list[tuple[int, int]], k: int) -> None:
    user, item = np.array(pairs).T
    mask = kcore(user, item, k)
    kept = {pair for pair, keep in zip(pairs, mask, strict=True) if keep}
    assert kept == naive_kcore(pairs, k)
    graph = nx.Graph([(("u", u), ("i", i)) for u, i in pairs])
    core = nx.k_core(graph, k)
    assert kept == {(u, i) for u, i in pairs if core.has_edge(("u", u), ("i", i))}


def test_kcore_repeats_until_both_sides_hold() -> None:
    # removing user 3 leaves item 2 with one rating, and only then is user 2 short
    user, item = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 1, 0, 1, 0, 2, 2])
    assert kcore(user, item, 2).tolist() == [True] * 4 + [False] * 3


def test_an_empty_core_says_why() -> None:
    with pytest.raises(DataError, match=r"500-core of .* is empty: the densest user has \d+, the densest item \d+"):
        curate(generate(SyntheticConfig(users=50, items=40, density=0.2)), Curation(k=500))


@pytest.mark.parametrize(
    "bad",
    [
        {"k": 0},
        {"k": -1},
        {"k": 2.5},
        {"k": float("nan")},
        {"seed": 0.5},
        {"seed": -1},
        {"fractions": (0.5, 0.5)},
        {"fractions": (0.25, 0.25, 0.25, 0.25)},
        {"fractions": (0.5, 0.5, 0.5)},
        {"fractions": (0.5, 0.25, 0.125)},
        {"fractions": (1.0, 0.0, 0.0)},
        {"fractions": (math.nan, 0.1, 0.1)},
        {"fractions": (0.8, 0.1, math.nan)},
        {"fractions": (1.5, -1.0, 0.5)},
        {"fractions": (0.8, 0.1, 0.1 + 1e-6)},
    ],
)
def test_impossible_curations_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Curation(**bad)


def test_curations_have_the_papers_defaults_and_take_the_least_values() -> None:
    assert Curation() == Curation(k=6, drop_middle=False, seed=0, fractions=(0.8, 0.1, 0.1))
    Curation(k=1, seed=0, fractions=(0.7, 0.2, 0.1))  # which adds up to 0.9999999999999999
    with pytest.raises(FrozenInstanceError):
        Curation().k = 1


FRACTIONS = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))


@given(st.integers(0, 300), FRACTIONS, st.integers(0, 2**32))
def test_a_split_is_a_partition_cut_at_the_fractions(n: int, parts: tuple[int, int, int], seed: int) -> None:
    """By position in the seeded order: below the first cut training, up to the second validation, then test."""
    fractions = tuple(part / sum(parts) for part in parts)
    found = random_split(n, Curation(seed=seed, fractions=fractions))
    order = np.random.default_rng(seed).permutation(n).tolist()
    cuts = int(fractions[0] * n), int((fractions[0] + fractions[1]) * n)
    expected = [sum(order.index(row) >= cut for cut in cuts) for row in range(n)]
    assert found.tolist() == expected and found.dtype == np.int8


def test_a_split_does_not_follow_the_order_of_the_ratings() -> None:
    """Each part is spread over the rows as a uniform draw is: its mean position is near the middle."""
    split = random_split(10_000, Curation(seed=5))
    for part, share in enumerate((0.8, 0.1, 0.1)):
        rows = np.flatnonzero(split == part)
        assert len(rows) == pytest.approx(share * 10_000)
        assert rows.mean() == pytest.approx(5000, abs=4 * 10_000 / np.sqrt(12 * len(rows)))


def test_split_is_a_seeded_partition_of_the_stated_shares() -> None:
    ratings = generate(SyntheticConfig(seed=1))
    one, same, other = (curate(ratings, Curation(k=3, seed=s)) for s in (0, 0, 1))
    counts = one.statistics()
    n = counts["interactions"]
    assert (counts["train"], counts["valid"]) == (int(0.8 * n), int(0.9 * n) - int(0.8 * n))
    assert counts["train"] + counts["valid"] + counts["test"] == n
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert (one.interactions["split"] == same.interactions["split"]).all()


@pytest.mark.parametrize("column", ["user", "item", "rating", "label", "middle", "split"])
def test_a_fingerprint_sees_every_column(column: str) -> None:
    curated = tiny()
    values = curated.interactions[column].to_numpy().copy()
    values[-1] = ~values[-1] if column == "middle" else 1 - values[-1]
    other = replace(curated, interactions=curated.interactions.assign(**{column: values}))
    assert other.fingerprint != curated.fingerprint == tiny().fingerprint


@pytest.mark.parametrize("side", ["users", "items"])
def test_a_fingerprint_sees_ids_and_fields(side: str) -> None:
    curated, field = tiny(), Field("colour", "categorical")
    table = getattr(curated, side).assign(colour="red")
    fields = {f"{side.removesuffix('s')}_fields": (field,)}
    coloured = replace(curated, **{side: table}, **fields)
    renamed = replace(coloured, **{side: table.rename(index={table.index[0]: "another"})})
    repainted = replace(coloured, **{side: table.assign(colour=["blue"] + ["red"] * (len(table) - 1))})
    retyped = replace(coloured, **{f"{side.removesuffix('s')}_fields": (Field("colour", "tags"),)})
    assert len({each.fingerprint for each in (curated, coloured, renamed, repainted, retyped)}) == 5


def tiny():
    """Twelve users who rate ten items each, curated without a filter; read anew, so that nothing is shared."""
    pairs = [(u, i) for u in range(12) for i in range(10)]
    user, item = (pd.Series(column) for column in zip(*pairs, strict=True))
    rating = np.array([5, 4, 3, 2, 3, 4, 1, 5, 3, 4, 2, 5] * 10)
    return curate(from_columns("hand", user, item, rating, None, None, None), Curation(k=1))


def test_statistics_by_hand() -> None:
    """Where users, items and parts all differ in number."""
    found = tiny().statistics()
    assert (found["interactions_per_user"], found["interactions_per_item"]) == (120 / 12, 120 / 10)
    assert (found["users"], found["items"], found["interactions"]) == (12, 10, 120)
    assert (found["train"], found["valid"], found["test"]) == (96, 12, 12)
    thirds = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 4], "label": [1, 0, 0], "split": [0, 0, 1]})
    sides = {"users": pd.DataFrame(index=["a", "b"]), "items": pd.DataFrame(index=list("vwxyz"))}
    short = replace(tiny(), interactions=thirds, **sides)
    found = short.statistics()
    assert (found["interactions_per_user"], found["interactions_per_item"]) == (3 / 2, 3 / 5)
    assert (found["train"], found["valid"], found["test"]) == (2, 1, 0)
    assert found["density_percent"] == 100 * 3 / 10 and found["positive_rate"] == pytest.approx(1 / 3)
    longer = replace(short, items=pd.DataFrame(index=list("uvwxyz12"))).statistics()
    assert longer["density_percent"] == 100 * 3 / 16  # 18.75
    with pytest.raises(FrozenInstanceError):
        short.name = "other"


def test_rows_keep_their_values_and_sides_their_fields_through_the_filter() -> None:
    """Ids, ratings, middle marks and fields of what remains are those of the source, row by row."""
    ratings = generate(SyntheticConfig(users=60, items=50, density=0.12, seed=2))
    curated = curate(ratings, Curation(k=5))
    assert 0 < len(curated.users) < 60 and len(curated.items) < 50
    source = {(u, i): r for u, i, r in ratings.interactions[["user", "item", "rating"]].itertuples(index=False)}
    frame = curated.interactions
    users, items = (
        ratings.users.index.get_indexer(curated.users.index),
        ratings.items.index.get_indexer(curated.items.index),
    )
    assert [source[users[u], items[i]] for u, i in zip(frame["user"], frame["item"], strict=True)] == frame[
        "rating"
    ].tolist()
    assert (frame["middle"] == frame["rating"].isin(ratings.middle)).all()
    assert curated.users.equals(ratings.users.loc[curated.users.index])
    assert curated.items.equals(ratings.items.loc[curated.items.index])
    assert (curated.user_fields, curated.item_fields) == (ratings.user_fields, ratings.item_fields)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "user": "int32", "item": "int32", "rating": "float32", "label": "int8", "middle": "bool", "split": "int8"
    }  # fmt: skip


def test_middle_ratings_alone_leave_nothing() -> None:
    user, item = (pd.Series(c) for c in zip(*[(u, i) for u in range(8) for i in range(8)], strict=True))
    ratings = from_columns("hand", user, item, np.full(64, 3), None, None, None)
    with pytest.raises(DataError, match="hand: every rating is a middle rating"):
        curate(ratings, Curation(k=1, drop_middle=True))
    with pytest.raises(DataError, match="all labelled 0"):
        curate(ratings, Curation(k=1))


def test_dropping_middle_ratings_where_there_are_none_is_said() -> None:
    ratings = generate(SyntheticConfig(users=60, items=40, density=0.2))
    with pytest.warns(
        UserWarning, match=r"synthetic: no rating is a middle rating \(middle: 2.5, 7\), so that dropping"
    ):
        curate(replace(ratings, middle=(2.5, 7.0)), Curation(k=2, drop_middle=True))
    with warnings.catch_warnings(action="error"):
        curate(ratings, Curation(k=2, drop_middle=True))


def test_an_empty_core_names_the_densest_user_and_item() -> None:
    user, item = pd.Series([0, 0, 0, 1]), pd.Series([0, 1, 2, 0])
    ratings = from_columns("hand", user, item, np.array([5, 4, 3, 2]), None, None, None)
    with pytest.raises(
        DataError, match="4-core of 4 interactions is empty: the densest user has 3, the densest item 2"
    ):
        curate(ratings, Curation(k=4))
    with pytest.raises(DataError, match="4-core of 3 interactions .* densest user has 2, the densest item 2"):
        curate(ratings, Curation(k=4, drop_middle=True))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 40))
def test_a_sample_of_users_takes_them_whole_in_the_seeded_order(user: list[int], wanted: int) -> None:
    codes = np.array(user)
    if wanted > len(user):
        with pytest.raises(DataError, match=f"2-core has {len(user)} interactions, fewer than interactions={wanted}"):
            whole_users(codes, Sample(interactions=wanted), 2)
        return
    place = np.random.default_rng((0, 1)).permutation(max(user) + 1)
    ranked = sorted(range(len(user)), key=lambda row: (place[user[row]], row))
    assert np.flatnonzero(whole_users(codes, Sample(interactions=wanted), 2)).tolist() == sorted(ranked[:wanted])
    assert whole_users(codes, Sample(), 2).all()


@given(st.lists(st.integers(0, 2), max_size=60), st.sampled_from([1e-3, 0.5, 1.0]), st.integers(0, 99))
def test_thinning_spares_what_is_not_trained_on(split: list[int], share: float, seed: int) -> None:
    parts = np.array(split, np.int8)
    kept = thinned(parts, Sample(thin=share), Curation(seed=seed))
    lucky = np.random.default_rng((seed, 2)).random(len(split)) < share
    assert kept.tolist() == [bool(part) or bool(luck) for part, luck in zip(split, lucky, strict=True)]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_every_part_needs_both_classes(part: int) -> None:
    def frame(labels: list[list[int]]) -> pd.DataFrame:
        rows = [(label, number) for number, group in enumerate(labels) for label in group]
        return pd.DataFrame(rows, columns=["label", "split"])

    ratings = generate(SyntheticConfig(users=20, items=20, density=0.2))
    labels = [[0, 1], [1, 0, 0], [0, 1, 1]]
    check_parts(frame(labels), ratings)
    name = ("train", "valid", "test")[part]
    for group, found in (([], "no interactions"), ([1, 1], "2 interactions, all labelled 1"), ([0], "1 .* labelled 0")):
        with pytest.raises(DataError, match=f"synthetic: the {name} part holds {found}.*now 4"):
            check_parts(frame([*labels[:part], group, *labels[part + 1 :]]), ratings)


def test_labels_middle_ratings_and_statistics_by_hand() -> None:
    rating = np.array([5, 4, 3, 2, 3, 4, 1, 5, 3, 4, 2, 5] * 10)
    pairs = [(u, i) for u in range(12) for i in range(10)]
    user, item = (pd.Series(column) for column in zip(*pairs, strict=True))
    ratings = from_columns("hand", user, item, rating, None, None, None)
    curated = curate(ratings, Curation(k=1))
    frame = curated.interactions
    assert (frame["label"] == (frame["rating"] >= 4)).all() and (frame["middle"] == (frame["rating"] == 3)).all()
    statistics = curated.statistics()
    assert statistics["density_percent"] == 100 * 120 / (12 * 10) and statistics["positive_rate"] == 60 / 120
    assert curate(ratings, Curation(k=1, drop_middle=True)).statistics()["interactions"] == 120 - 30


def test_a_part_with_one_class_is_refused() -> None:
    user, item = (pd.Series(c) for c in zip(*[(u, i) for u in range(8) for i in range(8)], strict=True))
    with pytest.raises(DataError, match="all labelled 1"):
        curate(from_columns("hand", user, item, np.full(64, 5), None, None, None), Curation(k=1))


@pytest.mark.parametrize(
    ("k", "drop_middle", "users", "items", "interactions", "density"),
    [
        (3, False, 6040, 3503, 999_917, None),
        (6, False, 6040, 3377, 999_416, 4.90),
        (10, False, 6040, 3260, 998_539, 5.07),
        (19, True, 5655, 2893, 727_220, 4.44),
        (22, True, 5414, 2810, 720_747, 4.74),
    ],
)
def test_movielens_1m_has_the_papers_counts(
    real_data, k: int, drop_middle: bool, users: int, items: int, interactions: int, density: float | None
) -> None:
    """Tables 1 and 7."""
    found = curate(movielens(real_data), Curation(k=k, drop_middle=drop_middle)).statistics()
    assert (found["users"], found["items"], found["interactions"]) == (users, items, interactions)
    if density is not None:
        assert abs(found["density_percent"] - density) < 0.01


def movielens(folder, cache: dict = {}):  # noqa: B006 - read once for all cases
    if "ml-1m" not in cache:
        cache["ml-1m"] = load("ml-1m", data_dir=folder)
    return cache["ml-1m"]


def test_encoding_and_graph_do_not_see_held_out_ratings() -> None:
    curated = curate(generate(SyntheticConfig(users=100, items=60, density=0.1)), Curation(k=2))
    before = encode(curated)
    held_out = curated.interactions["split"] != 0
    curated.interactions.loc[held_out, ["rating", "label"]] = (1.0, 0)
    after = encode(curated)
    for side in ("user_side", "item_side"):
        a, b = getattr(before, side), getattr(after, side)
        assert (a.id_code == b.id_code).all() and (a.categorical == b.categorical).all()
        assert (a.numeric == b.numeric).all() and all((x == y).all() for x, y in zip(a.tags, b.tags, strict=True))
    for edges in ("observed", "positive"):
        one, two = training_graph(before, edges), training_graph(after, edges)
        assert (one.user == two.user).all() and (one.item == two.item).all()


@pytest.mark.parametrize("edges", ["observed", "positive"])
def test_no_validation_or_test_pair_is_an_edge(small, edges: str) -> None:
    graph = training_graph(small, edges)
    linked = set(zip(graph.user.tolist(), graph.item.tolist(), strict=True))
    rows = np.flatnonzero(small.split != 0)
    pairs = zip(
        small.user_side.id_code[small.user[rows]].tolist(),
        small.item_side.id_code[small.item[rows]].tolist(),
        strict=True,
    )
    assert linked and not linked & set(pairs)
    assert graph.degree_user[0] == graph.degree_item[0] == 0


def test_values_without_a_training_interaction_are_out_of_vocabulary() -> None:
    curated = curate(generate(SyntheticConfig(users=400, items=300, density=0.01)), Curation(k=1))
    encoded = encode(curated)
    seen = np.isin(np.arange(len(encoded.user_side.id_code)), encoded.user[encoded.rows("train")])
    assert (~seen).any() and ((encoded.user_side.id_code == 0) == ~seen).all()
    assert sorted(encoded.user_side.id_code[seen]) == list(range(1, encoded.user_side.num_ids))
    known = set(curated.items["category"].iloc[np.unique(encoded.item[encoded.rows("train")])])
    codes = encoded.item_side.categorical[:, 0]
    assert ((codes == 0) == ~curated.items["category"].isin(known).to_numpy()).all()
    numeric = encoded.item_side.numeric[np.unique(encoded.item[encoded.rows("train")]), 0]
    assert abs(numeric.mean()) < 1e-6 and abs(numeric.std() - 1) < 1e-5
