import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from ctrnb.errors import ConfigError, MetricError
from ctrnb.evaluation import activity_groups, auc, evaluate, group_thresholds, logloss, mci, variance_lmh
from ctrnb.evaluation.metrics import auc_on_device, logloss_on_device
from ctrnb.evaluation.statistics import bootstrap_users, delong, paired_t

EXAMPLES = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=60)


@given(EXAMPLES)
def test_metrics_on_a_device_equal_those_in_numpy(examples: list[tuple[int, int]]) -> None:
    label, score = (np.array(column) for column in zip(*examples, strict=True))
    labels, scores = torch.from_numpy(label), torch.from_numpy(score / 7).float()
    probability = torch.sigmoid(scores)
    assert logloss_on_device(labels, probability) == pytest.approx(logloss(label, probability.numpy()), rel=1e-12)
    if label.min() == label.max():
        with pytest.raises(MetricError, match="clicks"):
            auc_on_device(labels, scores)
    else:
        assert auc_on_device(labels, scores) == auc(label, scores.numpy())
        with pytest.raises(MetricError, match="finite"):
            auc_on_device(labels, scores.where(scores != scores[0], torch.nan))


@given(EXAMPLES)
def test_auc_equals_scikit_learns_with_ties(examples: list[tuple[int, int]]) -> None:
    label, score = (np.array(column) for column in zip(*examples, strict=True))
    if label.min() == label.max():
        with pytest.raises(MetricError, match="clicks"):
            auc(label, score)
    else:
        assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_auc_by_hand() -> None:
    """Pairs of (click, non-click): 0.9 beats 0.4 and 0.5, 0.5 beats 0.4 and ties 0.5: 3.5 of 4."""
    assert auc(np.array([1, 0, 1, 0]), np.array([0.9, 0.4, 0.5, 0.5])) == 3.5 / 4


def test_logloss_equals_scikit_learns(rng=np.random.default_rng(0)) -> None:  # noqa: B008
    label, probability = rng.integers(0, 2, 500), rng.random(500)
    assert logloss(label, probability) == pytest.approx(log_loss(label, probability), rel=1e-12)
    assert np.isfinite(logloss(np.array([1, 0]), np.array([0.0, 1.0])))


@pytest.mark.parametrize(
    ("label", "score"),
    [([1, 0], [np.nan, 0.2]), ([1, 0], [np.inf, 0.2]), ([1, 2], [0.1, 0.2]), ([1, 0, 1], [0.1, 0.2]), ([], [])],
)
def test_undefined_metrics_raise(label: list, score: list) -> None:
    with pytest.raises(MetricError):
        auc(np.array(label), np.array(score))


@pytest.mark.parametrize("probability", [[0.5, 1.5], [np.nan, 0.5], [-0.1, 0.5]])
def test_logloss_refuses_what_is_no_probability(probability: list) -> None:
    with pytest.raises(MetricError):
        logloss(np.array([1, 0]), np.array(probability))


def test_groups_are_tertiles_and_ties_stay_together() -> None:
    degree = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert activity_groups(degree).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    tied = np.array([1, 1, 1, 1, 1, 9])
    assert len(set(activity_groups(tied)[:5])) == 1
    assert group_thresholds(degree, (0.25, 0.5)) == (3.0, 5.0)
    with pytest.raises(ConfigError):
        group_thresholds(degree, (0.7, 0.2))


def test_evaluation_by_group_and_without_middle_ratings() -> None:
    rng = np.random.default_rng(1)
    label, probability, group = rng.integers(0, 2, 300), rng.random(300), rng.integers(0, 3, 300)
    middle = rng.random(300) < 0.3
    found = evaluate(label, probability, middle, group)
    assert found["auc_strong"] == pytest.approx(roc_auc_score(label[~middle], probability[~middle]))
    assert found["auc_mid"] == pytest.approx(roc_auc_score(label[group == 1], probability[group == 1]))
    assert found["undefined"] == {}


def test_an_undefined_metric_is_none_with_its_reason() -> None:
    found = evaluate(np.array([1, 0, 1]), np.array([0.6, 0.4, 0.5]), np.zeros(3, bool), np.array([0, 0, 2]))
    assert found["auc_high"] is None and "clicks" in found["undefined"]["auc_high"]
    assert found["auc_mid"] is None and found["auc_low"] == 1.0


@pytest.mark.parametrize(
    ("groups", "printed"),
    [((76.51, 79.91, 83.24), 11.30), ((77.02, 80.34, 83.50), 10.48), ((79.34, 78.52, 76.14), 2.77)],
)
def test_variance_agrees_with_table_4(groups: tuple[float, ...], printed: float) -> None:
    """Cells of Table 4 are rounded to 0.01, so the variance is known to about 0.05."""
    assert variance_lmh(*(each / 100 for each in groups)) == pytest.approx(printed, abs=0.05)


def test_mci_by_hand_and_its_domain() -> None:
    assert mci(0.8, 0.1) == pytest.approx(np.log(0.2 / 0.1))
    assert mci(0.8, -0.1) == pytest.approx(np.log(0.2 / 0.3))
    assert mci(np.array([0.5, 0.8]), 0.0).tolist() == [0.0, 0.0]
    with pytest.raises(MetricError, match="fractions"):
        mci(82.2, 0.3)


def test_delong_equals_the_sums_of_its_definition() -> None:
    rng = np.random.default_rng(2)
    label = rng.integers(0, 2, 60)
    a, b = (np.round(label * 0.5 + rng.normal(size=60), 1) for _ in range(2))

    def wins(score: np.ndarray) -> np.ndarray:
        clicks, others = score[label == 1], score[label == 0]
        return (clicks[:, None] > others) + 0.5 * (clicks[:, None] == others)

    gap = wins(a) - wins(b)
    m, n = gap.shape
    variance = gap.mean(axis=1).var(ddof=1) / m + gap.mean(axis=0).var(ddof=1) / n
    found = delong(label, a, b)
    assert found.estimate == pytest.approx(roc_auc_score(label, a) - roc_auc_score(label, b))
    assert found.high - found.estimate == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.estimate) / np.sqrt(variance)))


def test_bootstrap_finds_a_difference_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(3)
    label, user = rng.integers(0, 2, 4000), rng.integers(0, 200, 4000)
    good, bad = label + rng.normal(size=4000), label + 3 * rng.normal(size=4000)
    found = bootstrap_users(label, good, bad, user, seed=0, repeats=100)
    assert found.low > 0 and found.low < found.estimate < found.high
    same = bootstrap_users(label, good, good, user, seed=0, repeats=20)
    assert same.estimate == same.low == same.high == 0


def test_bootstrap_over_single_interactions_agrees_with_delong() -> None:
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 3000)
    a, b = label + rng.normal(size=3000), label + rng.normal(size=3000)
    one, other = bootstrap_users(label, a, b, np.arange(3000), seed=0, repeats=400), delong(label, a, b)
    assert (one.high - one.low) == pytest.approx(other.high - other.low, rel=0.15)


def test_paired_t_equals_scipys() -> None:
    a, b = np.array([0.82, 0.83, 0.81, 0.825]), np.array([0.815, 0.826, 0.811, 0.82])
    reference = stats.ttest_rel(a, b)
    found = paired_t(a, b)
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()))
    with pytest.raises(MetricError):
        paired_t(a[:1], b[:1])
