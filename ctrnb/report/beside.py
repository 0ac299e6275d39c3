"""Our measurements beside the paper's tables, cell by cell, and what each says of the other.

A cell of the paper prints a change from one tier to another. Ours has an interval for the same change. Whether it is *as
printed* says the last column of :func:`beside`, and the first that a reader sees:

* *yes*: the interval lies on the paper's side of zero;
* *no*: it lies on the other side, or it holds zero and the paper's change is further from ours than chance takes the
  two apart, rounding allowed for. The paper prints no error; its change is taken to be as uncertain as ours, so that their
  difference has the square root of two times our standard error;
* *undecided*: neither.

Where our data is a sample of the paper's dataset the sizes need not agree, and only sides are compared. A *claim* of a side,
*reproduced* or not, is another matter (:mod:`ctrnb.report.claims`): a change that holds zero can leave it undecided and yet be
too small to be as printed.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from ctrnb import paper
from ctrnb.errors import ParameterError
from ctrnb.study.changes import LEVEL
from ctrnb.study.results import CELL
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import MARKS, NO_BREAK, NONE, narrower, with_interval

PAPER_NAMES = {"ml-1m": "ML-1M", "yelp2022": "Yelp2022", "yelp-small": "Yelp2022"}
SAMPLES = ("yelp-small",)  # of the paper's dataset
METRIC = {"auc": {"all": "auc", "middle removed": "auc_strong"}, "logloss": {"all": "logloss", "middle removed": "logloss_strong"}}  # fmt: skip
AUC_TABLES, LOGLOSS_TABLES = (2, 3, 8), (5, 6)
REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided at this power"
AS_PRINTED = {REPRODUCED: "yes", NOT_REPRODUCED: "no", UNDECIDED: "undecided", "": ""}  # of a cell of the paper's table
HALF_UNIT = 0.005  # of a printed change in percent
PAPER_CELL = ["paper_dataset", "k", "drop_middle", "model", "metric"]


def reproduction(
    change: float,
    se: float,
    df: float,
    expected: float,
    *,
    rounding: float = 0.0,
    same_data: bool = True,
    level: float = LEVEL,
) -> str:
    """Return what an estimated change says of an expected one, as the module says; empty where either is missing.

    Args:
        change, se, df: estimate, standard error and degrees of freedom, in the unit of ``expected``.
        rounding: how far the true change that was printed may be from ``expected``.
        same_data: whether sizes are compared, or sides alone.
    """
    if np.isnan(change) or np.isnan(se) or np.isnan(expected):
        return ""
    margin = stats.t.ppf(1 - level / 2, df) * se
    low, high = change - margin, change + margin
    if low > 0 or high < 0:
        return REPRODUCED if change * expected > 0 else NOT_REPRODUCED
    apart = abs(expected - change) > np.sqrt(2) * margin + rounding
    return NOT_REPRODUCED if same_data and apart else UNDECIDED


def paper_cells(number: int) -> pd.DataFrame:
    """Return a table of the paper in our terms.

    Columns: paper_dataset, k, drop_middle, model, tier, metric; paper (AUC as a fraction or logloss in nats);
    expected_percent (the printed change, NaN for Base) and rounding_percent (how far it may be from the change of the
    numbers before they were rounded: half a unit of its own, and of each of the two numbers that it compares).

    Raises:
        ParameterError: the table is not one of tiers.
    """
    if number not in (*AUC_TABLES, *LOGLOSS_TABLES):
        raise ParameterError(f"table {number} does not compare tiers; 2, 3, 5, 6 and 8 do.")
    cells = paper.table(number).dropna(subset=["value"])
    kind = "auc" if number in AUC_TABLES else "logloss"
    level = cells["printed"].str.split().str[0]  # the change may stand behind it in brackets
    trained = cells.get("trained", pd.Series("all", cells.index))
    return pd.DataFrame(
        {
            "paper_dataset": cells["dataset"],
            "k": cells["k"],
            "drop_middle": trained == "middle removed",
            "model": cells["model"].map(paper.MODELS),
            "tier": cells["tier"].str.lower(),
            "metric": cells["evaluated"].map(METRIC[kind]),
            "paper": cells["value"] / (100 if kind == "auc" else 1),
            "expected_percent": cells["change_percent"],
            "rounding_percent": HALF_UNIT + 200 * level.map(paper.half_unit) / cells["value"],
        }
    )


def comparable(changes: pd.DataFrame) -> pd.DataFrame:
    """Return changes with ``paper_dataset``, ``same_data``, and the uncertainty of the change in percent."""
    known = changes[changes["dataset"].isin(PAPER_NAMES)]
    base = known["reference_mean"].abs()
    return known.assign(
        reference=known["reference"].fillna(""),
        paper_dataset=known["dataset"].map(PAPER_NAMES),
        same_data=~known["dataset"].isin(SAMPLES),
        se_percent=100 * known["se"] / base,
        low_percent=100 * known["low"] / base,
        high_percent=100 * known["high"] / base,
    )


def used(numbers: Iterable[int], changes: pd.DataFrame) -> pd.DataFrame:
    """Return the changes that :func:`beside` shows next to these tables of the paper."""
    cells = pd.concat([paper_cells(number)[PAPER_CELL] for number in numbers]).drop_duplicates()
    return comparable(changes).merge(cells, on=PAPER_CELL)[list(changes)]


def beside(number: int, changes: pd.DataFrame) -> pd.DataFrame:
    """Return a table of the paper beside our measurements of the same cells; the control has no cell of the paper.

    Columns: dataset, k, drop_middle, model_name, tier, metric; paper, expected_percent; ours, sd, seeds; change_percent,
    low_percent, high_percent and verdict against Base; the same with ``control_`` before them against the control;
    p_seeds, p_holm, mde_percent; as_printed, of the paper's change to Base (the words of a claim, :data:`AS_PRINTED` those of a cell).
    """
    ours = comparable(changes)
    cells = paper_cells(number)
    levels = ours[ours["reference"] == ""].rename(columns={"mean": "ours", "sd_seeds": "sd"})
    keys = [*CELL, "tier", "metric"]
    columns = ["change_percent", "low_percent", "high_percent", "se_percent", "df", "verdict"]
    table = levels[[*keys, "paper_dataset", "same_data", "model_name", "ours", "sd", "seeds"]]
    tests = ["p_seeds", "p_holm", "mde_percent"]  # p_seeds is absent where the changes are from a ledger's rows alone
    to_base = ours[ours["reference"] == "base"].reindex(columns=[*keys, *columns, *tests])
    to_control = ours[ours["reference"] == "control"][[*keys, *columns]]
    table = table.merge(to_base, on=keys, how="left").merge(
        to_control.rename(columns={name: f"control_{name}" for name in columns}), on=keys, how="left"
    )
    measured = cells[PAPER_CELL].drop_duplicates()
    table = table.merge(measured, on=[*measured.columns]).merge(cells, on=[*PAPER_CELL, "tier"], how="left")
    table = table[table["tier"].isin([*cells["tier"].unique(), "control"])]
    table["as_printed"] = [
        reproduction(
            row.change_percent,
            row.se_percent,
            row.df,
            row.expected_percent,
            rounding=row.rounding_percent,
            same_data=row.same_data,
        )
        for row in table.itertuples()
    ]
    order = {tier: place for place, tier in enumerate(("base", "control", "ft", "ts"))}
    return table.sort_values("tier", key=lambda tier: tier.map(order), kind="stable").sort_values(
        ["dataset", "metric", "drop_middle", "k", "model_name"], kind="stable", ignore_index=True
    )


def by_dataset(number: int, changes: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield :func:`beside` to be read, a dataset, core and kind of ratings at a time, and what stands above it."""
    table = beside(number, changes)
    kind = "AUC in percent" if number in AUC_TABLES else "logloss in nats, lower is better"
    for (dataset, k, dropped, metric), rows in table.groupby(["dataset", "k", "drop_middle", "metric"], sort=False):
        other = "" if rows["same_data"].all() else f" (the paper's: {rows['paper_dataset'].iloc[0]})"
        without = ["training"] * bool(dropped) + ["evaluation"] * metric.endswith("_strong")
        middle = f", middle ratings removed from {' and '.join(without)}" if without else ""
        yield f"Table {number}, {kind}: {dataset}{other}, k = {k}{middle}", readable(rows)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of :func:`beside` to be read: AUC in percent, changes in percent with sign and interval.

    Whether the change is as printed, and our change, stand first, where a narrow screen shows them. There is no column of changes to the control without a control.
    """
    of_auc = table["metric"].str.startswith("auc")
    scale, digits = np.where(of_auc, 100.0, 1.0), np.where(of_auc, 2, 4)

    def numbers(name: str) -> list[str]:
        values = zip(scale * table[name], digits, strict=True)
        return ["" if np.isnan(value) else f"{value:.{places}f}" for value, places in values]

    def followed(values: list[str], others: list[str], how: str) -> list[str]:
        """Return values with others behind them, where there are such."""
        return [value + (how.format(other) if other else "") for value, other in zip(values, others, strict=True)]

    def change(prefix: str) -> list[str]:
        parts = [table[f"{prefix}{name}_percent"] for name in ("change", "low", "high")]
        marks = table[f"{prefix}verdict"].fillna("").map(MARKS)
        rows = zip(*parts, marks, strict=True)
        return [narrower(with_interval(change, low, high, mark=mark)) for change, low, high, mark in rows]

    printed = ["" if np.isnan(x) else f"{x:+.2f}" for x in table["expected_percent"]]
    shown = {
        "model": table["model_name"],
        "tier": table["tier"].map(TIER_NAMES),
        "as printed?": table["as_printed"].map(AS_PRINTED),
        "ours Δ% to Base": change(""),
        "paper (Δ%)": followed(numbers("paper"), printed, " ({})"),
        "ours ± sd": followed(numbers("ours"), numbers("sd"), f" ±{NO_BREAK}{{}}"),
    }
    if table["control_change_percent"].notna().any():
        controlled = table["tier"].isin(["base", "control"])
        to_control = zip(change("control_"), controlled, strict=True)
        shown["ours Δ% to control"] = [text or ("" if own else NONE) for text, own in to_control]
    return pd.DataFrame(shown).set_index(["model", "tier"])
