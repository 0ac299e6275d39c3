from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from ctrnb.errors import ConfigError, MetricError
from ctrnb.evaluation import activity_groups, auc, evaluate, group_thresholds, logloss, mci, variance_lmh
from ctrnb.evaluation.mci import mci_or_nan
from ctrnb.evaluation.metrics import auc_on_device, logloss_on_device
from ctrnb.evaluation.statistics import delong, paired_t, placements

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
        with pytest.MonkeyPatch.context() as patch:  # scores stay on the device: auc is for what is undefined
            patch.setattr("ctrnb.evaluation.metrics.auc", None)
            found = auc_on_device(labels, scores)
        assert found == auc(label, scores.numpy())
        with pytest.raises(MetricError, match="finite"):
            auc_on_device(labels, scores.where(scores != scores[0], torch.nan))


FINE = st.lists(st.tuples(st.integers(0, 1), st.floats(-1e6, 1e6, width=32)), min_size=2, max_size=60)


@given(st.one_of(EXAMPLES, FINE))
def test_auc_equals_scikit_learns_with_ties_and_without(examples: list[tuple[int, float]]) -> None:
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


def test_probabilities_are_kept_a_step_of_float32_from_certainty() -> None:
    """On a device too: a click scored 0 and a non-click scored 1 cost log(1e7) each, and the others next to nothing."""
    label, certain = np.array([1, 0, 1, 0]), np.array([0.0, 1.0, 1.0, 0.0])
    expected = (2 * np.log(1e7) - 2 * np.log1p(-1e-7)) / 4
    assert logloss(label, certain) == pytest.approx(expected, rel=1e-9)
    on_device = logloss_on_device(torch.from_numpy(label), torch.from_numpy(certain))
    assert on_device == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("label", "score", "message"),
    [
        ([1, 0], [0.3, np.nan], "score 1 is not finite"),
        ([1, 0], [np.inf, np.nan], "score 0 is not finite"),
        ([1, 2], [0.1, 0.2], "labels must be 0 or 1"),
        ([1, -1], [0.1, 0.2], "labels must be 0 or 1"),
        ([1, 0, 1], [0.1, 0.2], "3 labels for 2 scores"),
        ([0, 1], [0.1, 0.2, 0.3], "2 labels for 3 scores"),
        ([1, 1], [0.1, 0.2], "2 of 2 are clicks"),
        ([0, 0, 0], [0.1, 0.2, 0.3], "0 of 3 are clicks"),
        ([], [], "0 of 0 are clicks"),
    ],
)
def test_undefined_metrics_raise(label: list, score: list, message: str) -> None:
    for metric in (auc, lambda *given: delong(*given, given[1])):
        with pytest.raises(MetricError, match=message):
            metric(np.array(label), np.array(score))


def test_a_baseline_is_checked_as_the_score_is() -> None:
    with pytest.raises(MetricError, match="score 1 is not finite"):
        delong(np.array([1, 0]), np.array([0.1, 0.2]), np.array([0.1, np.nan]))


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        ([0.5, 1.5], "1.5 is not a probability"),
        ([np.nan, 0.5], "nan is not a probability"),
        ([0.5, -0.1, 2.0], "-0.1 is not a probability"),
        ([0.5, -0.1], "-0.1 is not a probability"),
        ([0.0, 1.0, 1.5], "1.5 is not a probability"),
        ([], "no interactions"),
    ],
)
def test_logloss_refuses_what_is_no_probability(probability: list, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        logloss(np.array([1, 0, 1])[: len(probability)], np.array(probability))
    if probability:
        with pytest.raises(MetricError, match="labels"):
            logloss(np.array([2] * len(probability)), np.full(len(probability), 0.5))


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


def test_mci_by_hand() -> None:
    assert mci(0.8, 0.1) == pytest.approx(np.log(0.2 / 0.1))
    assert mci(0.8, -0.1) == pytest.approx(np.log(0.2 / 0.3))
    assert mci(np.array([0.5, 0.8]), 0.0).tolist() == [0.0, 0.0]
    assert type(mci(0.8, 0.1)) is float and isinstance(mci(np.array([0.8]), 0.1), np.ndarray)


@pytest.mark.parametrize(("base", "change"), [(1e-9, 0.5), (1 - 1e-9, -0.5), (0.5, 0.5 - 1e-9), (0.5, -0.5 + 1e-9)])
def test_mci_reaches_up_to_the_ends_of_its_domain(base: float, change: float) -> None:
    assert mci(base, change) == pytest.approx(np.log((1 - base) / (1 - base - change)), rel=1e-6)


@pytest.mark.parametrize(
    ("base", "change"),
    [(82.2, 0.3), (0.0, 0.5), (1.0, -0.5), (-0.5, 0.9), (1.3, -0.9), (0.5, 0.5), (0.5, -0.5), (0.5, 0.7), (0.5, -0.7)],
)
def test_mci_refuses_an_auc_out_of_its_domain_even_one_of_many(base: float, change: float) -> None:
    with pytest.raises(MetricError, match="fractions"):
        mci(base, change)
    with pytest.raises(MetricError, match="fractions"):
        mci(np.array([0.8, base]), np.array([0.1, change]))
    assert np.isnan(mci_or_nan(np.array([0.8, base]), np.array([0.9, base + change]))).tolist() == [False, True]


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
    assert found.estimate - found.low == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.estimate) / np.sqrt(variance)))


def test_placements_are_shares_of_the_other_class() -> None:
    """Clicks at 0.9 and 0.5, others at 0.1, 0.5 and 0.7; a tie counts half."""
    above, below = placements(np.array([True, False, True, False, False]), np.array([0.9, 0.1, 0.5, 0.5, 0.7]))
    assert above.tolist() == pytest.approx([3 / 3, 1.5 / 3])  # non-clicks below each click
    assert below.tolist() == pytest.approx([2 / 2, 1.5 / 2, 1 / 2])  # clicks above each non-click


def test_a_difference_without_variance_is_no_certainty() -> None:
    """Equal scores differ by nothing; perfect and reversed ones by 1, in every pair, and of how many says no variance."""
    label, score = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1, 0.3])
    same, apart, worse = (delong(label, a, b) for a, b in ((score, score), (score, -score), (-score, score)))
    assert (same.estimate, same.low, same.high, same.p_value, same.method) == (0.0, 0.0, 0.0, 1.0, "DeLong")
    assert (apart.estimate, apart.low, apart.high) == (1.0, 1.0, 1.0) and np.isnan(apart.p_value)
    assert worse.estimate == -1.0 and np.isnan(worse.p_value)


def test_paired_t_equals_scipys() -> None:
    a, b = np.array([0.82, 0.83, 0.81, 0.825]), np.array([0.815, 0.826, 0.811, 0.82])
    reference = stats.ttest_rel(a, b)
    found = paired_t(a, b)
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert (found.estimate, found.method) == (pytest.approx((a - b).mean()), "paired t over 4 seeds")
    two = paired_t(a[:2], b[:2])
    assert two.p_value == pytest.approx(stats.ttest_rel(a[:2], b[:2]).pvalue)
    with pytest.raises(MetricError, match="at least two seeds: 1 given"):
        paired_t(a[:1], b[:1])


def test_seeds_that_all_differ_alike_are_no_certainty() -> None:
    """Exactly alike, and alike up to rounding."""
    base = np.array([0.25, 0.5, 0.75])
    assert paired_t(base, base).p_value == 1.0
    for shift in (0.125, -0.125):
        found = paired_t(base + shift, base)
        assert (found.estimate, found.low, found.high) == (shift, shift, shift) and np.isnan(found.p_value)
    assert np.isnan(paired_t(np.array([0.8, 0.81, 0.9]), np.array([0.7, 0.71, 0.8])).p_value)


def test_a_difference_is_a_value() -> None:
    with pytest.raises(FrozenInstanceError):
        paired_t(np.array([0.1, 0.2]), np.array([0.2, 0.4])).estimate = 0.0
