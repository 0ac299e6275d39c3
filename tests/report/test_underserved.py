"""What becomes of the group of users served worst, by hand."""

import pandas as pd

from ctrnb.report import underserved
from tests.report.test_groups import cases, part


def measured(excess: list[float], own: list[float]) -> list:
    """Return a part of two models with FT's changes to Base and to the control: of the low group, whose excess is given."""
    both = ("base", "control")
    target = pd.concat([cases(excess, reference=to, underserved="low") for to in both])
    effect = pd.concat([cases(own, reference=to, group="low", seeds=5) for to in both])
    return [part(pd.concat([cases([0.0, 3.0]), cases([0.0, 0.0], tier="control")]), target, effect)]


def test_a_group_left_behind_is_told_with_its_numbers() -> None:
    parts = measured([-2.0, -0.5], [-1.5, 0.5])
    said = underserved.losses(parts).replace("\u00a0", " ")
    assert said.startswith("On d, 3-core FT leaves the users of low activity, those served worst, further behind.")
    assert "is -200.00 to -50.00 points to Base, below zero beyond chance in 1 of 2 and 1 of 2 models" in said
    assert "the gap is wider in 1 of 2 and 0 of 0" in said and "-150.00 (-250.00 to -50.00) (m0)" in said
    table = underserved.losses_table(parts).loc[("d, 3-core", "Base")]
    assert table.tolist() == ["low", "0 / 1 of 2", "0 / 1 of 2", "1 / 0 of 2"]
    assert underserved.losses_table(parts).loc[("d, 3-core", "Control"), "gap: wider / narrower"] == "–"
    assert underserved.look(parts).endswith("FT left it behind on d, 3-core.")


def test_a_group_that_gains_is_not_called_left_behind() -> None:
    parts = measured([0.0, 0.0], [1.5, 0.5])
    target = parts[0][2][1]
    target.loc[target["change"] == 3.0, ["change", "change_low", "change_high"]] = 0.0, -1.0, 1.0
    assert underserved.look(parts) == ""
    assert underserved.losses(parts).startswith("Nowhere is the group served worst seen to fall behind.")
    assert "on d, 3-core in 1 of 2 and 1 of 2 models" in underserved.losses(parts)


def test_what_the_papers_table_4_has_and_we_have_not() -> None:
    parts = measured([0.0, 0.0], [0.0, 0.0])
    assert (
        underserved.scope(parts) == "Not measured here, of the paper's Table 4: ML-1M at k = 6 and Yelp2022 at k = 10."
    )
    for table in parts[0][2]:
        table["dataset"] = "yelp-small"
    assert (
        "On Yelp2022 the paper's Base serves users of high activity worst, ours on d, 3-core (not that dataset) those of "
        in (underserved.scope(parts))
    )
    assert underserved.losses([]) == "Not measured on real ratings."
