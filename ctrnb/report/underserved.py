"""The chapter on user activity: what becomes of the group of users that Base, or the control, serves worst."""

from collections.abc import Iterator, Sequence

import pandas as pd

from ctrnb.report.beside import PAPER_NAMES, SAMPLES
from ctrnb.report.groups import Measured, compared, gaps
from ctrnb.study.results import CELL
from ctrnb.theory.effort import efforts
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import NONE, span, with_interval

REFERENCES = ("base", "control")


def worst_served(parts: Sequence[Measured]) -> pd.DataFrame:
    """Return what FT does for the group served worst by activity: a row a case and reference (Base or the control).

    Columns: title, those of a cell, model_name, reference, group; each with ``_low`` and ``_high``: own (the group's change of
    AUC), excess (that less the mean of the others') and gap (the change of Var(L,M,H), NaN where it was not kept).
    """
    found = []
    for title, _, (effect, spread, target) in parts:
        wide = gaps(spread)
        for reference in REFERENCES:
            keys = [name for name in CELL if name in target]
            worst = ends(compared(target, "ft", "activity", reference), "excess", [*keys, "model_name", "underserved"])
            own = ends(compared(effect, "ft", "activity", reference), "own", [*keys, "group"])
            gap = ends(wide[wide["to"] == reference], "gap", keys)
            rows = worst.rename(columns={"underserved": "group"}).merge(own, on=[*keys, "group"], how="left")
            found.append(rows.merge(gap, on=keys, how="left").assign(title=title, reference=reference))
    columns = ["title", *CELL, "model_name", "reference", "group"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def ends(table: pd.DataFrame, name: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return the keys of rows and their change with its interval, called by a name."""
    columns = {"change": name, "change_low": f"{name}_low", "change_high": f"{name}_high"}
    return table[[*keys, *columns]].rename(columns=columns)


def by_case(parts: Sequence[Measured]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each title and its rows of :func:`worst_served`."""
    yield from ((str(title), rows) for title, rows in worst_served(parts).groupby("title", sort=False))


def left_behind(rows: pd.DataFrame) -> bool:
    """Return whether, by their own intervals, the group loses, its excess is below zero or the gap is wider in some case."""
    return bool(((rows["own_high"] < 0) | (rows["excess_high"] < 0) | (rows["gap_low"] > 0)).any())


def counts(rows: pd.DataFrame, column: str, *, above: bool) -> str:
    """Return in how many cases a change, to Base and to the control, is off zero by its interval: "3 of 3 and 2 of 3"."""
    said = []
    for reference in REFERENCES:
        own = rows[(rows["reference"] == reference) & rows[f"{column}_low"].notna()]
        hits = own[f"{column}_low"] > 0 if above else own[f"{column}_high"] < 0
        said.append(f"{hits.sum()} of {len(own)}")
    return " and ".join(said)


def groups_of(rows: pd.DataFrame) -> str:
    """Return which groups are served worst in some cases, in words."""
    return " or ".join(dict.fromkeys(rows["group"]))


def losses(parts: Sequence[Measured]) -> str:
    """Return where FT leaves the group served worst behind, by how much, and where this group gains, in sentences."""
    if not parts:
        return "Not measured on real ratings."
    told = [behind(title, rows) for title, rows in by_case(parts) if left_behind(rows)]
    gains = [
        f"{title} in {counts(rows, 'own', above=True)} models"
        for title, rows in by_case(parts)
        if (rows["own_low"] > 0).any()
    ]
    down = " ".join(told) or "Nowhere is the group served worst seen to fall behind."
    up = (
        f"The AUC of the group served worst rises, to Base and to the control, on {'; '.join(gains)}."
        if gains
        else "Nowhere does its AUC rise beyond chance."
    )
    return f"{down} {up} All by the interval of the case alone; that of a group's AUC is widened for three groups."


def behind(title: str, rows: pd.DataFrame) -> str:
    """Return how far the group served worst falls behind in the cases of a dataset and core, in sentences."""
    to_base = rows[rows["reference"] == "base"]
    own = ", ".join(
        f"{with_interval(row.own, row.own_low, row.own_high, scale=100)} ({row.model_name})"
        for row in to_base.itertuples()
    )
    return (
        f"On {title} FT leaves the users of {groups_of(rows)} activity, those served worst, further behind. Their change less that of "
        f"the others is {span(100 * to_base['excess'], '{:+.2f}')} points to Base, below zero beyond chance in "
        f"{counts(rows, 'excess', above=False)} models (to Base and to the control), and the gap is wider in "
        f"{counts(rows, 'gap', above=True)}. Their own AUC changes to Base by {own} points, below zero beyond chance in "
        f"{counts(rows, 'own', above=False)}."
    )


def look(parts: Sequence[Measured]) -> str:
    """Return where a reader should look for harm, in a sentence; empty where none was seen."""
    names = [title for title, rows in by_case(parts) if left_behind(rows)]
    return f"Look at your group served worst before you ship: FT left it behind on {'; '.join(names)}." if names else ""


def losses_table(parts: Sequence[Measured]) -> pd.DataFrame:
    """Return in how many cases the group served worst gains or loses by its interval: a row a dataset, core and reference."""
    rows = []
    for title, table in by_case(parts):
        for (reference, group), own in table.groupby(["reference", "group"], sort=False):
            row = {"cases": title, "FT to": TIER_NAMES[str(reference)], "served worst": group}
            row |= {
                label: off_zero(own, name)
                for name, label in (
                    ("own", "its AUC: up / down"),
                    ("excess", "its excess: above / below"),
                    ("gap", "gap: wider / narrower"),
                )
            }
            rows.append(row)
    return pd.DataFrame(rows).set_index(["cases", "FT to"]) if rows else pd.DataFrame()


def off_zero(rows: pd.DataFrame, column: str) -> str:
    """Return how many changes lie above and below zero with their interval: "0 / 3 of 3"; a dash where no interval was kept."""
    low, high = rows[f"{column}_low"], rows[f"{column}_high"]
    return f"{(low > 0).sum()} / {(high < 0).sum()} of {low.notna().sum()}" if low.notna().any() else NONE


def scope(parts: Sequence[Measured]) -> str:
    """Return what of the paper's Table 4 is not measured, and which group is served worst there and here, in sentences."""
    own, paper = worst_served(parts).query("reference == 'base'"), efforts()
    own = own.assign(paper=own["dataset"].map(PAPER_NAMES))
    lowest = paper.loc[paper.groupby(["dataset", "k", "model"])["base"].idxmin()]
    missing, said = [], []
    for (dataset, k), rows in lowest.groupby(["dataset", "k"], sort=False):
        theirs, here = groups_of(rows).lower(), own[own["paper"] == dataset]
        if not ((here["k"] == k) & ~here["dataset"].isin(SAMPLES)).any():
            missing.append(f"{dataset} at k = {k}")
        for title, cases in here.groupby("title", sort=False):
            other = " (not that dataset)" if cases["dataset"].isin(SAMPLES).any() else ""
            text = f"On {dataset} the paper's Base serves users of {theirs} activity worst, ours on {title}{other} those of {groups_of(cases)} activity"
            tested = f": what it says of {theirs}-activity users as the group served worst is not tested here"
            said.append(text + (tested if groups_of(cases) != theirs else ""))
    head = f"Not measured here, of the paper's Table 4: {' and '.join(missing) or 'nothing'}"
    return " ".join(f"{each}." for each in [head, *said])
