"""Appendix C.2: middle ratings in training and evaluation (Tables 7 and 8)."""

import numpy as np
import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section
from ctrnb.audit.rules import (
    HALF_AUC,
    HALF_CHANGE,
    TINY,
    by_cell,
    changes,
    contrast,
    depends_on_model,
    every,
    gaining,
    select,
    some,
)

SUPERVISION = Section("C.2")
SIMILAR = 5  # percent: what is taken as similar
TOLERANCE = ("4.3", "difference, ML-1M")  # what the paper itself calls a minimal difference between changes, percent


def pairs() -> dict[tuple[str, int], int]:
    """Return the k without middle ratings that Table 7 pairs with each (dataset, k) with them, by order of its rows."""
    table = select(paper.table(7), statistic="density_percent")
    kept, removed = (table[table["trained"] == name] for name in ("all", "middle removed"))
    return {(row.dataset, row.k): other for row, other in zip(kept.itertuples(), removed["k"], strict=True)}


def pairs_back() -> dict[tuple[str, int], int]:
    """Return :func:`pairs` the other way round: the k of the full dataset by dataset and the k without middle ratings."""
    return {(dataset, other): k for (dataset, k), other in pairs().items()}


def paired(series: pd.Series) -> pd.DataFrame:
    """Return a series of Table 8 (or 7) with columns all and removed: by what was trained on, in pairs of like density.

    The pair is named by the k of the full dataset.
    """
    frame = series.rename("value").reset_index()
    back = pairs_back()
    removed = frame["trained"] == "middle removed"
    frame.loc[removed, "k"] = [
        back[key] for key in frame.loc[removed, ["dataset", "k"]].itertuples(index=False, name=None)
    ]
    levels = [name for name in series.index.names if name != "trained"]
    return (
        frame.pivot(index=levels, columns="trained", values="value")
        .rename(columns={"middle removed": "removed"})
        .dropna()
    )


def both_ks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Table 8's cells with the k of their pair, so that both of a pair are named by it."""
    back = pairs_back()
    keys = [(row.dataset, row.k, row.trained) for row in frame.itertuples()]
    return frame.assign(k=[back[dataset, k] if trained == "middle removed" else k for dataset, k, trained in keys])


def sizes() -> pd.DataFrame:
    """Return Table 7's sizes as narrowly as counts and averages together put them.

    Columns: statistic (users, items, interactions, density_percent), dataset, k, trained, low, high.
    """
    wide = paper.possible_statistics(7)
    low, high = wide["low"], wide["high"]
    ends = {"interactions": (low["interactions"], high["interactions"])}
    for name, each in (("users", "interactions_per_user"), ("items", "interactions_per_item")):
        implied = low["interactions"] / high[each], high["interactions"] / low[each]
        ends[name] = np.maximum(low[name], implied[0]), np.minimum(high[name], implied[1])
    (least, most), (users, items) = ends["interactions"], (ends["users"], ends["items"])
    ends["density_percent"] = (
        np.maximum(low["density_percent"], 100 * least / users[1] / items[1]),
        np.minimum(high["density_percent"], 100 * most / users[0] / items[0]),
    )
    parts = {name: pd.DataFrame({"low": one, "high": other}) for name, (one, other) in ends.items()}
    return pd.concat(parts, names=["statistic"]).reset_index()


def apart() -> tuple[pd.Series, pd.Series]:
    """Return by how much a size changes within a pair, in percent, and what rounding allows it to be off."""
    found = sizes().set_index(["statistic", "dataset", "k", "trained"])
    low, high = (paired(found[name]) for name in ("low", "high"))
    least, most = (100 * (a["removed"] / b["all"] - 1) for a, b in ((low, high), (high, low)))
    return (least + most) / 2, (most - least) / 2


@SUPERVISION.claim("densities", "paragraph 1 and Table 7", "Datasets are paired at similar density.")
def densities() -> Decision:
    change, slack = (each.xs("density_percent") for each in apart())
    size = -apart()[0].xs("interactions")
    note = (
        f"densities differ by up to {change.abs().max():.1f} %, as counts and averages give them; "
        f"interactions by {size.min():.0f} to {size.max():.0f} %, which the pairing does not control"
    )
    what = f"pairs whose densities differ by less than {SIMILAR} % of themselves"
    return every(change.abs() < SIMILAR, paper.table(7), what, note=f"{hinging(change, slack)}; {note}")


def hinging(change: pd.Series, slack: pd.Series) -> str:
    """Return how many sizes rounding leaves on either side of what is taken as similar."""
    near = int(((change.abs() - SIMILAR).abs() <= slack).sum())
    return f"rounding leaves {near} of them on either side of that"


@SUPERVISION.claim(
    "isolates",
    "paragraph 1",
    "Comparing within a pair isolates what the reliability of supervision does in training.",
)
def isolates() -> Decision:
    names = ["users", "items", "interactions"]
    change, slack = (each.loc[names] for each in apart())
    spans = change.groupby(level="statistic").agg(["min", "max"])
    note = ", ".join(f"{name} {spans['min'][name]:+.0f} to {spans['max'][name]:+.0f} %" for name in names)
    note = f"without middle ratings {note}: size and population change with the supervision"
    table = both_ks(select(paper.table(7), statistic=tuple(names)))
    what = f"sizes that differ by less than {SIMILAR} % within a pair"
    return every(change.abs() < SIMILAR, table, what, note=f"{hinging(change, slack)}; {note}")


@SUPERVISION.claim(
    "strong-improves", "paragraph 2", "Leaving weak ratings out of training improves AUC on strong ratings."
)
def strong_improves() -> Decision:
    frame = select(paper.table(8), evaluated="middle removed")
    found = paired(by_cell(frame, "value"))
    note = "the two test sets differ, as the data does"
    return every(
        found["removed"] - found["all"],
        both_ks(frame),
        "models, tiers and pairs with a higher AUC when trained without",
        unit="percent points",
        slack=2 * HALF_AUC,
        note=note,
    )


@SUPERVISION.claim("dense-gains", "paragraph 2", "On ML-1M TS gains whether or not weak ratings are trained on.")
def dense_gains() -> Decision:
    return every(
        changes(8, dataset="ML-1M"),
        select(paper.table(8), tier="TS"),
        "gains of TS on ML-1M",
        unit="%",
        slack=HALF_CHANGE,
    )


def tolerance() -> float:
    """Return the difference between relative changes that the paper calls minimal, with rounding of both."""
    return paper.number(paper.TEXT[TOLERANCE]) + 2 * HALF_CHANGE


def beyond(gap: pd.Series) -> str:
    """Return how many differences reach the tolerance only because rounding may have moved them."""
    limit = paper.number(paper.TEXT[TOLERANCE])
    return f"{int(((gap > limit + TINY) & (gap <= tolerance() + TINY)).sum())} of them by rounding only"


@SUPERVISION.claim(
    "dense-stable-evaluation", "paragraph 2", "On ML-1M TS's gain is the same on weak and strong ratings (evaluation)."
)
def dense_stable_evaluation() -> Decision:
    gap = contrast(changes(8, dataset="ML-1M", trained="all"), "evaluated", "all", "middle removed").abs()
    note = (
        f"largest difference {gap.max():.2f} %; {beyond(gap)}; "
        "no table evaluates weak ratings alone: these are all against strong ones"
    )
    return every(
        gap <= tolerance() + TINY,
        select(paper.table(8), tier="TS", trained="all"),
        f"gains that differ by no more than {paper.TEXT[TOLERANCE]} %",
        note=note,
    )


@SUPERVISION.claim(
    "dense-stable-training", "paragraph 2", "On ML-1M TS's gain is the same with and without weak ratings (training)."
)
def dense_stable_training() -> Decision:
    found = paired(changes(8, dataset="ML-1M", evaluated="middle removed"))
    gap = (found["removed"] - found["all"]).abs()
    ratio = (found["removed"] / found["all"]).max()
    frame = both_ks(select(paper.table(8), tier="TS", evaluated="middle removed"))
    note = f"largest difference {gap.max():.2f} %, largest ratio {ratio:.1f}; {beyond(gap)}"
    return every(
        gap <= tolerance() + TINY,
        frame,
        f"pairs whose gains differ by no more than {paper.TEXT[TOLERANCE]} %",
        note=note,
    )


def sparse(gaining: bool) -> pd.Series:
    """Return strong less all ratings' relative change of TS on Yelp2022, trained on all, where TS gains (or loses)."""
    found = changes(8, dataset="Yelp2022", trained="all").unstack("evaluated")
    kept = (found["all"] > 0) == gaining
    return (found["middle removed"] - found["all"])[kept]


@SUPERVISION.claim(
    "sparse-gains", "paragraph 2", "On Yelp2022, where TS gains, strong ratings gain more (trained with weak ones)."
)
def sparse_gains() -> Decision:
    return every(
        sparse(True),
        select(paper.table(8), tier="TS"),
        "gains of TS that are larger on strong ratings",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


@SUPERVISION.claim(
    "sparse-losses", "paragraph 2", "On Yelp2022, where TS loses, strong ratings lose less (trained with weak ones)."
)
def sparse_losses() -> Decision:
    return every(
        sparse(False),
        select(paper.table(8), tier="TS"),
        "losses of TS that are smaller on strong ratings",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


@SUPERVISION.claim(
    "sparse-training", "paragraph 2", "On Yelp2022 training with weak ratings alters what message passing does."
)
def sparse_training() -> Decision:
    found = paired(changes(8, dataset="Yelp2022", evaluated="middle removed"))
    flips = (found["all"] > 0) != (found["removed"] > 0)
    higher = int((found["removed"] > found["all"]).sum())
    note = f"TS's change is higher without them in {higher} of {len(found)} pairs"
    return some(
        flips,
        both_ks(select(paper.table(8), tier="TS", evaluated="middle removed")),
        "pairs in which TS's change turns its sign",
        note=note,
    )


@SUPERVISION.claim("sparse-models", "paragraph 2", "On Yelp2022 the effect depends strongly on the model.")
def sparse_models() -> Decision:
    found = changes(8, dataset="Yelp2022")
    told = ", ".join(f"{model} {share:.0%}" for model, share in gaining(found).items())
    frame = select(paper.table(8), tier="TS", dataset="Yelp2022").dropna(subset=["value"])
    return depends_on_model(found, frame, f"share of cells in which TS gains: {told}.")
