"""What the failure of condition (iii) means for Table 4 and Figure 5: groups ranked by three measures.

Table 4's cells are rounded to hundredths of a point, so an order is called *firm* where every unrounded value that the
paper's cells allow gives it.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import z3

from ctrnb import paper
from ctrnb.evaluation import mci
from ctrnb.theory import smt

HALF_CELL = 0.005  # points: half a unit of the last printed place

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # of AUC before and after, in percent
    "MCI": lambda base, value: mci(base / 100, (value - base) / 100),
    "absolute": lambda base, value: value - base,
    "relative": lambda base, value: 100 * (value - base) / base,
}


def efforts(groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return Table 4's groups with each measure and the ends of what its rounding allows.

    Columns of each are MEASURE, MEASURE_low and MEASURE_high. Every measure rises with the new AUC and falls with the baseline, so its extremes lie at the cells' corners.
    """
    table = (paper.activity_groups() if groups is None else groups).copy()
    base, value = table["base"].to_numpy(), table["value"].to_numpy()
    for name, measure in MEASURES.items():
        table[name] = measure(base, value)
        table[f"{name}_low"] = measure(base + HALF_CELL, value - HALF_CELL)
        table[f"{name}_high"] = measure(base - HALF_CELL, value + HALF_CELL)
    return table


def comparisons(groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return every comparison of two groups: one row a dataset, model, tier and pair.

    ``first`` is the group with the lower baseline. For each measure, MEASURE is the sign of its value for the first less
    that for the second, and MEASURE_firm whether rounding leaves that sign no choice. ``changes`` says whether the sign
    differs between MCI and another measure, ``changes_firmly`` whether it does so between firm signs.
    """
    rows = []
    for keys, part in efforts(groups).groupby(["dataset", "model", "tier"], sort=False):
        ordered = part.sort_values("base")
        for (_, first), (_, second) in combinations(ordered.iterrows(), 2):
            row = dict(zip(("dataset", "model", "tier"), keys, strict=True))
            row |= {"first": first["group"], "second": second["group"]}
            for name in MEASURES:
                row[name] = int(np.sign(round(first[name] - second[name], 12)))
                apart = first[f"{name}_low"] > second[f"{name}_high"] or first[f"{name}_high"] < second[f"{name}_low"]
                row[f"{name}_firm"] = bool(apart)
            others = [name for name in MEASURES if name != "MCI"]
            row["changes"] = any(row[name] != row["MCI"] for name in others)
            row["changes_firmly"] = any(
                row[name] != row["MCI"] and row[f"{name}_firm"] and row["MCI_firm"] for name in others
            )
            rows.append(row)
    return pd.DataFrame(rows)


def rankings(groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return, for each dataset, model and tier, the groups from the largest effort to the smallest by each measure.

    Columns: dataset, model, tier, underserved (the group of lowest baseline), MCI, absolute, relative (texts such as
    "Low > Mid > High"), same (whether all three agree), and change: "gains", "losses" or "mixed" over the groups.
    """
    rows = []
    for keys, part in efforts(groups).groupby(["dataset", "model", "tier"], sort=False):
        row = dict(zip(("dataset", "model", "tier"), keys, strict=True))
        row["underserved"] = part.loc[part["base"].idxmin(), "group"]
        for name in MEASURES:
            row[name] = " > ".join(part.sort_values(name, ascending=False, kind="stable")["group"])
        row["same"] = len({row[name] for name in MEASURES}) == 1
        signs = set(np.sign(part["absolute"].round(9)))
        row["change"] = {(1.0,): "gains", (-1.0,): "losses"}.get(tuple(signs), "mixed")
        rows.append(row)
    return pd.DataFrame(rows)


def conclusions(groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return Section 4.4's conclusions on the under-served group, counted over models and tiers by each measure.

    A setting with a gain of one group and a loss of another is one of gains and of losses, or of neither: those on Yelp2022
    are read both ways. Where a group gains and another loses, the one that loses least is that of the largest change.

    Columns: id, conclusion, of (how many settings it speaks of), MCI, absolute and relative (in how many it holds),
    wanted ("all", or "most" where the paper says "primarily"), holds: whether it does by MCI in so many, relies_on_iii: in
    how many it holds by MCI but not by the absolute change, and exceptions: where it fails by MCI.
    """
    table = efforts(groups)
    settings = [part for _, part in table.groupby(["dataset", "model", "tier"], sort=False)]
    dense = [part for part in settings if dataset(part) == "ML-1M"]
    sparse = [part for part in settings if dataset(part) == "Yelp2022"]
    gains, losses = [part["absolute"] > 0 for part in sparse], [part["absolute"] < 0 for part in sparse]
    everywhere = [True] * len(dense)
    said = (
        ("ml-1m", "ML-1M: the largest effort for low-active users", dense, everywhere, "Low", "all", max_at),
        ("yelp-gains", "Yelp2022, a group gains: the largest effort for high-active users", sparse, map(any, gains), "High", "most", max_at),
        ("yelp-gains-all", "Yelp2022, all groups gain: the same", sparse, map(all, gains), "High", "most", max_at),
        ("yelp-losses", "Yelp2022, a group loses: high-active users lose least", sparse, map(any, losses), "High", "all", max_at),
        ("yelp-losses-all", "Yelp2022, all groups lose: the same", sparse, map(all, losses), "High", "all", max_at),
        ("yelp-losses-size", "Yelp2022, a group loses: the smallest size, of gains too, for high-active users", sparse, map(any, losses), "High", "all", least_at),
    )  # fmt: skip
    rows = []
    for id, text, chosen, spoken, group, wanted, test in said:
        parts = [part for part, each in zip(chosen, spoken, strict=True) if each]
        held = {name: [test(part, name, group) for part in parts] for name in MEASURES}
        relies = sum(a and not b for a, b in zip(held["MCI"], held["absolute"], strict=True))
        fails = [f"{p['model'].iloc[0]} {p['tier'].iloc[0]}" for p, h in zip(parts, held["MCI"], strict=True) if not h]
        row = {"id": id, "conclusion": text, "of": len(parts)} | {name: sum(each) for name, each in held.items()}
        count = sum(held["MCI"])
        holds = count == len(parts) if wanted == "all" else 2 * count > len(parts)
        rows.append(row | {"wanted": wanted, "holds": holds, "relies_on_iii": relies, "exceptions": fails})
    return pd.DataFrame(rows)


def dataset(part: pd.DataFrame) -> str:
    """Return the dataset of one setting's groups."""
    return part["dataset"].iloc[0]


def max_at(part: pd.DataFrame, measure: str, group: str) -> bool:
    """Return whether one group has the largest value of a measure."""
    return part.loc[part[measure].idxmax(), "group"] == group


def least_at(part: pd.DataFrame, measure: str, group: str) -> bool:
    """Return whether one group has the smallest absolute value of a measure."""
    return part.loc[part[measure].abs().idxmin(), "group"] == group


def a_fortiori() -> bool:
    """Return whether z3 proves: a lower baseline with at least the MCI of a higher one gains more, in points and percent.

    MCI_1 >= MCI_2 is c_1/(1 - p_1) >= c_2/(1 - p_2), the logarithm removed.
    """
    p1, p2, c1, c2 = z3.Reals("p1 p2 c1 c2")
    valid = [*smt.domain(p1, c1, "c > 0"), *smt.domain(p2, c2, "c > 0"), p1 < p2, c1 * (1 - p2) >= c2 * (1 - p1)]
    return smt.proves(valid, c1 > c2) and smt.proves(valid, c1 * p2 > c2 * p1)


def not_a_fortiori_for_losses() -> bool:
    """Return whether z3 finds losses where the lower baseline has the smaller |MCI| but the larger loss in points."""
    p1, p2, c1, c2 = z3.Reals("p1 p2 c1 c2")
    valid = [*smt.domain(p1, c1, "c < 0"), *smt.domain(p2, c2, "c < 0"), p1 < p2]
    return smt.solved(*valid, -c1 * (1 - p2) < -c2 * (1 - p1), -c1 > -c2)[0] == z3.sat
