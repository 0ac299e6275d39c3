"""Sections 4.4 and 4.5: user groups, variance and MCI (Table 4, from which Figure 5 is drawn)."""

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section, unchecked
from ctrnb.audit.rules import HALF_AUC, allowed, changes, every, most, named, number, places, select, some

UNDERSERVED = Section("4.4")
POLARISATION = Section("4.5")
GROUPS = paper.GROUPS[1:]
STATED_LOWEST = {"ML-1M": "Low", "Yelp2022": "High"}  # the groups that the paper finds under-served
UNMEASURED = "no outcome beyond AUC and logloss is measured."


def cells(**where: object) -> pd.DataFrame:
    """Return Table 4's cells."""
    return select(paper.table(4), **where)


def lowest(dataset: str) -> Decision:
    """Decide whether the stated group has the lowest AUC in every tier of every model."""
    group = STATED_LOWEST[dataset]
    frame = cells(dataset=dataset, group=GROUPS)
    wide = frame.pivot(index=["dataset", "k", "model", "tier"], columns="group", values="value")
    margin = wide.drop(columns=group).min(axis=1) - wide[group]
    return every(
        margin,
        frame,
        f"models and tiers in which the {group} group has the lowest AUC",
        unit="percent points",
        slack=2 * HALF_AUC,
    )


@UNDERSERVED.claim("lowest-dense", "Table 4", "On ML-1M users of low activity have the lowest AUC.")
def lowest_dense() -> Decision:
    return lowest("ML-1M")


@UNDERSERVED.claim("lowest-sparse", "Table 4", "On Yelp2022 users of high activity have the lowest AUC.")
def lowest_sparse() -> Decision:
    return lowest("Yelp2022")


def decrement(dataset: str, key: str) -> Decision:
    """Decide a stated mean decrement of the under-served group to the overall AUC, in percent of it, for Base."""
    group = STATED_LOWEST[dataset]
    frame = cells(dataset=dataset, group=("Overall", group))
    wide = frame.pivot(index=["model", "tier"], columns="group", values="value")
    relative = 100 * (1 - wide[group] / wide["Overall"])
    base = relative.xs("Base", level="tier")
    points = (wide["Overall"] - wide[group]).xs("Base", level="tier").mean()
    told = ", ".join(f"{model} {value:.2f}" for model, value in base.items())
    stated, slack = paper.TEXT["4.4", key], 2 * HALF_AUC * 100 / wide["Overall"].min()
    alone = ", ".join(base.index[[allowed(stated, value, 0.0) for value in base]])
    if alone and not allowed(stated, base.mean(), slack):
        told += f", of which the stated one is {alone}'s alone"
    note = f"{told}; over Base, FT and TS {places(relative.mean())}; in percent points {places(points)}"
    return number(
        stated,
        base.mean(),
        select(frame, tier="Base"),
        "mean over Base, percent of the overall AUC",
        slack=slack,
        note=note,
    )


@UNDERSERVED.claim(
    "decrement-dense", "Table 4", "On ML-1M users of low activity are 6.9 % below the overall AUC on average."
)
def decrement_dense() -> Decision:
    return decrement("ML-1M", "low-active decrement")


@UNDERSERVED.claim(
    "decrement-sparse", "Table 4", "On Yelp2022 users of high activity are 1.4 % below the overall AUC on average."
)
def decrement_sparse() -> Decision:
    return decrement("Yelp2022", "highly-active decrement")


def base_order() -> pd.Series:
    """Return each Base model's AUC of High less the best of the other groups."""
    wide = cells(tier="Base", group=GROUPS).pivot(index=["dataset", "k", "model"], columns="group", values="value")
    return wide["High"] - wide[["Low", "Mid"]].max(axis=1)


@UNDERSERVED.claim("activity-no-guarantee", "Table 4", "High activity does not guarantee a good prediction.")
def activity_no_guarantee() -> Decision:
    return some(-base_order(), cells(tier="Base", group=GROUPS), "Base models whose High group is not the best served")


def variance_margin() -> pd.Series:
    """Return how far Var(L,M,H) falls from Base to FT and TS, in percent of Base's, from the printed changes."""
    return -changes(4, group="Var").droplevel(["group", "evaluated"])


def variance_reduced() -> Decision:
    return most(
        variance_margin(),
        cells(group="Var", tier=("FT", "TS")),
        "models and tiers with a smaller variance than Base",
        unit="%",
    )


def variance_reduced_everywhere() -> Decision:
    return every(
        variance_margin(),
        cells(group="Var", tier=("FT", "TS")),
        "models and tiers with a smaller variance than Base",
        unit="%",
    )


UNDERSERVED.claim("variance", "Table 4", "FT and TS generally reduce the variance across user groups.")(
    variance_reduced
)


@UNDERSERVED.claim("variance-formula", "Table 4", "Var(L,M,H) is the variance of the three groups' AUC.")
def variance_formula() -> Decision:
    found = paper.recomputed_variances().set_index(["dataset", "k", "model", "tier"])
    apart = (found["recomputed"] - found["printed"]).abs().max()
    note = (
        f"the sample variance (n - 1); the cells as printed give up to {apart:.3f} more or less, which rounding allows"
    )
    return every(found["agrees"], cells(group="Var"), "printed variances that rounded cells allow", note=note)


@UNDERSERVED.claim("variance-equity", "Table 4", "A smaller variance across groups means more equity among users.")
def variance_equity() -> Decision:
    margin = variance_margin()
    change = changes(4, "absolute", group=GROUPS).droplevel("evaluated").unstack("group")
    reduced = margin[margin > 0].index
    lost = (change.loc[reduced] < 0).all(axis=1)
    levelled = [
        f"{dataset} {model} {tier}, whose variance changes by {-margin[dataset, k, model, tier]:.0f} %"
        for dataset, k, model, tier in reduced[lost]
    ]
    found = f"{int(lost.sum())} of {len(reduced)} smaller variances were reached while every group lost"
    told = f"{found} ({'; '.join(levelled)})" if levelled else found
    evidence = f"what counts as equity is a choice of values, which no cell decides; as a caveat, {told}."
    return unchecked(evidence, named(cells(group=GROUPS), reduced[lost]))


UNDERSERVED.unchecked(
    "niche",
    "Under-served groups",
    "Users of niche items are predicted worse, users of popular items better, at any activity.",
    "no result is split by the popularity of items.",
)


UNDERSERVED.unchecked(
    "thresholds",
    "Impact on under-served groups",
    "Users fall into groups of low, medium and high activity by their interactions.",
    "neither the thresholds nor the groups' sizes are given, so Table 4 cannot be rebuilt.",
)


@POLARISATION.claim("favour-active", "paragraph 2", "Models may favour groups of higher activity.")
def favour_active() -> Decision:
    frame = cells(tier="Base", group=GROUPS)
    found = base_order()
    best = (found > 0).groupby(level="dataset").sum()
    return some(
        found,
        frame,
        "Base models whose High group is the best served",
        note=", ".join(f"{name} {n}" for name, n in best.items()),
    )


POLARISATION.unchecked(
    "echo",
    "paragraph 1",
    "Echo chambers reinforce opinions, segregate and polarise, in politics and beyond.",
    "cited from other work; nothing of it is measured here.",
)


@POLARISATION.claim("under-represented", "paragraph 2", "Bias can leave less active users under-represented.")
def under_represented() -> Decision:
    wide = cells(tier="Base", group=GROUPS).pivot(index=["dataset", "model"], columns="group", values="value")
    best = ", ".join(f"{dataset} {model} {group}" for (dataset, model), group in wide.idxmax(axis=1).items())
    return unchecked(f"representation is not measured; the group that Base serves best is: {best}.")


@POLARISATION.claim("bridge", "paragraph 2", "Message passing can narrow the gap between users of different activity.")
def bridge() -> Decision:
    wide = cells(group=GROUPS).pivot(index=["dataset", "k", "model", "tier"], columns="group", values="value")
    gap = (wide.max(axis=1) - wide.min(axis=1)).unstack("tier")
    margin = pd.concat({tier: gap["Base"] - gap[tier] for tier in ("FT", "TS")}, names=["tier"])
    return some(
        margin, cells(group=GROUPS), "models and tiers with a smaller gap between best and worst group than Base"
    )


POLARISATION.unchecked("polarisation", "heading", "Message passing mitigates polarisation.", UNMEASURED)
