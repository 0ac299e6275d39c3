"""Appendix C.1: logloss (Tables 5 and 6) beside AUC (Tables 2 and 3)."""

from collections.abc import Callable

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section
from ctrnb.audit.density import model_dependent
from ctrnb.audit.rules import HALF_AUC, HALF_CHANGE, by_cell, changes, contrast, every, misprint, most, plainly, select

LOGLOSS = Section("C.1")
KEYS = ["dataset", "k", "model", "tier", "evaluated"]


def cells(table: int, **where: object) -> pd.DataFrame:
    """Return a table's cells of FT and TS."""
    return select(paper.table(table), **({"tier": ("FT", "TS")} | where))


def aligned(auc_table: int, logloss_table: int) -> pd.Series:
    """Return, cell by cell, whether AUC and logloss both improve or neither does."""
    auc, logloss = changes(auc_table), changes(logloss_table)
    logloss = logloss.reorder_levels(auc.index.names).reindex(auc.index)
    return (auc > 0) == (logloss < 0)


def alignment(auc_table: int, logloss_table: int, rule: Callable[..., Decision], note: str = "") -> Decision:
    """Decide by a rule whether a logloss table goes the way of its AUC table."""
    found = aligned(auc_table, logloss_table)
    shares = ", ".join(f"{name} {int(part.sum())} of {len(part)}" for name, part in found.groupby(level="dataset"))
    what = "cells in which AUC and logloss both improve or both do not"
    return rule(found, (cells(auc_table), cells(logloss_table)), what, note="; ".join(filter(None, (shares, note))))


@LOGLOSS.claim("align-5", "paragraph 2", "Logloss (Table 5) generally goes the way of AUC (Table 2).")
def align_5() -> Decision:
    return alignment(2, 5, most)


@LOGLOSS.claim("dense-auc", "paragraph 2", "On ML-1M TS improves AUC.")
def dense_auc() -> Decision:
    return every(changes(2, dataset="ML-1M"), cells(2), "AUC gains of TS on ML-1M", unit="%", slack=HALF_CHANGE)


@LOGLOSS.claim("dense-logloss", "paragraph 2", "On ML-1M TS also lowers logloss.")
def dense_logloss() -> Decision:
    return every(-changes(5, dataset="ML-1M"), cells(5), "logloss falls of TS on ML-1M", unit="%", slack=HALF_CHANGE)


@LOGLOSS.claim("sparse-models", "paragraph 2", "On Yelp2022 the effect on logloss depends on the model.")
def sparse_models() -> Decision:
    return model_dependent(5, better=-1)


@LOGLOSS.claim("dcnv2", "paragraph 2", "On Yelp2022 DCNV2's logloss improves at every k.")
def dcnv2() -> Decision:
    where = {"dataset": "Yelp2022", "model": "DCNV2"}
    auc = changes(2, **where)
    note = f"its AUC falls in {int((auc < 0).sum())} of the same {len(auc)} settings"
    return every(
        -changes(5, **where), cells(5), "logloss falls of DCNV2 on Yelp2022", unit="%", slack=HALF_CHANGE, note=note
    )


@LOGLOSS.claim(
    "eulernet",
    "paragraph 2",
    "On Yelp2022 EulerNet's logloss improves only at low local density ('local dataset is low' in print).",
)
def eulernet() -> Decision:
    found = changes(5, dataset="Yelp2022", model="EulerNet")
    low = found.index.get_level_values("k") == min(found.index.unique("k"))
    margin = found.where(~low, -found)
    auc = changes(2, dataset="Yelp2022", model="EulerNet")
    note = f"its AUC rises in {int((auc > 0).sum())} of the same {len(auc)} settings"
    return every(
        margin,
        cells(5),
        "settings that improve at the smallest k and worsen at larger ones",
        unit="%",
        slack=HALF_CHANGE,
        note=note,
    )


@LOGLOSS.claim("autoint", "paragraph 2", "On Yelp2022 AutoInt's logloss worsens at every k.")
def autoint() -> Decision:
    found = changes(5, dataset="Yelp2022", model="AutoInt")
    largest = changes(5).idxmax()
    note = f"the rise at k = {found.idxmax()[1]} is {'' if largest == found.idxmax() else 'not '}the largest of Table 5"
    return every(found, cells(5), "logloss rises of AutoInt on Yelp2022", unit="%", slack=HALF_CHANGE, note=note)


@LOGLOSS.claim("align-6", "paragraph 3", "Logloss (Table 6) goes the way of AUC (Table 3) as well.")
def align_6() -> Decision:
    return alignment(3, 6, plainly, "paragraph 2 says it of Table 5 with 'generally', this sentence without")


@LOGLOSS.claim("ft-likely", "paragraph 3", "FT lowers logloss more often than TS.")
def ft_likely() -> Decision:
    falls = (changes(6) < 0).groupby(level=["dataset", "evaluated", "tier"]).sum()
    total = (changes(6) < 0).groupby(level="tier").agg(["sum", "size"])
    note = "in all " + ", ".join(f"{tier} {row['sum']} of {row['size']}" for tier, row in total.iterrows())
    margin = contrast(falls, "tier", "FT", "TS").groupby(level="evaluated").sum()
    return every(margin, cells(6), "evaluations in which FT lowers it more often", unit="cells", note=note)


@LOGLOSS.claim("ft-mitigates", "paragraph 3", "Where message passing raises logloss, FT raises it less than TS.")
def ft_mitigates() -> Decision:
    wide = changes(6).unstack("tier")
    harmed = wide[wide.max(axis=1) > 0]
    return every(
        harmed["TS"] - harmed["FT"],
        cells(6),
        "cells with a rise in which FT's is the smaller",
        unit="%",
        slack=2 * HALF_CHANGE,
    )


@LOGLOSS.claim(
    "strong-confidence",
    "paragraph 3",
    "Confidence in strongly supervised samples is lower than overall (lower logloss being higher confidence).",
)
def strong_confidence() -> Decision:
    table = paper.table(6)
    margin = contrast(by_cell(table, "value"), "evaluated", "middle removed", "all")
    note = (
        f"'higher' in place of 'lower' would fit {int((margin < 0).sum())} of {len(margin)}, "
        "and the sentence after it says that confidence in them is already high"
    )
    return every(
        margin, table, "cells whose logloss on strong ratings is the higher", unit="nats", slack=1e-4, note=note
    )


@LOGLOSS.claim("strong-easier", "paragraph 3", "Strongly supervised samples are easier to tell apart.")
def strong_easier() -> Decision:
    table = paper.table(3)
    margin = contrast(by_cell(table, "value"), "evaluated", "middle removed", "all")
    return every(
        margin, table, "cells whose AUC on strong ratings is the higher", unit="percent points", slack=2 * HALF_AUC
    )


LOGLOSS.unchecked(
    "strong-patterns",
    "paragraph 3",
    "They are so because their patterns are more general.",
    "a cause; no measure of patterns or of their generality is reported.",
)


@LOGLOSS.claim("strong-harder", "paragraph 3", "Logloss improves less on strongly supervised samples than on all.")
def strong_harder() -> Decision:
    margin = contrast(changes(6), "evaluated", "middle removed", "all")
    return every(
        margin, cells(6), "cells whose logloss improves less on strong ratings", unit="%", slack=2 * HALF_CHANGE
    )


LOGLOSS.unchecked(
    "weak-room",
    "paragraph 3",
    "Noisy, weakly supervised samples offer more room for confidence to improve.",
    "no table evaluates weak ratings alone; what strong ratings and all of them say is under the claim before.",
)


LOGLOSS.unchecked(
    "confidence",
    "captions of Tables 5 and 6",
    "Lower logloss means better prediction confidence and reliability.",
    "logloss mixes calibration with ranking; no measure of calibration is reported that would tell them apart.",
)


def opposite_marks() -> Decision:
    """Decide whether Tables 3 and 6 mark the complete test set alike."""
    marks = {}
    for number in (3, 6):
        table = paper.table(number)
        marks[number] = select(table, evaluated="all")["printed_mark"].iloc[0]
    evidence = (
        f"the complete test set is marked {marks[3]} in Table 3 and {marks[6]} in Table 6, "
        "by cells equal to those of Tables 2 and 5."
    )
    frames = [select(paper.table(number), tier="Base", k=3, model="DCNV2") for number in (2, 3, 5, 6)]
    return misprint(marks[3] != marks[6], whole_by_cells(), frames, evidence)


def whole_by_cells() -> bool:
    """Return whether the cells taken as the complete test set in Tables 3 and 6 repeat Tables 2 and 5."""
    repeated = paper.repeated_cells()
    return bool(repeated[repeated["first"].isin((2, 5)) & repeated["second"].isin((3, 6))]["equal"].all())


LOGLOSS.claim("marks", "Table 6", "EvalRM marks mean the same in Tables 3 and 6.")(opposite_marks)


@LOGLOSS.claim("orig", "Table 6", "DCNV2's second reference row is labelled apart from Base.")
def orig() -> Decision:
    label = paper.TEXT["Table 6", "label of DCNV2's second Base row"]
    where = {"model": "DCNV2", "evaluated": "middle removed"}
    follows = select(paper.recomputed_changes(6), **where)["agrees"]
    evidence = f"printed {label}; changes that follow from it as Base: {int(follows.sum())} of {len(follows)}."
    return misprint(label != "Base", bool(follows.all()), select(paper.table(6), tier="Base", **where), evidence)


@LOGLOSS.claim(
    "corresponds", "captions of Tables 5 and 6", "Tables 5 and 6 give the logloss of the very cells of Tables 2 and 3."
)
def corresponds() -> Decision:
    """The cells are the same, and Tables 5 and 6 repeat each other as Tables 2 and 3 do."""
    repeated = paper.repeated_cells().query("first == 5 and second == 6").set_index(KEYS)["equal"]
    same = all(
        set(map(tuple, paper.table(a)[KEYS].to_numpy())) == set(map(tuple, paper.table(b)[KEYS].to_numpy()))
        for a, b in ((2, 5), (3, 6))
    )
    return every(
        repeated & same,
        (paper.table(5), paper.table(6)),
        "values of Table 6 equal to Table 5's",
        note=f"same models, datasets, cores and tiers as the AUC tables: {'yes' if same else 'no'}",
    )
