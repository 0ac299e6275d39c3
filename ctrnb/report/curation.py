"""How many users, items and interactions the k-cores of real ratings have, beside the paper's Tables 1 and 7.

``ctrnb results curation`` curates the datasets of :data:`CORES` anew, in a minute or two, and writes
``book/results/curation/counts.csv``. Counts are facts, which may be shown where the ratings themselves may not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ctrnb import paper
from ctrnb.data import BipartiteGraph, Curation, Encoded, Ratings, curate, load
from ctrnb.report.beside import PAPER_NAMES, SAMPLES
from ctrnb.report.parameters import as_list
from ctrnb.study.ledger import write_table
from ctrnb.study.results import book_root, results_folder

CORES = (  # dataset, k, whether middle ratings are removed: those of Tables 1 and 7 that can be had, and the ledgers' others
    ("ml-1m", 1, False), ("ml-1m", 3, False), ("ml-1m", 6, False), ("ml-1m", 10, False), ("ml-1m", 19, True),
    ("ml-1m", 22, True), ("ml-100k", 3, False), ("ml-100k", 10, False), ("yelp-small", 3, False), ("yelp-small", 10, False),
    ("yelp-small", 20, False),
)  # fmt: skip
STATISTICS = paper.STATISTICS
UNITS = {
    "users": "users", "items": "items", "interactions": "interactions", "interactions_per_user": "interactions per user",
    "interactions_per_item": "interactions per item", "density_percent": "density in %",
}  # fmt: skip
CLICKS = "positive_rate"
AGREES, UNIT_APART, DIFFERS = "agrees", "last digit apart", "differs"


def count(data_dir: Path | None = None) -> pd.DataFrame:
    """Return the statistics of every core of :data:`CORES`: dataset, k, drop_middle, those of Tables 1 and 7, and positive_rate.

    Raises:
        DataError: the ratings of a dataset are not there.
    """
    ratings: dict[str, Any] = {}
    rows = []
    for dataset, k, drop_middle in CORES:
        if dataset not in ratings:
            described = book_root() / "book" / "datasets" / f"{dataset}.toml"
            ratings[dataset] = load(str(described) if described.is_file() else dataset, data_dir=data_dir)
        found = curate(ratings[dataset], Curation(k=k, drop_middle=drop_middle)).statistics()
        rows.append(
            {"dataset": dataset, "k": k, "drop_middle": drop_middle}
            | {name: found[name] for name in (*STATISTICS, CLICKS)}
        )
    return pd.DataFrame(rows)


def counts(folder: Path | None = None) -> pd.DataFrame:
    """Return the counts that were kept; none where :func:`count` has not been run."""
    path = results_folder(folder) / "curation" / "counts.csv"
    return (
        pd.read_csv(path)
        if path.is_file()
        else pd.DataFrame(columns=["dataset", "k", "drop_middle", *STATISTICS, CLICKS])
    )


def printed() -> pd.DataFrame:
    """Return the cells of Tables 1 and 7: table, dataset (the paper's), k, drop_middle, statistic, printed, value."""
    cells = pd.concat([paper.table(number) for number in (1, 7)], ignore_index=True)
    return cells.assign(drop_middle=cells["trained"] == "middle removed")


def compared(found: pd.DataFrame) -> pd.DataFrame:
    """Return every cell of Tables 1 and 7 that was counted on the paper's own data, not on a sample of it.

    Columns: table, dataset, k, drop_middle, statistic, printed, value (the paper's), ours, and what the two say of each
    other: ``agrees``, ours rounds to the printed number; ``last digit apart``, it is less than one unit of the last
    printed digit away, as where a number was cut off or rounded twice; ``differs``.
    """
    keys = ["dataset", "k", "drop_middle"]
    own = found[~found["dataset"].isin(SAMPLES)].melt(keys, list(STATISTICS), "statistic", "ours")
    own = own.assign(dataset=own["dataset"].map(PAPER_NAMES))
    table = printed().merge(own, on=[*keys, "statistic"])
    return table.assign(said=[said(row.printed, row.value, row.ours) for row in table.itertuples()])


def said(text: str, value: float, ours: float) -> str:
    """Return what a printed number and ours say of each other, as :func:`compared` says."""
    units = abs(ours - value) / (2 * paper.half_unit(text))
    if units <= 0.5 + 1e-9:
        return AGREES
    return UNIT_APART if units < 1 else DIFFERS


def verdict(cells: pd.DataFrame) -> str:
    """Return how :func:`compared` cells agree, table by table, and which differ, in words."""
    if cells.empty:
        return "Not counted on the paper's data."
    return " ".join(of_table(int(str(number)), own) for number, own in cells.groupby("table"))


def of_table(number: int, cells: pd.DataFrame) -> str:
    """Return one table's part of the verdict."""
    agree, apart = (int((cells["said"] == kind).sum()) for kind in (AGREES, UNIT_APART))
    wrong = [told(row) for row in cells[cells["said"] == DIFFERS].itertuples()]
    end = f"{len(wrong)} differ{'s' if len(wrong) == 1 else ''}{': ' if wrong else ''}{'; '.join(wrong)}"
    return (
        f"Of the {len(cells)} numbers of Table {number} on {', '.join(cells['dataset'].unique())}, {agree} agree with our "
        f"counts, {apart} are less than a unit of their last digit apart, and {end}."
    )


def unchecked(cells: pd.DataFrame) -> str:
    """Return how many numbers of Tables 1 and 7 are not among :func:`compared` cells, by dataset, in words."""
    left = printed()["dataset"].value_counts() - cells["dataset"].value_counts().reindex(paper.DATASETS, fill_value=0)
    return ", ".join(f"{count} on {name}" for name, count in left.items() if count) or "none"


def told(row: Any) -> str:
    """Return one number that differs, in words; and that it is a misprint where a tenth of it is what we count."""
    text = f"{UNITS[row.statistic]} at k = {row.k}, printed {row.printed}, counted {shown(row.statistic, row.ours)}"
    if said(row.printed, row.value, 10 * row.ours) != AGREES:
        return text
    return f"{text}: a misprint, as a tenth of it agrees{implied(row)}"


def implied(row: Any) -> str:
    """Return whether the paper's own averages contradict an item count of Table 1 as well, in words."""
    if row.statistic != "items" or row.table != 1:
        return ""
    found = paper.implied_items().set_index(["dataset", "k"]).loc[(row.dataset, row.k)]
    return "" if found["agrees"] else " and the table's own averages contradict what is printed"


def shown(statistic: str, value: float) -> str:
    """Return a statistic to read: a count whole, a mean with one digit, a density with two."""
    if np.isnan(value):
        return ""
    digits = {"interactions_per_user": 1, "interactions_per_item": 1, "density_percent": 2}.get(statistic, 0)
    return f"{value:,.{digits}f}"


def apart(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the :func:`compared` cells that do not agree, to read."""
    own = cells[cells["said"] != AGREES]
    removed = own["drop_middle"].map({True: "removed", False: "kept"})
    columns = {
        "table": own["table"], "k": own["k"], "middle ratings": removed, "statistic": own["statistic"].map(UNITS),
        "printed": own["printed"], "counted": [f"{value:,.3f}".replace(".000", "") for value in own["ours"]], "": own["said"],
    }  # fmt: skip
    return pd.DataFrame(columns).set_index(["table", "k", "middle ratings"])


def readable(found: pd.DataFrame) -> pd.DataFrame:
    """Return the counts to read, a row a core, each with the paper's cell of Table 1, else of Table 7, in brackets."""
    cells = printed().drop_duplicates(["dataset", "k", "drop_middle", "statistic"])
    theirs = cells.set_index(["dataset", "k", "drop_middle", "statistic"])["printed"]
    rows = []
    for row in found.to_dict("records"):
        name, removed = row["dataset"], row["drop_middle"]
        place = (PAPER_NAMES.get(name), row["k"], removed)
        columns = {}
        for statistic, label in UNITS.items():
            beside = "" if name in SAMPLES else theirs.get((*place, statistic), "")
            columns[label] = shown(statistic, row[statistic]) + (f" ({beside})" if beside else "")
        columns["clicks in %"] = f"{100 * row[CLICKS]:.1f}"
        rows.append({"dataset": name, "k": row["k"], "middle ratings": "removed" if removed else "kept"} | columns)
    return pd.DataFrame(rows, columns=["dataset", "k", "middle ratings", *UNITS.values(), "clicks in %"]).set_index(
        ["dataset", "k", "middle ratings"]
    )


def cores_table(ratings: Ratings, ks: Sequence[int], *, drop_middle: Sequence[bool] = (False,)) -> pd.DataFrame:
    """Return one row of statistics (Tables 1 and 7) for each k and middle-rating setting.

    Raises:
        ParameterError: ``ks`` is no list, or empty.  ConfigError: one is no whole number of at least 1.
    """
    rows = []
    for dropped in drop_middle:
        for k in as_list(ks, "ks"):
            curated = curate(ratings, Curation(k=k, drop_middle=dropped))
            rows.append({"k": k, "middle ratings": "removed" if dropped else "kept"} | curated.statistics())
    return pd.DataFrame(rows)


def fields_table(encoded: Encoded) -> pd.DataFrame:
    """Return one row a field: side, name and how many values training knows (one for a numeric field)."""
    rows = []
    for name, side in (("user", encoded.user_side), ("item", encoded.item_side)):
        values = [*side.cardinalities, *side.tag_cardinalities]
        kinds = ["categorical"] * len(side.cardinalities) + ["tags"] * len(side.tag_cardinalities)
        numeric = side.numeric.shape[1]
        rows.append({"side": name, "field": "ID", "kind": "ID", "known values": side.num_ids - 1})
        for field, kind, size in zip(side.names, kinds + ["numeric"] * numeric, values + [2] * numeric, strict=True):
            rows.append({"side": name, "field": field, "kind": kind, "known values": size - 1})
    return pd.DataFrame(rows)


def held_out_edges(encoded: Encoded, graph: BipartiteGraph) -> int:
    """Return how many validation and test pairs are edges of ``graph``: none, if nothing leaks."""
    rows = np.flatnonzero(encoded.split != 0)
    user, item = encoded.user_side.id_code[encoded.user[rows]], encoded.item_side.id_code[encoded.item[rows]]
    return int(np.isin(user * graph.num_items + item, graph.user * graph.num_items + graph.item).sum())


def write_counts(data_dir: Path | None = None, out: Path | None = None) -> Path:
    """Write :func:`count` to ``book/results/curation/counts.csv``, or under ``out``, and return the file."""
    path = results_folder(out) / "curation" / "counts.csv"
    write_table(count(data_dir), path)
    return path
