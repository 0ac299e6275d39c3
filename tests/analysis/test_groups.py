import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrnb.analysis import groups as gr
from ctrnb.data import Encoded
from ctrnb.errors import ConfigError, MetricError
from ctrnb.evaluation import auc, mci, variance_lmh
from ctrnb.evaluation.per_user import user_auc, weighted_user_auc
from ctrnb.training import RunResult

REPEATS = 60


def run(probability: np.ndarray) -> RunResult:
    return RunResult({}, [], {}, probability.astype(np.float32))


@pytest.fixture(scope="module")
def runs(small: Encoded) -> dict:
    """Base scores at random; FT knows the labels of low users alone; the control is Base."""
    test = small.rows("test")
    label, code = small.label[test], gr.by_activity(small).code[small.user[test]]
    found = {}
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        base = 0.1 * label + rng.uniform(0.0, 0.6, len(test))
        better = np.where(code == 0, 0.2 * label, 0.0)
        found |= {("base", seed): run(base), ("control", seed): run(base), ("ft", seed): run(base + better)}
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_a_users_own_auc_is_auc_of_its_interactions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, user, score = rng.integers(0, 2, 60), rng.integers(0, 9, 60), rng.integers(0, 5, 60) / 4
    found = user_auc(label, score, user, 10)
    for number in range(10):
        own = user == number
        try:
            assert found[number] == pytest.approx(auc(label[own], score[own]))
        except MetricError:
            assert np.isnan(found[number])
    weights = rng.integers(0, 3, 10)
    repeated = np.repeat(found, weights)
    value = weighted_user_auc(label, score, user, 10)(weights)
    assert value == pytest.approx(np.nanmean(repeated)) if not np.isnan(repeated).all() else np.isnan(value)


def test_a_users_own_auc_sees_nothing_of_who_clicks_much() -> None:
    """A score that is the user's rate of clicks separates pairs of two users and no pair of one."""
    user = np.repeat([0, 1], 10)
    label = np.r_[np.repeat([1, 0], [9, 1]), np.repeat([1, 0], [1, 9])]
    score = np.where(user == 0, 0.9, 0.1)
    assert auc(label, score) == pytest.approx(0.9) and user_auc(label, score, user, 2).tolist() == [0.5, 0.5]


def test_effects_are_those_of_the_group_alone(small: Encoded, runs: dict) -> None:
    grouping = gr.by_activity(small)
    draws = gr.draws_by_group(runs, small, grouping, repeats=REPEATS)
    table = gr.effects(draws, grouping, [("ft", "base"), ("control", "base")])
    auc_rows = table[table["metric"] == "auc"].set_index(["tier", "group"])
    test = small.rows("test")
    code = grouping.code[small.user[test]]
    for number, name in enumerate(grouping.labels):
        own = code == number
        before, after = (
            [auc(small.label[test][own], runs[tier, s].probabilities[own]) for s in (0, 1)] for tier in ("base", "ft")
        )
        row = auc_rows.loc["ft", name]
        assert row["change"] == pytest.approx(np.mean(after) - np.mean(before))
        assert row["mci"] == pytest.approx(np.mean([mci(b, a - b) for a, b in zip(after, before, strict=True)]))
        assert row["change_low"] <= row["change"] <= row["change_high"] and row["seeds"] == 2
    assert auc_rows.loc[("ft", "low"), "change"] > 0.1 and auc_rows.loc[("ft", "high"), "change"] == 0
    none = auc_rows.loc["control"]
    assert (none["change"] == 0).all() and (none["verdict"] == "no significant change").all()


def test_a_group_of_fewer_than_ten_test_users_has_no_interval(small: Encoded, runs: dict, recwarn) -> None:
    code = np.ones(len(small.user_side.id_code), np.int8)
    code[np.unique(small.user[small.rows("test")])[:9]] = 0
    grouping = gr.Grouping("own", ("few", "many"), code)
    draws, pairs = gr.draws_by_group(runs, small, grouping, repeats=REPEATS), [("ft", "base")]
    rows = gr.effects(draws, grouping, pairs).set_index(["metric", "group"])
    for metric in gr.METRICS:
        few = rows.loc[metric, "few"]
        assert few["verdict"] == "no significant change" and np.isfinite(few["change"])
        assert few[["change_low", "change_high", "mci_low", "detectable"]].isna().all()
        assert np.isfinite(rows.loc[(metric, "many"), "change_low"])
    assert gr.spreads(draws, grouping, [], pairs)["verdict"].iloc[0] == "no significant change"
    assert gr.targeting(draws, grouping, pairs)["change_verdict"].iloc[0] == "no significant difference"
    assert not recwarn.list


def test_a_smaller_level_widens_the_interval(small: Encoded, runs: dict) -> None:
    grouping = gr.by_activity(small)
    draws = gr.draws_by_group(runs, small, grouping, repeats=REPEATS)
    wide, narrow = (gr.effects(draws, grouping, [("ft", "base")], level=level).iloc[0] for level in (0.01, 0.05))
    assert wide["change_low"] < narrow["change_low"] and wide["change_high"] > narrow["change_high"]


def test_the_spread_is_the_papers_variance_of_the_three_groups(small: Encoded, runs: dict) -> None:
    grouping = gr.by_activity(small)
    draws = gr.draws_by_group(runs, small, grouping, repeats=REPEATS)
    pairs = [("control", "base"), ("ft", "base"), ("ft", "control")]
    table = gr.spreads(draws, grouping, ["base", "control", "ft"], pairs)
    rows = table[table["metric"] == "auc"].set_index(["tier", "reference"])
    assert list(rows.index) == [("base", ""), *pairs]
    of_tier = {
        tier: [variance_lmh(*(draws.values[f"auc:{name}", tier, s] for name in grouping.labels)) for s in (0, 1)]
        for tier in ("base", "control", "ft")
    }
    for (tier, reference), row in rows.iterrows():
        assert row["variance"] == pytest.approx(np.mean(of_tier[tier]))
        if reference:
            assert row["change"] == pytest.approx(np.mean(of_tier[tier]) - np.mean(of_tier[reference]))
    assert rows.loc[("control", "base"), "change"] == 0
    assert rows.loc[("control", "base"), "verdict"] == "no significant change"


def test_one_seed_leaves_the_interval_over_users(small: Encoded, runs: dict) -> None:
    one = {key: value for key, value in runs.items() if key[1] == 0}
    grouping = gr.by_activity(small)
    row = gr.effects(gr.draws_by_group(one, small, grouping, repeats=REPEATS), grouping, [("ft", "base")]).iloc[0]
    assert row["seeds"] == 1 and row["change_low"] < row["change"] < row["change_high"]


def test_a_neighbourhood_is_the_mean_degree_of_ones_training_items(small: Encoded) -> None:
    code = gr.by_neighbourhood(small).code
    train = small.split == 0
    degree = small.train_degree_item
    means = pd.Series(degree[small.item[train]]).groupby(small.user[train]).mean()
    assert means[code[means.index] == 0].max() <= means[code[means.index] == 2].min()
    assert (code[np.setdiff1d(np.arange(len(code)), means.index)] == -1).all()


def test_fields_make_groups_and_an_unknown_field_is_refused(small: Encoded) -> None:
    users = pd.DataFrame({"gender": ["F", "M", None] * 40}).iloc[: len(small.user_side.id_code)]
    grouping = gr.by_field(small, users, "gender")
    assert grouping.labels == ("F", "M") and grouping.code[:3].tolist() == [0, 1, -1]
    assert gr.sizes(small, grouping)["users"].sum() == (grouping.code >= 0).sum()
    with pytest.raises(ConfigError, match="no field 'income'. They have: gender"):
        gr.by_field(small, users, "income")
    named = gr.by_field(small, users.replace("M", "all"), "gender")
    assert named.labels == ("F", "gender = all") and (named.code == grouping.code).all()
    with pytest.raises(ConfigError, match="no user has a value of 'gender'"):
        gr.by_field(small, users.assign(gender=None), "gender")


def test_effort_on_the_underserved_is_told_from_effort_on_all(small: Encoded, runs: dict) -> None:
    grouping = gr.by_activity(small)
    served = {key: value for key, value in runs.items() if key[0] != "ft"}
    test = small.rows("test")
    code, label = grouping.code[small.user[test]], small.label[test]
    for seed in (0, 1):
        score = served["base", seed].probabilities.copy()
        score[code == 1] = np.random.default_rng(seed).uniform(0, 0.6, (code == 1).sum())  # mid users are served worst
        served["base", seed] = run(score)
        served["ft", seed] = run(score + np.where(code == 1, 0.3 * label, 0.0))
        served["ts", seed] = run(score + np.where(code == 2, 0.3 * label, 0.0))
    draws = gr.draws_by_group(served, small, grouping, repeats=REPEATS)
    table = gr.targeting(draws, grouping, [("ft", "base"), ("ts", "base")])
    table = table[table["metric"] == "auc"].set_index("tier")
    assert (table["underserved"] == "mid").all()
    assert table.loc["ft", "change_verdict"] == "more" and table.loc["ft", "mci_verdict"] == "more"
    assert table.loc["ts", "change"] < 0 and table.loc["ts", "change_verdict"] != "more"
    rows = gr.effects(draws, grouping, [("ft", "base")])
    rows = rows[rows["metric"] == "auc"].set_index("group")["change"]
    assert table.loc["ft", "change"] == pytest.approx(rows["mid"] - (rows["low"] + rows["high"]) / 2)
