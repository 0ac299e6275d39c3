"""Section 4.4's MCI: its conditions on the cells of Table 4, and to whom effort goes (Figure 5)."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import DOES_NOT_HOLD, HOLDS, Decision, by_proof, illustrated, unchecked
from ctrnb.audit.density import more_model_dependent
from ctrnb.audit.rules import (
    HALF_AUC,
    LEVEL,
    changes,
    depends_on_model,
    every,
    join,
    most,
    named,
    readings,
    sign_test,
)
from ctrnb.audit.underserved import GROUPS, POLARISATION, STATED_LOWEST, UNDERSERVED, cells
from ctrnb.evaluation import mci


def groups() -> pd.DataFrame:
    """Return Table 4's groups with their MCI in nats and by how much rounding allows it to be off."""
    found = paper.activity_groups()
    value = mci(found["base"] / 100, found["absolute"] / 100)
    room = [(100 - found[name]) / HALF_AUC for name in ("base", "value")]
    return found.assign(mci=value, slack=1 / room[0] + 1 / room[1])


def by_group(column: str) -> pd.DataFrame:
    """Return a column of :func:`groups` with a column a group, indexed by dataset, k, model, tier."""
    return groups().pivot(index=["dataset", "k", "model", "tier"], columns="group", values=column)


def underserved(wide: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return the column of each row's under-served group, and the columns of the others."""
    lowest = [STATED_LOWEST[dataset] for dataset in wide.index.get_level_values("dataset")]
    own = pd.Series([row[name] for (_, row), name in zip(wide.iterrows(), lowest, strict=True)], wide.index)
    others = wide.mask(np.array([[column == name for column in wide.columns] for name in lowest]))
    return own, others


def ahead(wide: pd.DataFrame, slack: pd.DataFrame, *, least: bool = False) -> tuple[pd.Series, pd.Series]:
    """Return by how much the under-served group's value is the largest of the three (or the least), and what rounding allows."""
    own, others = underserved(wide)
    rival = others.min(axis=1) if least else others.max(axis=1)
    own_slack, other_slack = underserved(slack.reindex(wide.index))
    return (rival - own) * (1 if least else -1), own_slack + other_slack.where(others.eq(rival, axis=0)).max(axis=1)


def greatest_effort(column: str = "mci", dataset: str | None = None) -> Decision:
    """Decide whether the under-served group has the largest MCI (or change in AUC) of the three groups."""
    wide = by_group(column)
    room = by_group("slack") if column == "mci" else wide * 0 + 2 * HALF_AUC
    margin, slack = ahead(wide, room)
    keep = margin.index.get_level_values("dataset").isin([dataset] if dataset else paper.DATASETS)
    own = underserved(wide)[0]
    losing = int(((own < 0) & (margin > 0))[keep].sum())
    what = f"models and tiers whose under-served group has the largest {'MCI' if column == 'mci' else 'change in AUC'}"
    unit = "nats" if column == "mci" else "percent points"
    note = f"in {losing} of these it is merely the smallest loss" if losing else ""
    frame = cells(group=GROUPS, tier=("FT", "TS"))
    return every(margin[keep], frame, what, unit=unit, slack=slack[keep], note=note)


def greatest_effort_everywhere() -> Decision:
    return greatest_effort()


def greatest_gain_everywhere() -> Decision:
    return greatest_effort("absolute")


def pairs_of_equal_change() -> pd.DataFrame:
    """Return pairs of Table 4's cells with the same printed change and other baselines, the lower baseline first."""
    found = paper.with_base(cells(tier=("Base", "FT", "TS")))
    found = found[found["group"] != "Var"].assign(change=lambda each: each["absolute"].round(6)).reset_index(drop=True)
    both = found.merge(found, on="change", suffixes=("_1", "_2"))
    both = both[(both["base_1"] < both["base_2"]) & (both["change"] != 0)]
    for side in ("_1", "_2"):
        both[f"mci{side}"] = np.abs(mci(both[f"base{side}"] / 100, both["change"] / 100))
    return both.reset_index(drop=True)


def every_pair(pairs: pd.DataFrame, right: pd.Series, what: str, note: str = "") -> Decision:
    """Return of how many pairs of Table 4's cells a statement is true; the exceptions are named, or all if there is none."""
    keys = ["dataset", "k", "model", "tier", "group"]
    deciding = pairs[right if right.all() else ~right]
    sides = [deciding[[f"{key}_{side}" for key in keys]].set_axis(keys, axis=1) for side in (1, 2)]
    found = named(cells(), pd.MultiIndex.from_frame(pd.concat(sides)))
    evidence = join(f"pairs of Table 4's cells with {what}: {int(right.sum())} of {len(pairs)}", note)
    return Decision(HOLDS if right.all() else DOES_NOT_HOLD, evidence, "every comparison", found)


@UNDERSERVED.claim("relative", "MCI, motivation", "Relative change makes a gain look larger where the baseline is low.")
def relative_amplifies() -> Decision:
    pairs = pairs_of_equal_change()
    right = pairs["relative_percent_1"].abs() > pairs["relative_percent_2"].abs()
    shown = every_pair(pairs, right, "equal change whose lower baseline has the larger relative change")
    return illustrated(by_proof("a theorem, condition (iii) for c/p", "mci.examples"), shown)


UNDERSERVED.unchecked(
    "measures-effort",
    "MCI (also Abstract, Sections 1 and 5)",
    "MCI measures the effort, utility or cost that a model spends on a group.",
    "MCI is a function of two AUCs; no effort (updates, gradients, operations) is reported "
    "that it could be compared with, and every claim of effort rests on it.",
)


@UNDERSERVED.claim("sign", "Equation 10", "MCI has the sign of the change in AUC.")
def sign() -> Decision:
    found = groups().set_index(["dataset", "k", "model", "tier", "group"])
    shown = every(
        np.sign(found["mci"]) == np.sign(found["absolute"]), cells(), "group changes whose MCI has their sign"
    )
    return illustrated(by_proof("a theorem", "mci.sign"), shown)


CASES = {
    "condition-1": ("mci.condition-i-gain", "mci.condition-i-loss", "mci.condition-i-mixed"),
    "condition-2": ("mci.condition-ii-gain", "mci.condition-ii-loss", "mci.condition-ii-mixed"),
    "condition-3": ("mci.condition-iii-gain", "mci.condition-iii-loss", "mci.condition-iii-zero"),
}  # what decides each: for gains, for losses, for a gain against a loss where the change may differ, else for no change


@UNDERSERVED.claim("condition-1", "MCI, condition (i)", "At the same baseline a larger change has a larger MCI.")
def condition_1() -> Decision:
    change, cost = (
        groups().pivot(index=["dataset", "k", "model", "group"], columns="tier", values=name)
        for name in ("absolute", "mci")
    )
    margin = (cost["FT"] - cost["TS"]) * np.sign(change["FT"] - change["TS"])
    margin = margin[change["FT"] != change["TS"]]
    shown = every(margin, cells(), "groups in which the tier with the larger change has the larger MCI", unit="nats")
    return illustrated(by_proof("a theorem", *CASES["condition-1"]), shown)


@UNDERSERVED.claim(
    "condition-2", "MCI, condition (ii)", "At the same new performance a lower baseline has a larger MCI."
)
def condition_2() -> Decision:
    found = groups()
    both = found.merge(found, on="value", suffixes=("_1", "_2"))
    both = both[both["base_1"] < both["base_2"]].reset_index(drop=True)
    shown = every_pair(both, both["mci_1"] > both["mci_2"], "equal new AUC whose lower baseline has the larger MCI")
    return illustrated(by_proof("a theorem", *CASES["condition-2"]), shown)


def larger_at_the_lower_baseline() -> Decision:
    """Return on how many pairs of Table 4's cells condition (iii) is true."""
    pairs = pairs_of_equal_change()
    return every_pair(pairs, pairs["mci_1"] > pairs["mci_2"], "equal change whose lower baseline has the larger |MCI|")


def condition_3() -> Decision:
    return illustrated(by_proof("a theorem", *CASES["condition-3"]), larger_at_the_lower_baseline())


def three_conditions() -> Decision:
    """Decide all three conditions by all their cases; the cells show condition (iii)."""
    cases = [id for ids in CASES.values() for id in ids]
    return illustrated(by_proof("theorems", *cases), larger_at_the_lower_baseline())


def equation_23() -> Decision:
    """Decide the printed difference of two MCI."""
    pairs = pairs_of_equal_change()
    low, high, change = (pairs[name] / 100 for name in ("base_1", "base_2", "change"))
    difference = mci(low, change) - mci(high, change)
    stated = np.log((1 - high) * (1 - low - change) / ((1 - low) * (1 - high - change)))
    right, upside_down = ((difference - sign * stated).abs() <= 1e-12 for sign in (1, -1))
    note = f"that of the ratio upside down: {int(upside_down.sum())}"
    shown = every_pair(pairs, right, "equal change whose difference is the stated logarithm", note)
    return illustrated(by_proof("a step of a proof", "mci.equation-23"), shown)


UNDERSERVED.claim(
    "condition-3", "MCI, condition (iii)", "At the same change a lower baseline has a larger absolute MCI."
)(condition_3)


@UNDERSERVED.claim("dense-improves", "Figure 5", "On ML-1M both FT and TS improve every group.")
def dense_improves() -> Decision:
    found = groups().query("dataset == 'ML-1M'").set_index(["dataset", "k", "model", "tier", "group"])["absolute"]
    return every(found, cells(), "group changes on ML-1M that are gains", unit="percent points", slack=2 * HALF_AUC)


@UNDERSERVED.claim(
    "dense-effort", "Figure 5", "On ML-1M models consistently spend most effort (MCI) on users of low activity."
)
def dense_effort() -> Decision:
    return greatest_effort(dataset="ML-1M")


def overall(dataset: str | tuple[str, ...] = paper.DATASETS) -> pd.Series:
    """Return Table 4's relative changes of the overall AUC in percent, by dataset, k, model and tier."""
    found = changes(4, dataset=dataset, group="Overall").droplevel(["group", "evaluated"])
    return found.reorder_levels(["dataset", "k", "model", "tier"])


@UNDERSERVED.claim("sparse-models", "Figure 5", "On Yelp2022 the effect of message passing depends on the model.")
def sparse_models() -> Decision:
    found = overall("Yelp2022")
    told = ", ".join(f"{model} {tier} {value:+.2f} %" for (_, _, model, tier), value in found.items())
    return depends_on_model(found, cells(dataset="Yelp2022", group="Overall", tier=("FT", "TS")), f"{told}.")


UNDERSERVED.claim("sparse-more-models", "Figure 5", "On Yelp2022 the effect depends more on the model than on ML-1M.")(
    lambda: more_model_dependent(4, "tier", "tiers", group="Overall")
)


def by_reading(margin: pd.Series, slack: pd.Series, side: int, rule: Callable[..., Decision]) -> list[Decision]:
    """Decide a sentence on settings that improve (``side`` 1) or worsen (-1) by each reading of that which has a case.

    A setting is a model and tier; it improves by its overall AUC, in some group, or in every group.
    """
    wide, word = side * by_group("mci").reindex(margin.index), "gain" if side > 0 else "loss"
    changed = side * overall().reindex(margin.index) > 0
    kinds = {
        f"a {word} overall": changed,
        f"a {word} in some group": (wide > 0).any(axis=1),
        f"a {word} in every group": (wide > 0).all(axis=1),
    }
    frame = cells(group=GROUPS, tier=("FT", "TS"))
    return [
        rule(margin[kept], frame, f"of those with {name}", unit="nats", slack=slack[kept])
        for name, kept in kinds.items()
        if kept.any()
    ]


def told_by_reading(what: str, decisions: list[Decision], note: str = "") -> Decision:
    """Return what all readings say; with no case of any there is nothing to say."""
    return readings(what, decisions, note) if decisions else unchecked("no model and tier is a case of it.")


@UNDERSERVED.claim(
    "sparse-effort", "Figure 5", "On Yelp2022 gains mainly go with most effort on users of high activity."
)
def sparse_effort() -> Decision:
    margin, slack = ahead(by_group("mci").xs("Yelp2022", level="dataset", drop_level=False), by_group("slack"))
    what = "models and tiers on Yelp2022 whose High group has the largest MCI"
    return told_by_reading(what, by_reading(margin, slack, 1, most))


@UNDERSERVED.claim(
    "sparse-losses", "Figure 5", "Where message passing harms, the under-served lose least (smallest absolute MCI)."
)
def sparse_losses() -> Decision:
    wide = by_group("mci")
    margin, slack = ahead(wide.abs(), by_group("slack"), least=True)
    harmed = overall().reindex(wide.index) < 0
    lost = int((underserved(wide)[0][harmed] < 0).sum())
    what = "models and tiers whose under-served group has the smallest |MCI|"
    few = sign_test(0, int(harmed.sum())) > LEVEL
    note = f"of the {int(harmed.sum())} with a loss overall the under-served group lost in {lost}"
    note += ", too few to decide by a sign test even if all agree" if few else ""
    return told_by_reading(what, by_reading(margin, slack, -1, every), note)


UNDERSERVED.claim(
    "effort", "Impact on under-served groups", "Message passing gives under-served groups the larger effort."
)(greatest_effort_everywhere)


UNDERSERVED.unchecked(
    "mechanism",
    "Impact on under-served groups",
    "It does so by passing information from well represented users to under-served ones.",
    "a mechanism; no table traces information between users.",
)


UNDERSERVED.unchecked(
    "figure-4",
    "Figure 4",
    "The plot shows MCI for pairs of baseline and change.",
    "a drawing without printed values; the formula is audited above.",
)


@POLARISATION.claim("favoured", "paragraph 2", "The under-served groups' AUC gains the most.")
def favoured() -> Decision:
    return greatest_gain_everywhere()


POLARISATION.claim(
    "effort", "paragraph 2", "MCI shows that message passing gives under-served groups the larger effort."
)(greatest_effort_everywhere)


UNDERSERVED.claim("inherent", "Figure 5, conclusion", "FT and TS alike put the under-served first.")(
    greatest_effort_everywhere
)
