import numpy as np
import pytest

from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate, load
from ctrnb.data.ratings import Sample
from ctrnb.data.variant import split_variant
from ctrnb.errors import ConfigError, DataError


def pairs(curated, part: int | None = None) -> set:
    frame = curated.interactions
    frame = frame if part is None else frame[frame["split"] == part]
    users, items = curated.users.index[frame["user"]], curated.items.index[frame["item"]]
    return set(zip(users, items, strict=True))


def test_thinning_moves_density_and_nothing_else() -> None:
    curation = Curation(k=3, seed=4)
    whole, half, tenth = (curate(load(f"synthetic:thin={share}"), curation) for share in ("1", "0.5", "0.1"))
    plain = curate(load("synthetic"), curation)
    assert pairs(whole) == pairs(plain) and whole.fingerprint == plain.fingerprint
    for part in (1, 2):
        assert pairs(tenth, part) == pairs(half, part) == pairs(plain, part)
    assert pairs(tenth, 0) < pairs(half, 0) < pairs(plain, 0), "a smaller share is part of a larger one"
    n = len(pairs(plain, 0))
    assert len(pairs(tenth, 0)) == pytest.approx(0.1 * n, abs=4 * np.sqrt(0.09 * n))
    assert len(tenth.users) == len(plain.users) and len(tenth.items) == len(plain.items)
    assert tenth.name == "synthetic:thin=0.1"


def test_thinning_takes_users_alike() -> None:
    """Uniform over ratings: what a user keeps is proportional to what it has."""
    curation = Curation(k=3)
    plain, half = (encode(curate(load(name), curation)) for name in ("synthetic", "synthetic:thin=0.5"))
    share = half.train_degree_user.sum() / plain.train_degree_user.sum()
    expected = share * plain.train_degree_user
    chi2 = ((half.train_degree_user - expected) ** 2 / (expected * (1 - share) + 1e-9)).sum()
    assert chi2 == pytest.approx(len(expected), rel=0.25)


def test_cores_of_one_size_keep_their_users_whole() -> None:
    curation = Curation(k=30)
    core = curate(load("synthetic"), curation)
    sample = curate(load("synthetic:interactions=6000"), curation)
    assert len(sample.interactions) == 6000 and pairs(sample) < pairs(core)
    before = {u: len([p for p in pairs(core) if p[0] == u]) for u in sample.users.index[:40]}
    after = {u: len([p for p in pairs(sample) if p[0] == u]) for u in sample.users.index[:40]}
    assert sum(before[u] != after[u] for u in before) <= 1
    with pytest.raises(DataError, match="fewer than interactions=6000000"):
        curate(load("synthetic:interactions=6000000"), curation)


def test_a_sample_has_the_same_users_in_every_split() -> None:
    first, second = (curate(load("synthetic:interactions=6000"), Curation(k=3, seed=seed)) for seed in (0, 5))
    assert pairs(first) == pairs(second) and encode(first).users == encode(second).users
    assert not first.interactions["split"].equals(second.interactions["split"])


def test_a_synthetic_variant_is_the_generators_own() -> None:
    found = load("synthetic:density=0.05,users=90,items=70,signal=0.5,seed=2")
    own = generate(SyntheticConfig(users=90, items=70, density=0.05, signal=0.5, seed=2))
    assert found.interactions.equals(own.interactions) and found.sample == Sample()


def test_names_and_paths_are_told_from_settings() -> None:
    assert split_variant("a/b.toml:thin=0.5,interactions=9") == ("a/b.toml", {"thin": "0.5", "interactions": "9"})
    assert split_variant("C:\\data\\b.toml") == ("C:\\data\\b.toml", {})
    assert split_variant("C:\\data\\b.toml:thin=1") == ("C:\\data\\b.toml", {"thin": "1"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("synthetic:thinn=0.5", "no setting 'thinn'. Did you mean 'thin'"),
        ("ml-1m:density=0.5", "no setting 'density'"),
        ("synthetic:thin=0", "thin=0.0: it is the share"),
        ("synthetic:thin=half", "thin='half'"),
        ("synthetic:interactions=0", "at least 1"),
        ("synthetic:thin=0.5,thin=0.6", "each name once"),
        ("synthetic:density=", "NAME=VALUE"),
        ("synthetic:density=0.9", "density=0.9"),
    ],
)
def test_wrong_settings_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(name)
