"""The paper's claims about tiers, each decided by all measured cells that it speaks of.

Most claim a side: that one tier is better than another. Such a cell is *reproduced* if its interval lies on that side,
*not reproduced* if it lies on the other, whatever the paper printed for it, and undecided else. A claim that cells are as
printed is judged by the size of the printed change as well: its cells are those that are *as printed* (:mod:`ctrnb.report.beside`).

A claim is *reproduced* if every cell is, and *not reproduced* if one cell is not with its interval widened to
1 - 0.05 / m, m the number of cells, so that many cells do not make a chance find likely. Otherwise it is undecided at
this power: ``detectable_percent`` says which change would have been found with 80 % probability. ``inside`` says in how
many cells the printed change is one that our interval holds.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ctrnb.report.beside import (
    AS_PRINTED,
    NOT_REPRODUCED,
    PAPER_CELL,
    REPRODUCED,
    UNDECIDED,
    comparable,
    paper_cells,
    reproduction,
)
from ctrnb.study.changes import LEVEL, combined
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import NONE, narrower, with_interval

DENSE, SPARSE = "ML-1M", "Yelp2022"
HIGHER, LOWER = 1.0, -1.0  # sides of a change
COLUMNS = [
    "key", "claim", "source", "dataset", "ours", "printed", "against", "seeds", "cells", "named", "reproduced", "not_reproduced",
    "undecided", "inside", "paper_percent", "ours_percent", "detectable_percent", "verdict",
]  # fmt: skip
FEW = 2  # cells that are named rather than counted
HELD = {REPRODUCED: "holds", NOT_REPRODUCED: "does not hold", UNDECIDED: UNDECIDED}  # of a claim of ours


@dataclass(frozen=True)
class Claim:
    """A statement about changes from one tier to another.

    Attributes:
        key: by which chapters ask for it.
        table: of the paper, whose cells say how large the change is.
        tier, reference: the change is from the reference to the tier.
        datasets: of the paper that it is about.
        metric: on the whole test part, or on its strong ratings alone.
        side: that it claims of the change; None where it claims the printed change of each cell.
        expected: from the paper's changes to Base, by tier, to the printed one in percent; the tier's own without it.
        ours: the paper does not make it, and prints no change that it could be compared with.
    """

    key: str
    text: str
    source: str
    table: int
    tier: str
    reference: str
    datasets: tuple[str, ...] = (DENSE, SPARSE)
    metric: str = "auc"
    side: float | None = HIGHER
    expected: Callable[[pd.DataFrame], pd.Series] | None = None
    ours: bool = False


def over_ts(changes: pd.DataFrame) -> pd.Series:
    """Return FT's printed change less TS's, the paper's own way of comparing the two."""
    return changes["ft"] - changes["ts"]


CLAIMS = (
    Claim("ts-dense", "TS improves AUC on the dense dataset", "Section 4.2, Table 2", 2, "ts", "base", (DENSE,)),
    Claim("ts-sparse", "TS changes AUC on the sparse dataset as printed, model by model", "Section 4.2, Table 2", 2, "ts", "base", (SPARSE,), side=None),
    Claim("ft-dense", "FT improves AUC on the dense dataset", "Section 4.3, Table 3", 3, "ft", "base", (DENSE,)),
    Claim("ft-over-ts", "FT is better than TS", "Section 4.3, Table 3", 3, "ft", "ts", expected=over_ts),
    Claim("ts-logloss", "TS changes logloss as printed", "Appendix C.1, Table 5", 5, "ts", "base", metric="logloss", side=None),
    Claim("ft-over-ts-logloss", "FT lowers logloss more than TS", "Appendix C.1, Table 6", 6, "ft", "ts", metric="logloss", side=LOWER, expected=over_ts),
    Claim("ts-strong", "TS improves AUC on strong ratings, whatever it is trained on", "Appendix C.2, Table 8", 8, "ts", "base", (DENSE,), "auc_strong"),
    Claim("ft-over-control", "FT improves on the control as well", "ours, on Table 3", 3, "ft", "control", (DENSE,), ours=True),
    Claim("ts-over-control", "TS improves on the control as well", "ours, on Table 2", 2, "ts", "control", (DENSE,), ours=True),
)  # fmt: skip


def printed_cells(claim: Claim) -> pd.DataFrame:
    """Return the paper's cells that a claim speaks of: the columns of :data:`PAPER_CELL`, expected_percent, rounding_percent."""
    cells = paper_cells(claim.table)
    wide = cells.pivot(index=PAPER_CELL, columns="tier", values="expected_percent")
    rounding = cells[cells["tier"] == claim.tier].set_index(PAPER_CELL)["rounding_percent"]
    expected = claim.expected(wide) if claim.expected else wide[claim.tier]
    if claim.expected:  # of two printed changes, each rounded
        rounding = 2 * rounding
    found = pd.DataFrame({"expected_percent": expected, "rounding_percent": rounding})
    found = found.dropna(subset=["expected_percent"]).reset_index()
    return found[found["paper_dataset"].isin(claim.datasets) & (found["metric"] == claim.metric)]


def cells_of(claim: Claim, changes: pd.DataFrame) -> pd.DataFrame:
    """Return those of :func:`printed_cells` that were measured, with dataset, change and uncertainty."""
    ours = comparable(changes)
    ours = ours[(ours["tier"] == claim.tier) & (ours["reference"] == claim.reference)]
    return ours.merge(printed_cells(claim), on=PAPER_CELL)


def decide(cells: pd.DataFrame, side: float | None) -> tuple[str, list[str]]:
    """Return the verdict on a claim of a side (None: of the printed changes) and on each of its cells."""
    verdicts = [cell_verdict(row, LEVEL, side) for row in cells.itertuples()]
    widened = [cell_verdict(row, LEVEL / len(cells), side) for row in cells.itertuples()]
    if any(one == other == NOT_REPRODUCED for one, other in zip(verdicts, widened, strict=True)):
        return NOT_REPRODUCED, verdicts
    return (REPRODUCED if all(each == REPRODUCED for each in verdicts) else UNDECIDED), verdicts


def cell_verdict(row: Any, level: float, side: float | None = None) -> str:
    """Return the verdict on one cell, a row of ``itertuples``, with its interval at a level; by its side alone if one is given."""
    expected, same_data = (row.expected_percent, row.same_data) if side is None else (side, False)
    return reproduction(
        row.change_percent, row.se_percent, row.df, expected, rounding=row.rounding_percent, same_data=same_data,
        level=level,
    )  # fmt: skip


def claims(changes: pd.DataFrame, tables: Collection[int]) -> pd.DataFrame:
    """Return one row a claim on one of the paper's tables and dataset that was measured.

    Columns: key, claim, source, dataset, ours, seeds (a number, or "1 to 5" where cells differ), cells, named (which they
    are), printed (how many cells the paper has), against (in how many of the measured ones its printed change is on the
    other side), reproduced, not_reproduced, undecided and inside (numbers of cells), paper_percent and ours_percent (medians
    of the change), detectable_percent (median), verdict.
    """
    rows = []
    for claim in (claim for claim in CLAIMS if claim.table in tables):
        printed = printed_cells(claim)["paper_dataset"].value_counts()
        for (dataset, theirs), cells in cells_of(claim, changes).groupby(["dataset", "paper_dataset"], sort=False):
            head = {
                "key": claim.key,
                "claim": claim.text,
                "source": claim.source,
                "dataset": dataset,
                "ours": claim.ours,
            }
            rows.append(head | {"printed": int(printed[theirs])} | summary(cells, claim.side))
    pairs = supervision_pairs(changes) if 8 in tables else pd.DataFrame({"dataset": []})
    for dataset, cells in pairs.groupby("dataset", sort=False):
        head = {
            "key": "removal",
            "claim": REMOVAL,
            "source": "Appendix C.2, Table 8",
            "dataset": dataset,
            "ours": False,
        }
        rows.append(head | {"printed": len(printed_pairs())} | summary(cells, HIGHER))
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def summary(cells: pd.DataFrame, side: float | None) -> dict:
    """Return the numbers and the verdict of one claim on one dataset."""
    verdict, verdicts = decide(cells, side)
    expected, rounding = cells["expected_percent"], cells["rounding_percent"]
    inside = (cells["low_percent"] - rounding <= expected) & (expected <= cells["high_percent"] + rounding)
    fewest, most = int(cells["seeds"].min()), int(cells["seeds"].max())
    return {
        "seeds": str(most) if fewest == most else f"{fewest} to {most}",
        "cells": len(cells),
        "named": named(cells),
        "reproduced": verdicts.count(REPRODUCED),
        "not_reproduced": verdicts.count(NOT_REPRODUCED),
        "undecided": verdicts.count(UNDECIDED),
        "inside": int(inside.sum()),
        "against": 0 if side is None else int((side * expected < 0).sum()),
        "paper_percent": float(cells["expected_percent"].median()),
        "ours_percent": float(cells["change_percent"].median()),
        "detectable_percent": float(cells["mde_percent"].abs().median()),
        "verdict": verdict,
    }


def named(cells: pd.DataFrame) -> str:
    """Return which cells these are, with their tier where two would have one name."""
    names = [f"{row.model_name} at k = {row.k}" for row in cells.itertuples()]
    if len(set(names)) < len(names):
        names = [f"{name} ({TIER_NAMES[tier]})" for name, tier in zip(names, cells["tier"], strict=True)]
    return " and ".join(names)


def said(table: pd.DataFrame, key: str) -> str:
    """Return the verdict on a claim in words, dataset by dataset, with our change and the paper's:
    "reproduced (ml-1m, 5 seeds, 4 of the paper's 6 cells; +0.13 %, in the paper +0.40 %)"."""
    parts = []
    for row in table[table["key"] == key].itertuples():
        seeds = "1 seed" if row.seeds == "1" else f"{row.seeds} seeds"
        which = f"only {row.named}" if row.cells <= FEW else str(row.cells)
        share = f", {which} of the paper's {row.printed} cells" if row.cells < row.printed else ""
        sizes = f"{row.ours_percent:+.2f} %, in the paper {row.paper_percent:+.2f} %"
        parts.append(f"{row.verdict} ({row.dataset}, {seeds}{share}; {sizes})")
    return "; ".join(parts) or "not measured"


def worded(row: Any) -> str:
    """Return the verdict of a row of :func:`claims`; what the paper does not claim holds or does not."""
    return HELD[row.verdict] if row.ours else row.verdict


def told_by_paper(row: Any) -> str:
    """Return the paper's change, how many of its cells are themselves against the claim, and how many ours do not exclude."""
    against = f", {row.against} against" if row.against else ""
    return f"{row.paper_percent:+.2f}{against}, {row.inside} of {row.cells} inside"


def readable(table: pd.DataFrame, closed: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`claims` to be read, and the verdicts of the closed cells (:mod:`ctrnb.report.tuning`) alone."""
    alone = {(row.key, row.dataset): f"{worded(row)} ({row.cells})" for row in closed.itertuples()}
    shown = pd.DataFrame(
        {
            "claim": [f"{row.claim} ({row.source})" for row in table.itertuples()],
            "dataset": table["dataset"],
            "verdict": [worded(row) for row in table.itertuples()],
            "in closed cells": [alone.get((row.key, row.dataset), "none") for row in table.itertuples()],
            "cells: reproduced / not / undecided": [
                f"{row.reproduced} / {row.not_reproduced} / {row.undecided} of {row.printed}"
                for row in table.itertuples()
            ],
            "Δ%: ours; paper's": [
                f"{row.ours_percent:+.2f}; {NONE if row.ours else told_by_paper(row)}" for row in table.itertuples()
            ],
            "detectable Δ% (seeds)": [f"{row.detectable_percent:.2f} ({row.seeds})" for row in table.itertuples()],
        }
    )
    return shown.set_index(["claim", "dataset"])


def readable_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`supervision_pairs` to be read, what decides first: AUC in percent, changes in percent of it."""
    shown = pd.DataFrame(
        {
            "pair": [f"{row.dataset}, k = {row.k} and {row.k_removed}" for row in pairs.itertuples()],
            "model": pairs["model_name"],
            "tier": pairs["tier"].map({"base": "Base", "ts": "TS"}),
            "as printed?": pairs["as_printed"].map(AS_PRINTED),
            "ours Δ%": [
                narrower(with_interval(row.change_percent, row.low_percent, row.high_percent))
                for row in pairs.itertuples()
            ],
            "paper Δ%": pairs["expected_percent"].map("{:+.2f}".format),
            "AUC kept": (100 * pairs["kept"]).map("{:.2f}".format),
            "AUC removed": (100 * pairs["removed"]).map("{:.2f}".format),
        }
    )
    return shown.set_index(["pair", "model", "tier"])


REMOVAL = "Models trained without middle ratings predict the other ratings better, at like density"
PAIRS = ((1, 19), (3, 22))  # Table 7's pairs of like density on ML-1M: k with middle ratings, k without them


def printed_pairs() -> pd.DataFrame:
    """Return expected_percent, the change that Table 8 prints for each pair, by k with middle ratings, model and tier; and its
    rounding_percent."""
    cells = paper_cells(8).query("metric == 'auc_strong' and paper_dataset == @DENSE")
    cells = cells.set_index(["drop_middle", "k", "model", "tier"]).sort_index()
    values, rounding = cells["paper"], cells["rounding_percent"]
    parts = {
        kept: pd.DataFrame(
            {
                "expected_percent": 100 * (values[True, removed] / values[False, kept] - 1),
                "rounding_percent": rounding[False, kept],
            }
        )
        for kept, removed in PAIRS
    }
    return pd.concat(parts, names=["k"])


def supervision_pairs(changes: pd.DataFrame) -> pd.DataFrame:
    """Return what removing middle ratings from training does to AUC on strong test ratings, in pairs of like density.

    The two members of a pair have other test interactions, so their levels are compared as independent samples; users
    that both have in common make that interval too wide rather than too narrow.

    Columns: dataset, k, k_removed, model, model_name, tier, kept, removed (mean AUC), change_percent, se_percent, df, low_percent,
    high_percent, mde_percent, seeds, expected_percent and rounding_percent (the paper's), as_printed.
    """
    printed = printed_pairs()
    levels = comparable(changes).query("metric == 'auc_strong' and reference == '' and paper_dataset == @DENSE")
    rows = []
    for kept_k, removed_k in PAIRS:
        kept = levels[(levels["k"] == kept_k) & ~levels["drop_middle"]].set_index(["dataset", "model", "tier"])
        removed = levels[(levels["k"] == removed_k) & levels["drop_middle"]].set_index(["dataset", "model", "tier"])
        for key in kept.index.intersection(removed.index):
            dataset, model, tier = key
            rows.append(
                {"dataset": dataset, "k": kept_k, "k_removed": removed_k, "model": model, "tier": tier}
                | unpaired(kept.loc[key], removed.loc[key])
                | printed.loc[(kept_k, model, tier)].to_dict()
            )
    if not rows:
        return pd.DataFrame(columns=["dataset"])
    table = pd.DataFrame(rows).assign(same_data=True)
    return table.assign(as_printed=[cell_verdict(row, LEVEL) for row in table.itertuples()])


def unpaired(kept: pd.Series, removed: pd.Series) -> dict:
    """Return the difference of two independent levels in percent of the first, by Welch's rule."""
    scale = 100 / kept["mean"]
    both = combined(float(removed["mean"] - kept["mean"]), [(kept["se"], kept["df"]), (removed["se"], removed["df"])])
    low, high = both.interval()
    return {
        "model_name": kept["model_name"],
        "kept": kept["mean"],
        "removed": removed["mean"],
        "change_percent": scale * both.value,
        "se_percent": scale * both.se,
        "df": both.df,
        "low_percent": scale * low,
        "high_percent": scale * high,
        "mde_percent": scale * both.mde,
        "seeds": int(min(kept["seeds"], removed["seeds"])),
    }
