"""How verdicts follow from cells. One rule for each kind of sentence, so that no verdict is a matter of taste:

* **every**: "consistently", "always", or a bare comparison ("A is better than B"): *holds* if each comparison goes the
  claim's way, *holds on average only* if just their mean does, else *does not hold*;
* **most**: "generally", "primarily", "more likely": *holds* if more than half go the claim's way, else as above;
* **plainly**: a bare statement beside another place that says it with "generally": decided as every; where only most
  would hold, the evidence says that the verdict depends on the reading;
* **some**: "can", "may", "sometimes": one suffices;
* **readings**: a sentence whose condition may be read in several ways has the verdict that all of them give; where they
  differ it *cannot be checked*;
* **depends on the model**: *holds* if not every model gains in the same share of its cells;
* **number**: a stated number *holds* if a value that would be printed so lies within what the rounded cells allow;
  a stated bound *holds on average only* if some value exceeds it and the mean, as printed, does not;
* **no pattern**: *does not hold* if a two-sided sign test rejects at 5 % that series rise and fall alike; else it *cannot
  be checked*, for a pattern that is not found may be there;
* **necessary**: where the tables hold only what would follow from a claim: *does not hold* if that fails, else it *cannot
  be checked*, and is not contradicted;
* **misprint**: a *typo* where the printed text contradicts the cells and one changed word or digit mends it;
* **unchecked** (:mod:`ctrnb.audit.claims`): nothing that the paper reports decides it;
* **mathematics** (:func:`ctrnb.audit.claims.by_proof`): never by cells, which at most illustrate; *proven*, *refuted* or
  *corrected* by verified statements, all of them if there are several, or by a check of the audit's own.

A comparison is a margin: positive for the claim, negative or zero against it; or only true or false, where nothing can
be averaged. Cells are rounded: where a margin is no larger than its ``slack`` (what rounding may amount to), the
evidence says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import stats

from ctrnb import paper
from ctrnb.audit.claims import BY_READING, DOES_NOT_HOLD, HOLDS, ON_AVERAGE, TYPO, UNCHECKED, Decision

LEVELS = ("dataset", "k", "model", "group", "statistic", "tier", "trained", "evaluated")
HALF_CHANGE = 0.005  # half a unit of a printed relative change, percent
HALF_AUC = 0.005  # of a printed AUC, percent
TINY = 1e-9
LEVEL = 0.05  # of the sign test

Cells: TypeAlias = pd.DataFrame | Iterable[pd.DataFrame]


def select(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return the rows in which every named column has the given value, or one of a tuple of values."""
    for column, wanted in where.items():
        frame = frame[frame[column].isin(wanted if isinstance(wanted, tuple) else (wanted,))]
    return frame


def by_cell(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return one column of one of the paper's tables, indexed by what names a cell; empty cells are left out."""
    return frame.dropna(subset=[column]).set_index([level for level in LEVELS if level in frame])[column]


def changes(number: int, column: str = "change_percent", /, **where: object) -> pd.Series:
    """Return a table's relative changes to Base in percent, as printed (exact to 0.005), by cell.

    Column "relative_percent" has those that its rounded values give, "absolute" the changes in percent points.
    """
    return by_cell(select(paper.recomputed_changes(number), **where), column)


def contrast(series: pd.Series, level: str, first: object, second: object) -> pd.Series:
    """Return what is at ``first`` less what is at ``second`` of an index level, for all that have both."""
    return (series.xs(first, level=level) - series.xs(second, level=level)).dropna()


def printed(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return cells by place and as printed."""
    return tuple(f"{paper.place(row)} = {text(row)}" for _, row in frame.iterrows())


def text(row: pd.Series) -> str:
    """Return a cell as printed; the changes of Table 5 stand in a row of their own and are added."""
    change = row.get("change_percent")
    if "(" in row["printed"] or pd.isna(change):
        return row["printed"]
    return f"{row['printed']} ({change:.2f})"


def named(cells: Cells, index: pd.Index) -> tuple[str, ...]:
    """Return the cells that an index of comparisons is about, as :func:`printed`."""
    found: list[str] = []
    for frame in [cells] if isinstance(cells, pd.DataFrame) else cells:
        levels = [name for name in index.names if name in frame]
        wanted = set(index.to_frame(index=False)[levels].itertuples(index=False, name=None))
        keep = [key in wanted for key in frame[levels].itertuples(index=False, name=None)]
        found += printed(frame[keep])
    return tuple(dict.fromkeys(found))


def every(
    margin: pd.Series, cells: Cells, what: str, *, unit: str = "", slack: float | pd.Series = 0.0, note: str = ""
) -> Decision:
    """Decide a claim about every comparison."""
    return compared("every comparison", holding(margin).all(), margin, cells, what, unit, slack, note)


def most(
    margin: pd.Series, cells: Cells, what: str, *, unit: str = "", slack: float | pd.Series = 0.0, note: str = ""
) -> Decision:
    """Decide a claim about most comparisons."""
    return compared("most comparisons", holding(margin).mean() > 0.5, margin, cells, what, unit, slack, note)


def plainly(
    margin: pd.Series, cells: Cells, what: str, *, unit: str = "", slack: float | pd.Series = 0.0, note: str = ""
) -> Decision:
    """Decide a bare claim that another place makes with "generally"; ``note`` says where."""
    found = every(margin, cells, what, unit=unit, slack=slack, note=note)
    if found.verdict == HOLDS or holding(margin).mean() <= 0.5:
        return found
    told = f"{found.evidence} This verdict depends on the reading: as 'generally' the sentence would hold."
    return replace(found, evidence=told, method=f"{found.method}, {BY_READING}")


def readings(what: str, decisions: Sequence[Decision], note: str = "") -> Decision:
    """Decide a sentence whose condition has several readings by what all of them say, else not; each is told."""
    verdicts = {each.verdict for each in decisions}
    told = f"{what}, {'; '.join(each.evidence.rstrip('.') for each in decisions)}"
    cells = tuple(dict.fromkeys(cell for each in decisions for cell in each.cells))
    if len(verdicts) == 1:
        return Decision(verdicts.pop(), join(told, note), "every reading", cells)
    told = join(told, "the verdict depends on the reading", note)
    return Decision(UNCHECKED, told, f"every reading, {BY_READING}", cells)


def no_pattern(moved: pd.Series, cells: Cells, what: str, *, note: str = "") -> Decision:
    """Decide a claim that a quantity shows no pattern by whether it rises as often as it falls: ``moved``, a series each."""
    up, down = int((moved > TINY).sum()), int((moved < -TINY).sum())
    p_value = sign_test(up, up + down)
    rejecting = [fewer for fewer in range((up + down) // 2 + 1) if sign_test(fewer, up + down) <= LEVEL]
    least = f"{up + down - max(rejecting)} to {max(rejecting)}" if rejecting else "none"
    evidence = join(
        f"{what} rises in {up} and falls in {down} of {len(moved)} series (sign test p = {p_value:.2f})",
        f"that no pattern is found does not show that there is none: of {up + down} the mildest split to reject is {least}",
        note,
    )
    return Decision(DOES_NOT_HOLD if p_value <= LEVEL else UNCHECKED, evidence, "sign test", all_cells(cells))


def sign_test(successes: int, trials: int) -> float:
    """Return the two-sided p-value of the sign test."""
    return float(stats.binomtest(successes, trials).pvalue) if trials else 1.0


def necessary(margin: pd.Series, cells: Cells, what: str, missing: str) -> Decision:
    """Decide a claim of which the tables hold only something that would follow; ``missing`` says what would decide it."""
    found = every(margin, cells, what, note=f"{missing}; not contradicted" if holding(margin).all() else "")
    return replace(found, verdict=UNCHECKED if found.verdict == HOLDS else DOES_NOT_HOLD, method="necessary condition")


def holding(margin: pd.Series) -> pd.Series:
    """Return which comparisons go the claim's way."""
    return margin if margin.dtype == bool else margin > TINY


def some(margin: pd.Series, cells: Cells, what: str, *, note: str = "") -> Decision:
    """Decide a claim that something occurs: the deciding cells are those in which it does."""
    kept = holding(margin)
    evidence = join(f"{what}: in {int(kept.sum())} of {len(margin)}", note)
    index = margin.index[kept if kept.any() else ~kept]
    return Decision(HOLDS if kept.any() else DOES_NOT_HOLD, evidence, "one case suffices", named(cells, index))


def depends_on_model(change: pd.Series, cells: Cells, evidence: str) -> Decision:
    """Decide a claim that an effect depends on the model, from its changes; ``evidence`` tells what the models do."""
    differ = gaining(change).nunique() > 1
    return Decision(HOLDS if differ else DOES_NOT_HOLD, evidence, "one case suffices", all_cells(cells))


def gaining(change: pd.Series) -> pd.Series:
    """Return the share of its cells in which each model gains."""
    return (change > 0).groupby(level="model").mean()


def compared(
    method: str, true: bool, margin: pd.Series, cells: Cells, what: str, unit: str, slack: float | pd.Series, note: str
) -> Decision:
    """Return a decision with counts and mean; the cells are the exceptions, or all where there is none."""
    kept = holding(margin)
    counted, average = f"{what}: {int(kept.sum())} of {len(margin)}", False
    hinging = ""
    if margin.dtype != bool:
        average = margin.mean() > TINY
        counted += f", mean {signed(margin.mean())} {unit}".rstrip()
        close = int((margin.abs() <= slack + TINY).sum()) if np.any(slack) else 0
        hinging = f"{close} of them within what rounding allows" if close else ""
    verdict = HOLDS if true else ON_AVERAGE if average else DOES_NOT_HOLD
    index = margin.index if kept.all() else margin.index[~kept]
    return Decision(verdict, join(counted, hinging, note), method, named(cells, index))


def number(stated: str, value: float, cells: Cells, what: str, *, slack: float = 0.0, note: str = "") -> Decision:
    """Decide a stated number against one that the cells give, which rounding may have moved by ``slack``."""
    agrees = allowed(stated, value, slack)
    exact = allowed(stated, value, 0.0)
    hinging = "within what rounding allows, not by the cells as printed" if agrees and not exact else ""
    evidence = join(f"{what}: {places(value)}, stated {stated}", hinging, note)
    return Decision(HOLDS if agrees else DOES_NOT_HOLD, evidence, "recomputed number", all_cells(cells))


def mean_only(stated: str, values: pd.Series, cells: Cells, what: str, *, slack: float, note: str = "") -> Decision:
    """Decide a bound stated for all values: *holds on average only* if just their mean is the stated number."""
    limit = paper.number(stated) + paper.half_unit(stated)
    within, printed_within = values <= limit + slack, int((values <= limit).sum())
    average = allowed(stated, values.mean(), slack)
    verdict = HOLDS if within.all() else ON_AVERAGE if average else DOES_NOT_HOLD
    told = f"{what}: mean {places(values.mean())}, largest {places(values.max())}"
    more = int(within.sum()) - printed_within
    hinging = f"{more} more within what rounding allows" if more else ""
    evidence = join(f"{told}, {printed_within} of {len(values)} within {stated}", hinging, note)
    index = values.index if within.all() else values.index[~within]
    return Decision(verdict, evidence, "recomputed number", named(cells, index))


def misprint(wrong: bool, mended: bool, cells: Cells, evidence: str) -> Decision:
    """Decide whether a printed word or digit is a slip: *typo* if it is wrong and the suggested reading is right."""
    verdict = HOLDS if not wrong else TYPO if mended else DOES_NOT_HOLD
    return Decision(verdict, evidence, "printed text against cells", all_cells(cells))


def allowed(stated: str, value: float, slack: float) -> bool:
    """Return whether a value, give or take ``slack``, may be printed as ``stated``."""
    return abs(value - paper.number(stated)) <= paper.half_unit(stated) + slack + TINY


def all_cells(cells: Cells) -> tuple[str, ...]:
    """Return every cell of a table or of several."""
    frames = [cells] if isinstance(cells, pd.DataFrame) else cells
    return tuple(dict.fromkeys(cell for frame in frames for cell in printed(frame)))


def signed(value: float) -> str:
    """Return a mean with its sign, with as many places as it needs to be seen."""
    return f"{value:+.2f}" if abs(value) >= 0.05 else f"{value:+.4f}"


def places(value: float) -> str:
    """Return a number to three places, whole numbers without."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"


def join(*parts: str) -> str:
    """Return the parts that are not empty as one sentence."""
    return "; ".join(part for part in parts if part) + "."
