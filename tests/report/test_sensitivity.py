"""What the chapter on sensitivity says of elasticities, with and without message passing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctrnb.report import sensitivity
from ctrnb.words import by_chance

NEITHER = "no trend beyond chance"
VALUES = {"falls": -0.1, NEITHER: 0.0, "rises": 0.2}


def found(**verdicts: list[str]) -> pd.DataFrame:
    """Return elasticities of the whole gradient with these verdicts by tier, one model each, and falling ones beside it."""
    whole = pd.DataFrame(
        [(tier, n, said, VALUES[said]) for tier, own in verdicts.items() for n, said in enumerate(own)],
        columns=["tier", "model", "verdict", "value"],
    ).assign(part="total", by="degree", side="user")
    return pd.concat([whole, whole.assign(part="head", verdict="falls"), whole.assign(by="harmonic", verdict="falls")])


def test_base_and_control_both_count_as_without_message_passing() -> None:
    table = found(base=["falls", NEITHER], control=["rises", "falls"], ft=["falls"], ts=["rises"])
    assert sensitivity.insight(table) == (
        "with message passing the gradient falls with degree in 1 of 2 cases and rises in 1; without (Base and Control) it "
        "falls in 2 of 4 cases and rises in 1"
    )
    assert sensitivity.insight(table[table["tier"] != "control"]).endswith(
        "(Base) it falls in 1 of 2 cases and rises in 0"
    )


@pytest.mark.parametrize(
    ("ft", "said"),
    [
        (["falls", "falls"], "Holds. At twice the degree the gradient is, with message passing, 6.7 % smaller"),
        (
            [*["falls"] * 5, NEITHER],
            "Holds on average only. At twice the degree the gradient is, with message passing, 5.6 % smaller (-8",
        ),
        (
            ["falls", NEITHER],
            "Does not hold. At twice the degree the gradient is, with message passing, 3.4 % smaller (-3",
        ),
        (["falls", "rises"], "Does not hold. At twice the degree the gradient is, with message passing, 3.5 % larger"),
    ],
)
def test_the_verdict_follows_the_cases_with_message_passing(ft: list[str], said: str) -> None:
    text = sensitivity.verdict([found(ft=ft, control=["rises", "rises"])])
    assert text.startswith(said) and "without, it is 14.9 % larger" in text
    assert sensitivity.verdict([found(ft=ft)]).endswith(f"over {len(ft)} models on a core, taken as independent.")


def test_the_mean_is_over_models_on_a_core_and_not_over_their_sides_and_tiers() -> None:
    cases = pd.DataFrame({"model": ["a"] * 4 + ["b"], "value": [0.1, 0.1, 0.1, 0.1, 0.3]})
    assert sensitivity.mean_of(cases).estimate == pytest.approx(0.2)
    reference = stats.ttest_1samp([0.1, 0.3], 0.0).confidence_interval()
    assert sensitivity.mean_of(cases).low == pytest.approx(reference.low)
    assert np.isnan(sensitivity.mean_of(cases[:4]).low)


@pytest.mark.parametrize(
    ("falling", "said", "attributed"),
    [
        (15, "do not differ beyond chance", "Nothing shows that to be message passing's doing"),
        (2, "differ beyond chance", "It falls more often with message passing than without"),
        (20, "differ beyond chance", "It falls less often with message passing than without"),
    ],
)
def test_the_shares_are_compared(falling: int, said: str, attributed: str) -> None:
    without = ["falls"] * falling + [NEITHER] * (20 - falling)
    tables = [found(base=without, ft=["falls"] * 15 + ["rises"] * 5)]
    text = sensitivity.compared(tables)
    p_value = stats.fisher_exact([[15, 5], [falling, 20 - falling]]).pvalue
    assert f"75 % with message passing and {5 * falling} % without, {said} (" in text and by_chance(p_value) in text
    assert "not independent" in text and attributed in sensitivity.verdict(tables)


def test_elasticities_are_compared_with_those_of_the_tier_trained_as_long() -> None:
    table = found(base=["rises", "rises"], control=["falls", NEITHER], ft=["falls", "falls"], ts=[NEITHER, "rises"])
    said = "lower with message passing in 2 of 4 pairs; the mean difference is -0.075 (-0.393 to +0.243) over 2 models"
    assert said in sensitivity.paired(table).replace("\u00a0", " ")
    assert sensitivity.paired(table[table["tier"].isin(["ft", "base"])]) == ""


def test_nothing_is_compared_where_a_kind_of_tiers_is_missing() -> None:
    assert sensitivity.compared([found(ft=["falls"])]) == ""


def test_models_that_are_missing_or_were_trained_again_are_named() -> None:
    place = {"dataset": "own", "k": 2, "drop_middle": False}
    trained = {"device": "CPU, 1 threads", "torch": "2.13"}
    rows = pd.DataFrame([place | trained | {"model": "dcnv2", "seeds": 3}])
    ledger = pd.DataFrame([place | trained | {"model": "dcnv2", "seed": seed} for seed in range(5)])
    assert sensitivity.beside_ledger(rows, ledger) == ""
    assert sensitivity.beside_ledger(rows, ledger.assign(k=3, device="GPU")) == ""
    elsewhere = pd.concat([ledger.assign(device="GPU"), ledger.assign(model="afn")])
    assert sensitivity.beside_ledger(rows, elsewhere) == (
        " Of the study's 2 models, DCNv2 alone. These are not the study's own runs: DCNv2 was trained again (CPU, 1 thread, "
        "torch 2.13, 3 seeds), as the weights of the study's own runs (GPU, torch 2.13, 5 seeds) were not kept."
    )


def test_what_the_verdict_rests_on() -> None:
    rows = pd.DataFrame({"model": ["dcnv2", "afn"], "seeds": 3, "device": "CPU, 1 threads"})
    assert sensitivity.judged_on([("own, 2-core", "", rows)], "here") == (
        "Judged by runs on real ratings: own, 2-core (DCNv2, AFN; 3 seeds); all on CPU, 1 thread."
    )
    assert sensitivity.judged_on([], "here") == "Judged by the run of this page alone: here."
