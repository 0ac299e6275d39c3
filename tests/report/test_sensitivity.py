"""What the chapter on sensitivity says of elasticities, with and without message passing."""

import pandas as pd
import pytest
from scipy import stats

from ctrnb.report import sensitivity

NEITHER = "no trend beyond chance"


def found(**verdicts: list[str]) -> pd.DataFrame:
    """Return elasticities of the whole gradient with these verdicts by tier, and falling ones of its parts."""
    whole = pd.DataFrame([(tier, said) for tier, own in verdicts.items() for said in own], columns=["tier", "verdict"])
    whole = whole.assign(part="total", by="degree")
    return pd.concat([whole, whole.assign(part="head", verdict="falls"), whole.assign(by="harmonic", verdict="falls")])


def test_base_and_control_both_count_as_without_message_passing() -> None:
    table = found(base=["falls", NEITHER], control=["rises", "falls"], ft=["falls"], ts=["rises"]).query(
        "by == 'degree'"
    )
    assert sensitivity.insight(table) == (
        "a higher degree lowers the gradient in 1 of 2 cases and raises it in 1 with message passing, and lowers it in 2 of 4 "
        "cases and raises it in 1 without (Base and Control)"
    )
    assert sensitivity.insight(table[table["tier"] != "control"]).endswith(
        "in 1 of 2 cases and raises it in 0 without (Base)"
    )


@pytest.mark.parametrize(("falling", "said"), [(15, "do not differ beyond chance"), (2, "differ beyond chance")])
def test_the_shares_are_compared(falling: int, said: str) -> None:
    without = ["falls"] * falling + [NEITHER] * (20 - falling)
    tables = [found(base=without, ft=["falls"] * 15 + ["rises"] * 5)]
    text = sensitivity.compared(tables)
    p_value = stats.fisher_exact([[15, 5], [falling, 20 - falling]]).pvalue
    assert sensitivity.verdict(tables).startswith("Holds in some cases only") and "not independent" in text
    assert f"75 % with message passing and {5 * falling} % without, {said} (" in text and f"p = {p_value:.2g}" in text


def test_nothing_is_compared_where_a_kind_of_tiers_is_missing() -> None:
    assert sensitivity.compared([found(ft=["falls"])]) == ""
    assert sensitivity.verdict([found(ft=["falls"])]).endswith("in every case with message passing.")
    assert sensitivity.verdict([found(ft=["falls"], control=["falls"])]).endswith("this alone is not its doing.")
