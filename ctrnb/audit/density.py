"""Section 4.2: what Table 2 says of message passing, dense and sparse data, and k."""

import numpy as np
import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import DOES_NOT_HOLD, HOLDS, Decision, Section, unchecked
from ctrnb.audit.rules import (
    HALF_CHANGE,
    all_cells,
    changes,
    contrast,
    depends_on_model,
    every,
    gaining,
    misprint,
    most,
    no_pattern,
    number,
    plainly,
    select,
    some,
)
from ctrnb.audit.setup import k_raises_density, statistic

DENSITY = Section("4.2")


def cells(**where: object) -> pd.DataFrame:
    """Return Table 2's cells of TS."""
    return select(paper.table(2), tier="TS", **where)


def significant() -> float:
    """Return the size below which the paper takes a change as none: its own 0.05 % (Section 4.2, dense data)."""
    return paper.number(paper.TEXT["4.2", "dense fluctuation"])


def split_counts() -> dict[str, pd.Series]:
    """Return Table 2's changes as beneficial, comparable (smaller than 0.05 %) and inferior."""
    found = changes(2)
    small = found.abs() < significant()
    return {
        "beneficial": found[~small & (found > 0)],
        "considerable": found[small],
        "inferior": found[~small & (found < 0)],
    }


def count(kind: str) -> Decision:
    """Decide one of the three stated counts."""
    part = split_counts()[kind]
    word = "comparable" if kind == "considerable" else kind
    what = f"TS changes of Table 2 that are {word} (threshold {significant()} %)"
    return number(
        paper.TEXT["4.2", kind],
        len(part),
        matching(part),
        what,
        note=f"changes from {part.min()} to {part.max()} %" if len(part) else "",
    )


def matching(part: pd.Series) -> pd.DataFrame:
    """Return the cells of a part of Table 2's changes."""
    table = cells()
    return table[pd.MultiIndex.from_frame(table[part.index.names]).isin(part.index)]


@DENSITY.claim(
    "experiments", "Benefits, counts", "Table 2 holds 36 experiments: six models, three cores, two datasets."
)
def experiments() -> Decision:
    table = cells()
    factors = " x ".join(str(table[name].nunique()) for name in ("model", "k", "dataset"))
    return number(paper.TEXT["4.2", "experiments"], len(table), table, "TS cells", note=factors)


@DENSITY.claim("beneficial", "Benefits, counts", "TS improves AUC clearly in 27 of 36 experiments.")
def beneficial() -> Decision:
    return count("beneficial")


@DENSITY.claim("comparable", "Benefits, counts", "In 3 of 36 experiments TS is neither clearly better nor worse.")
def comparable() -> Decision:
    return count("considerable")


@DENSITY.claim("inferior", "Benefits, counts", "In 6 of 36 experiments TS is worse.")
def inferior() -> Decision:
    return count("inferior")


@DENSITY.claim(
    "considerable", "Benefits, counts", "The three experiments between better and worse changed considerably."
)
def considerable() -> Decision:
    found = changes(2)
    three = split_counts()["considerable"]
    others = found.drop(three.index)
    smallest = len(three) > 0 and three.abs().max() < others.abs().min()
    evidence = (
        f"their changes are at most {three.abs().max()} % in size, all others at least {others.abs().min()} %; "
        f"'comparable' would fit: {'yes' if smallest else 'no'}."
    )
    return misprint(smallest, smallest, matching(three), evidence)


def generally_benefits() -> Decision:
    """Decide by the sign of every TS change; the mean says how much that is worth."""
    found = changes(2)
    again = changes(2, "relative_percent").mean()
    gain, loss = found[found > 0].mean(), found[found < 0].mean()
    note = f"mean {again:+.4f} % from the cells; a gain is {gain:+.2f} % on average, a loss {loss:+.2f} %"
    return most(found, cells(), "TS improves on Base", unit="%", slack=HALF_CHANGE, note=note)


DENSITY.claim("generally", "Benefits, heading", "Message passing generally benefits CTR prediction.")(
    generally_benefits
)


def effective() -> Decision:
    """Decide whether message passing improves: every TS change of Table 2 and FT change of Table 3."""
    found = pd.concat([changes(2), changes(3, tier="FT", evaluated="all")])
    frames = (cells(), select(paper.table(3), tier="FT", evaluated="all"))
    parts = found.groupby(level="dataset")
    told = ", ".join(
        f"{name} {int((part > 0).sum())} of {len(part)}, mean {part.mean():+.3f} %" for name, part in parts
    )
    what = "TS (Table 2) and FT (Table 3) improve on Base"
    note = f"{told}; Section 4.2 says it with 'generally'"
    return plainly(found, frames, what, unit="%", slack=HALF_CHANGE, note=note)


DENSITY.claim("k-density", "Benefits, setting", "The larger k, the higher the density.")(k_raises_density)


@DENSITY.claim(
    "k-local",
    "Local density (also Section 4.1)",
    "k stands for local density, which is set against the dataset's global density.",
)
def k_stands_for_local_density() -> Decision:
    counts = {name: statistic(name) for name in ("interactions", "users", "items")}
    density = 100 * counts["interactions"] / counts["users"] / counts["items"]
    moved = statistic("density_percent").groupby(level="dataset").agg(lambda each: each.max() / each.min())
    yelp, users = density["Yelp2022"], counts["users"]["Yelp2022"]
    evidence = (
        "at odds with the section's first paragraph, by which a higher k is a higher density of the dataset (4.2/k-density): "
        f"from the smallest to the largest k that is multiplied by {moved['ML-1M']:.2f} on ML-1M and by "
        f"{moved['Yelp2022']:.1f} on Yelp2022 ({yelp.max() / yelp.min():.1f} by the counts), whose users fall from "
        f"{users.max():.0f} to {users.min():.0f}; local and global density move together, and no table moves one alone."
    )
    return unchecked(evidence, all_cells(select(paper.table(1), statistic=("density_percent", "users"))))


def more_pronounced() -> Decision:
    """Decide model by model: mean TS change over k on ML-1M less that on Yelp2022."""
    found = changes(2).groupby(level=["dataset", "model"]).mean()
    gains = changes(2)
    sizes = gains[gains > 0].groupby(level="dataset").mean()
    told = " and ".join(f"{sizes[dataset]:.2f} % on {dataset}" for dataset in paper.DATASETS)
    note = f"the average gain where there is one is {told}"
    return every(
        contrast(found, "dataset", "ML-1M", "Yelp2022"),
        cells(),
        "models that gain more on ML-1M than on Yelp2022",
        unit="%",
        slack=2 * HALF_CHANGE,
        note=note,
    )


DENSITY.claim("more-pronounced", "Dense data, heading", "Message passing benefits more where data is dense.")(
    more_pronounced
)


@DENSITY.claim("dense-experiments", "Dense data, counts", "The dense dataset has 18 experiments.")
def dense_experiments() -> Decision:
    table = cells(dataset="ML-1M")
    return number(paper.TEXT["4.2", "dense experiments"], len(table), table, "TS cells of ML-1M")


def dense_parts() -> tuple[pd.Series, pd.Series]:
    """Return ML-1M's changes of at least 0.05 % in size, and the rest."""
    found = changes(2, dataset="ML-1M")
    small = found.abs() < significant()
    return found[~small], found[small]


@DENSITY.claim("dense-gains", "Dense data, counts", "On the dense dataset 16 experiments gain.")
def dense_gains() -> Decision:
    gains = dense_parts()[0]
    gains = gains[gains > 0]
    return number(paper.TEXT["4.2", "dense gains"], len(gains), matching(gains), "gains of at least 0.05 % on ML-1M")


@DENSITY.claim("dense-average", "Dense data, counts", "Those 16 gain 0.18 % of AUC on average.")
def dense_average() -> Decision:
    gains = dense_parts()[0]
    again = changes(2, "relative_percent")[gains.index].mean()
    note = f"{again:.3f} from the cells"
    return number(
        paper.TEXT["4.2", "dense average gain"],
        gains.mean(),
        matching(gains),
        "mean of the printed changes, percent",
        note=note,
    )


@DENSITY.claim("dense-remaining", "Dense data, counts", "The other two of the 18 move by less than 0.05 %.")
def dense_remaining() -> Decision:
    rest = dense_parts()[1]
    largest = f"the largest is {rest.abs().max()} %" if len(rest) else ""
    return number(
        paper.TEXT["4.2", "dense remaining"], len(rest), matching(rest), "changes below 0.05 % on ML-1M", note=largest
    )


@DENSITY.claim("sparse-gains", "Dense data, counts", "On the sparse dataset 11 experiments gain.")
def sparse_gains() -> Decision:
    found = changes(2, dataset="Yelp2022")
    gains = found[found > 0]
    return number(paper.TEXT["4.2", "sparse gains"], len(gains), matching(gains), "gains on Yelp2022")


@DENSITY.claim("sparse-experiments", "Dense data, counts", "The sparse dataset has 16 experiments.")
def sparse_experiments() -> Decision:
    stated = paper.number(paper.TEXT["4.2", "sparse experiments"])
    table, dense = cells(dataset="Yelp2022"), cells(dataset="ML-1M")
    mended = len(table) == len(dense)
    evidence = f"Table 2 has {len(table)} TS cells of Yelp2022, stated {stated:.0f}; ML-1M has {len(dense)}."
    return misprint(len(table) != stated, mended, table, evidence)


@DENSITY.claim(
    "sparse-ratio", "Dense data, counts", "The share of experiments that gain is lower on the sparse dataset."
)
def sparse_ratio() -> Decision:
    share = (changes(2) > 0).groupby(level="dataset").mean()
    strict = (changes(2) >= significant()).groupby(level="dataset").mean()
    told, told_strict = (f"{each['Yelp2022']:.0%} against {each['ML-1M']:.0%}" for each in (share, strict))
    evidence = f"{told} (of at least 0.05 %: {told_strict})."
    return Decision(
        HOLDS if share["Yelp2022"] < share["ML-1M"] else DOES_NOT_HOLD,
        evidence,
        "recomputed number",
        all_cells(cells()),
    )


def model_dependent(table: int, better: int = 1) -> Decision:
    """Decide whether what TS does on Yelp2022 depends on the model; a change for the better has the sign ``better``."""
    found = better * changes(table, tier="TS", dataset="Yelp2022")
    gains = gaining(found)
    always, never, mixed = (sorted(gains.index[mask]) for mask in (gains == 1, gains == 0, (gains > 0) & (gains < 1)))
    told = {"better at every k": always, "at none": never, "at some": mixed}
    evidence = "; ".join(f"{when}: {', '.join(models) or 'none'}" for when, models in told.items())
    return depends_on_model(found, select(paper.table(table), tier="TS", dataset="Yelp2022"), f"{evidence}.")


def more_model_dependent(table: int, level: str, levels: str, **where: object) -> Decision:
    """Decide whether changes range more widely over models on Yelp2022 than on ML-1M, at each k or tier.

    ``levels`` is the plural of ``level``, for the evidence.
    """
    frame, found = select(paper.table(table), **where), changes(table, **where)
    spread = found.groupby(level=["dataset", level]).agg(lambda each: each.max() - each.min())
    told = ", ".join(f"{dataset} {mean:.2f} %" for dataset, mean in spread.groupby(level="dataset").mean().items())
    return every(
        contrast(spread, "dataset", "Yelp2022", "ML-1M"),
        select(frame, tier=tuple(found.index.unique("tier"))),
        f"{levels} at which models' changes range more widely on Yelp2022",
        unit="percent points",
        slack=4 * HALF_CHANGE,
        note=f"mean range: {told}",
    )


@DENSITY.claim("sparse-more-models", "Dense data", "On the sparse dataset the effect depends more on the model.")
def sparse_more_models() -> Decision:
    return more_model_dependent(2, "k", "k")


@DENSITY.claim("sparse-models", "Dense data", "On the sparse dataset the effect depends on the model.")
def sparse_models() -> Decision:
    return model_dependent(2)


DENSITY.unchecked(
    "cause",
    "Dense data",
    "The reason is that denser interactions give richer connectivity.",
    "a cause, inferred from two datasets that differ in size, domain and fields as well as in density; "
    "the chapter on density moves density alone.",
)


DENSITY.unchecked(
    "noise",
    "Dense data",
    "Sparse connectivity passes on more noise, for which some architectures compensate.",
    "a cause; no measure of noise or of compensation is reported.",
)


@DENSITY.claim("local-not-consistent", "Local density", "As k grows the relative gain does not grow consistently.")
def local_not_consistent() -> Decision:
    wide = changes(2).unstack("k")
    rising = (np.diff(wide[sorted(wide)], axis=1) > 0).all(axis=1)
    return some(pd.Series(~rising, wide.index), cells(), "model and dataset without a rise at each step of k")


@DENSITY.claim("local-no-pattern", "Local density", "No pattern links local density and the size of the gain.")
def local_no_pattern() -> Decision:
    wide = changes(2).unstack("k")
    ft = changes(3, tier="FT", dataset="Yelp2022").unstack("k")
    ft_up = int((ft[max(ft)] > ft[min(ft)]).sum())
    note = (
        f"FT's in Table 3, which the sentence is not about, rises on Yelp2022 in {ft_up} of {len(ft)}, and Section 4.3 "
        "does see a pattern there: more harm at a small k (4.3/small-k)"
    )
    what = "from the smallest to the largest k TS's change in Table 2"
    return no_pattern(wide[max(wide)] - wide[min(wide)], select(cells(), k=(min(wide), max(wide))), what, note=note)


@DENSITY.claim(
    "global-over-local", "Local density, heading", "The dataset's density matters more than local density (k)."
)
def global_over_local() -> Decision:
    found = changes(2)
    apart = contrast(found.groupby(level=["dataset", "model"]).mean(), "dataset", "ML-1M", "Yelp2022")
    ends = sorted(found.index.unique("k"))
    within = contrast(found, "k", ends[-1], ends[0]).abs().groupby(level="model").mean()
    note = (
        f"size of the difference between datasets less that between k = {ends[0]} and k = {ends[-1]}, "
        "which moves the dataset's density too (4.2/k-local); "
        f"the denser dataset gains more for {int((apart > 0).sum())} of {len(apart)} models"
    )
    return every(
        apart.abs() - within,
        cells(),
        "models for which the dataset moves the change more than k",
        unit="%",
        slack=4 * HALF_CHANGE,
        note=note,
    )


def proportional() -> Decision:
    """Decide whether gain over density is one constant for a model, within what rounding allows."""
    gain = changes(2).droplevel(["tier", "evaluated"])
    density = statistic("density_percent").reindex(gain.index.droplevel("model")).to_numpy()
    low, high = np.clip(density - HALF_CHANGE, 1e-3, None), density + HALF_CHANGE
    corners = np.stack([(gain + shift) / bound for shift in (-HALF_CHANGE, HALF_CHANGE) for bound in (low, high)])
    lower = pd.Series(corners.min(axis=0), gain.index).groupby(level="model").max()
    upper = pd.Series(corners.max(axis=0), gain.index).groupby(level="model").min()
    constant = upper >= lower
    ordered = gain.groupby(level="model").apply(rising_pairs)
    note = (
        "a model's gain is larger at the denser of two of its six settings "
        f"in {int(ordered.sum())} of {15 * len(ordered)} pairs; "
        f"densities differ up to {density.max() / density.min():.0f} times as printed"
    )
    return every(constant, cells(), "models whose gain over density may be one constant", note=note)


def rising_pairs(gain: pd.Series) -> int:
    """Return in how many pairs of settings of one model the denser one has the larger gain."""
    density = statistic("density_percent").reindex(gain.index.droplevel("model")).to_numpy()
    order = gain.to_numpy()[np.argsort(density, kind="stable")]
    return int((order[None, :] > order[:, None])[np.triu_indices(len(order), 1)].sum())
