import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate, load, training_graph
from ctrnb.data.curate import kcore
from ctrnb.data.ratings import from_columns
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
    "bad", [{"k": 0}, {"seed": -1}, {"fractions": (0.5, 0.5, 0.5)}, {"fractions": (1.0, 0.0, 0.0)}]
)
def test_impossible_curations_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        Curation(**bad)


def test_split_is_a_seeded_partition_of_the_stated_shares() -> None:
    ratings = generate(SyntheticConfig(seed=1))
    one, same, other = (curate(ratings, Curation(k=3, seed=s)) for s in (0, 0, 1))
    counts = one.statistics()
    n = counts["interactions"]
    assert (counts["train"], counts["valid"]) == (int(0.8 * n), int(0.9 * n) - int(0.8 * n))
    assert counts["train"] + counts["valid"] + counts["test"] == n
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert (one.interactions["split"] == same.interactions["split"]).all()


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
