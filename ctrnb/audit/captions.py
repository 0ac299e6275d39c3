"""What captions of Tables 2 to 8 and Figure 5 state, and whether tables agree with themselves and each other."""

from ctrnb import paper
from ctrnb.audit.claims import Decision, Section
from ctrnb.audit.rules import by_cell, every, select
from ctrnb.audit.setup import averages_at_least_k
from ctrnb.audit.strategies import marks_named_twice
from ctrnb.audit.underserved import lowest

CAPTIONS = Section("Captions")
KEYS = ["dataset", "k", "model", "tier", "evaluated"]


def changes_follow(number: int) -> Decision:
    """Decide whether every printed change is the relative change that rounded cells allow."""
    found = paper.recomputed_changes(number)
    away = (found["relative_percent"] - found["change_percent"]).abs()
    note = f"the cells as printed are off by {away.max():.3f} % at most ({paper.place(found.loc[away.idxmax()])})"
    return every(by_cell(found, "agrees"), paper.table(number), "printed changes that their cells allow", note=note)


def repeats(number: int, *others: int) -> Decision:
    """Decide whether a table gives the same values for the same things as another one, or as one of two others."""
    found = paper.repeated_cells()
    found = found[found["first"].isin(others) & (found["second"] == number)].set_index([*KEYS, "first"])
    named = " or ".join(f"Table {other}'s" for other in others)
    tables = [paper.table(each) for each in (*others, number)]
    return every(found["equal"], tables, f"values of Table {number} equal to {named}")


@CAPTIONS.claim("table-2-changes", "Table 2", "The values in brackets are TS's relative change to Base.")
def table_2_changes() -> Decision:
    return changes_follow(2)


@CAPTIONS.claim("table-3-changes", "Table 3", "The values in brackets are FT's and TS's relative change to Base.")
def table_3_changes() -> Decision:
    return changes_follow(3)


@CAPTIONS.claim(
    "table-4-changes", "Table 4", "The values in brackets are relative changes to Base, of the variance too."
)
def table_4_changes() -> Decision:
    return changes_follow(4)


@CAPTIONS.claim("table-5-changes", "Table 5", "The third line of a model is TS's relative change of logloss to Base.")
def table_5_changes() -> Decision:
    return changes_follow(5)


@CAPTIONS.claim("table-6-changes", "Table 6", "The values in brackets are relative changes of logloss to Base.")
def table_6_changes() -> Decision:
    return changes_follow(6)


@CAPTIONS.claim("table-8-changes", "Table 8", "The values in brackets are TS's relative change to Base.")
def table_8_changes() -> Decision:
    return changes_follow(8)


@CAPTIONS.claim("least", "Tables 2, 6 and 8", "k is the least number of interactions per user and item.")
def k_is_least() -> Decision:
    return averages_at_least_k(1, 7)


CAPTIONS.unchecked(
    "significance",
    "Tables 2, 3 and 8",
    "Grey cells show no significant change.",
    "no test, threshold or spread is given; the text of Section 4.2 suggests 0.05 %, a size and not a significance.",
)


@CAPTIONS.claim(
    "table-3-marks", "Table 3", "A check mark retains middle ratings in the evaluation and another sign removes them."
)
def table_3_marks() -> Decision:
    return marks_named_twice(("caption of Table 3", "marks"))


@CAPTIONS.claim("table-3-repeats", "Table 3", "Base and TS on the complete test set are those of Table 2.")
def table_3_repeats() -> Decision:
    return repeats(3, 2)


@CAPTIONS.claim("table-4-cores", "Table 4", "Table 4 is of ML-1M's 6-core and Yelp2022's 10-core.")
def table_4_cores() -> Decision:
    return repeats(4, 3)


@CAPTIONS.claim("table-8-repeats", "Table 8", "Trained on all ratings, Table 8 repeats Tables 2 and 3.")
def table_8_repeats() -> Decision:
    return repeats(8, 2, 3)


@CAPTIONS.claim(
    "table-8-evaluation", "Table 8", "Models trained without middle ratings are evaluated without them only."
)
def table_8_evaluation() -> Decision:
    """Count pairs of Base and TS: where a pair is empty, one dash stands for both."""
    table = select(paper.table(8), trained="middle removed")
    pair = (
        table.assign(empty=table["value"].isna())
        .groupby(["dataset", "k", "model", "trained", "evaluated"])["empty"]
        .mean()
    )
    only = pair == (pair.index.get_level_values("evaluated") == "all")
    what = "pairs of Base and TS that are empty on the complete test set and filled without middle ratings"
    return every(only, table, what)


@CAPTIONS.claim("figure-5-dense", "Figure 5", "On ML-1M the under-served group is that of low activity.")
def figure_5_dense() -> Decision:
    return lowest("ML-1M")


@CAPTIONS.claim("figure-5-sparse", "Figure 5", "On Yelp2022 the under-served group is that of high activity.")
def figure_5_sparse() -> Decision:
    return lowest("Yelp2022")
