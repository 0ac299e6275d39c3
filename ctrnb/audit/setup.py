"""Section 4.1 and Tables 1 and 7: datasets, densities, models, protocol."""

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section, unchecked
from ctrnb.audit.rules import changes, contrast, every, misprint, named, necessary, number, select

SETUP = Section("4.1")
TABLE_1 = Section("Table 1")
TABLE_7 = Section("Table 7")


def statistic(name: str, source: int = 1) -> pd.Series:
    """Return one statistic of Table 1, or of Table 7's full datasets, by dataset and k."""
    frame = select(paper.table(source), statistic=name)
    return (select(frame, trained="all") if "trained" in frame else frame).set_index(["dataset", "k"])["value"]


def steps(series: pd.Series) -> pd.Series:
    """Return the rise from each k to the next within a dataset, indexed by the later k."""
    return series.sort_index().groupby(level="dataset").diff().dropna()


@SETUP.claim("movielens", "Datasets", "MovieLens-1M holds about 1M ratings by 6K users of 4K movies.")
def movielens() -> Decision:
    found = select(paper.table(7), dataset="ML-1M", k=1)
    words = {"interactions": "ratings", "users": "users", "items": "movies"}
    values = found.set_index("statistic")["value"]
    stated = pd.Series({name: paper.TEXT["4.1", f"MovieLens-1M {word}"] for name, word in words.items()})
    agree = (values[stated.index] - stated.map(paper.number)).abs() <= stated.map(paper.half_unit)
    counts = ", ".join(f"{values[name]:.0f} {word}" for name, word in words.items())
    cells, note = select(found, statistic=tuple(words)), f"Table 7's 1-core has {counts}"
    return every(agree.rename_axis("statistic"), cells, "counts that round to the stated ones", note=note)


@SETUP.claim("distinct", "Datasets", "The two datasets differ clearly in global density: ML-1M dense, Yelp2022 sparse.")
def distinct() -> Decision:
    density = statistic("density_percent")
    sparse = density["Yelp2022"].max()
    margin = select_level(density, "ML-1M") - sparse
    ratio = density["ML-1M"].min() / sparse
    cells = select(paper.table(1), statistic="density_percent")
    return every(
        margin,
        cells,
        "ML-1M's cores denser than Yelp2022's densest",
        unit="percent points",
        note=f"at least {ratio:.0f} times",
    )


def select_level(series: pd.Series, dataset: str) -> pd.Series:
    """Return a dataset's part of a series by dataset and k, both levels kept."""
    return series[series.index.get_level_values("dataset") == dataset]


def k_raises_density() -> Decision:
    cells = select(paper.table(1), statistic="density_percent")
    return every(
        steps(statistic("density_percent")), cells, "rises in density from one k to the next", unit="percent points",
        note="of every dataset's cores it is a theorem, kcore.density",
    )  # fmt: skip


@SETUP.claim("k-local", "Datasets", "The larger k, the denser the data around a user and an item.")
def k_raises_local_density() -> Decision:
    names = ("interactions_per_user", "interactions_per_item")
    cells = select(paper.table(1), statistic=names)
    rises = pd.concat({name: steps(statistic(name)) for name in names}, names=["statistic"])
    before = pd.concat({name: statistic(name) for name in names}, names=["statistic"]) - rises  # at the smaller k
    what = "rises of the mean interactions a user or item from one k to the next"
    return every((100 * rises / before).dropna(), cells, what, unit="%")


@SETUP.claim("six-models", "Baselines", "Six baseline models are compared.")
def six_models() -> Decision:
    table = paper.table(2)
    cells = select(table, tier="Base", dataset="ML-1M", k=3)
    return number(paper.TEXT["4.1", "models"], table["model"].nunique(), cells, "models in Table 2")


@SETUP.claim(
    "tiers",
    "Three tiers (also Section 4.3)",
    "The three tiers integrate message passing at increasing levels; TS is the most comprehensive.",
)
def tiers() -> Decision:
    ahead = contrast(changes(3), "tier", "FT", "TS") > 0
    return unchecked(
        "no measure of integration is reported, and FT and TS have the same encoder; by what they gain the order is "
        f"another: FT is ahead of TS in {int(ahead.sum())} of {len(ahead)} cells of Table 3."
    )


SETUP.unchecked(
    "state-of-the-art",
    "Baselines",
    "The six baselines are the state of the art of feature interaction models.",
    "no model outside the six is measured.",
)


SETUP.unchecked(
    "families",
    "Baselines",
    "AutoInt and FinalMLP stand for attention, EulerNet and AFN for architectures that are designed automatically.",
    "a description without numbers, at odds with Appendix B, where FinalMLP is a fully connected structure, "
    "AFN a logarithmic transformation and EulerNet one of complex features, "
    "and with A.1, which puts AutoInt beside EulerNet.",
)


SETUP.unchecked(
    "modelling-bias",
    "Baselines",
    "Models with other objectives would confound the effect of connectivity.",
    "no such model is measured.",
)


SETUP.unchecked(
    "seeds",
    "Datasets",
    "Every number is an average over five seeds.",
    "no table gives a spread over seeds, a standard error or a test, "
    "so none of its differences can be set against chance.",
)


SETUP.unchecked(
    "threshold",
    "Datasets",
    "Ratings become labels by a threshold, and middle ratings are weak or noisy supervision.",
    "neither the threshold nor which ratings are in the middle is given, and noise of labels is not measured.",
)


SETUP.unchecked(
    "split", "Datasets", "The data is split at random 0.8/0.1/0.1.", "no table gives the sizes of the parts."
)


SETUP.unchecked(
    "regularisation",
    "Training configurations (also Equation 3)",
    "Models are trained with the L2 penalty of Equation 3 and by AdamW.",
    "two regularisations: AdamW shrinks weights outside the loss, while the gradient of Equation 3's penalty passes "
    "through Adam's scaling; neither coefficient is given, nor whether both were in force, and no result tells them apart.",
)


SETUP.unchecked(
    "grid-search",
    "Training configurations",
    "The baselines' settings are the best of a grid search on validation AUC.",
    "neither grids nor chosen settings nor validation values are given.",
)


@TABLE_1.claim(
    "items", "row of ML-1M at k = 6", "The item counts agree with users and averages: 34K items at k = 6 on ML-1M."
)
def items() -> Decision:
    found = paper.implied_items()
    wrong = found[~found["agrees"]]
    cells = select(paper.table(1), statistic=("items", "users", "interactions_per_user", "interactions_per_item"))
    if wrong.empty:
        told = "every item count lies where users and averages put it."
        return misprint(False, True, select(cells, statistic="items"), told)
    tenth = wrong["printed"] / 10
    mended = bool(tenth.between(wrong["low"], wrong["high"]).all())
    told = "; ".join(
        f"{row.dataset}, k = {row.k}: printed {row.printed:.0f}, "
        f"users and averages imply {row.low:.0f} to {row.high:.0f}"
        for row in wrong.itertuples()
    )
    rows = pd.MultiIndex.from_frame(wrong[["dataset", "k"]])
    decided = misprint(True, mended, cells.iloc[:0], f"{told}; a tenth of it would agree: {'yes' if mended else 'no'}.")
    return Decision(decided.verdict, decided.evidence, decided.method, named(cells, rows))


def statistics_follow(source: int) -> Decision:
    """Decide whether a table's averages and densities follow from its counts; rows of a misprinted count left out."""
    found = paper.recomputed_statistics(source)
    keys = [name for name in ("dataset", "k", "trained", "statistic") if name in found]
    margin = found.set_index(keys)["agrees"]
    if source == 1:
        wrong = paper.implied_items().query("~agrees").set_index(["dataset", "k"]).index
        margin = margin[~margin.index.droplevel("statistic").isin(wrong)]
        note = f"rows with a misprinted item count left out: {len(wrong)}"
    else:
        note = ""
    return every(margin, paper.table(source), "averages and densities that their counts allow", note=note)


def averages_at_least_k(*sources: int) -> Decision:
    """Decide by a necessary condition whether k is the least number of interactions: no average may lie below it."""
    names = ("interactions_per_user", "interactions_per_item")
    frame = pd.concat([select(paper.table(source), statistic=names) for source in sources])
    found = frame.set_index(["table", "dataset", "k", "statistic"])["value"]
    margin = found - found.index.get_level_values("k") + 0.05
    tables = " and ".join(f"Table {source}" for source in sources)
    what = f"averages of {tables} that are at least k, as they then must be"
    return necessary(margin > 0, frame, what, "no table gives the least number itself")


TABLE_1.claim("least", "caption", "k is the least number of interactions of a user and of an item.")(
    lambda: averages_at_least_k(1)
)


@TABLE_1.claim(
    "density", "caption", "Density is interactions over users times items; the averages follow from the counts too."
)
def density_formula() -> Decision:
    return statistics_follow(1)


@TABLE_7.claim("statistics", "cells", "Averages and densities follow from the counts.")
def paired_statistics() -> Decision:
    return statistics_follow(7)


@TABLE_7.claim("as-table-1", "cells", "Datasets with middle ratings kept are those of Table 1.")
def as_table_1() -> Decision:
    full = select(paper.table(7), trained="all")
    both = paper.table(1).merge(full, on=["dataset", "k", "statistic"], suffixes=("_1", "_7"))
    half = both[["printed_1", "printed_7"]].map(paper.half_unit).sum(axis=1)
    apart = (both["value_1"] - both["value_7"]).abs()
    wrong = both[apart > 0.99 * half]
    mended = bool((apart[wrong.index] <= 1.01 * half[wrong.index]).all())  # one number, rounded down here and up there
    told = "; ".join(
        f"{row.dataset}, k = {row.k}, {row.statistic}: {row.printed_1} and {row.printed_7}"
        for row in wrong.itertuples()
    )
    cells = (paper.table(1), full)
    found = misprint(
        not wrong.empty, mended, (), f"differing statistics: {told or 'none'} ({len(wrong)} of {len(both)})."
    )
    index = pd.MultiIndex.from_frame((wrong if len(wrong) else both)[["dataset", "k", "statistic"]])
    return Decision(found.verdict, found.evidence, found.method, named(cells, index))
