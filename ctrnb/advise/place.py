"""Where a dataset lies among those that were measured: by density, with what message passing did there."""

import numpy as np
import pandas as pd

from ctrnb import paper
from ctrnb.errors import ConfigError
from ctrnb.study.results import all_changes

COLUMNS = [
    "ledger",
    "dataset",
    "k",
    "drop_middle",
    "model",
    "density_percent",
    "reference",
    "change",
    "low",
    "high",
    "mde",
    "se_users",
    "se",
    "seeds",
    "train_interactions",
    "train_per_user",
]


def measured_places(model: str | None = None) -> pd.DataFrame:
    """Return FT's changes of AUC with one model (None: with every one) on every measured dataset whose density is kept,
    sparsest first.

    Columns: ledger, dataset, k, drop_middle, model, density_percent, reference (base or control), change, low, high, mde (the
    smallest true change that would have been found with 80 % probability), se_users and se (standard errors of the change over test
    users, and over users and seeds), seeds, train_interactions, train_per_user.
    Empty where there is no ledger.
    """
    try:
        changes = all_changes()
    except ConfigError:  # not in a checkout of the book
        return pd.DataFrame(columns=COLUMNS)
    if "density_percent" not in changes:
        return pd.DataFrame(columns=COLUMNS)
    wanted = (changes["tier"] == "ft") & (changes["metric"] == "auc")
    wanted &= True if model is None else changes["model"] == model
    wanted &= changes["reference"].isin(["base", "control"]) & changes["density_percent"].notna()
    wanted &= ~changes["drop_middle"].astype(bool)
    return (
        changes.loc[wanted, COLUMNS].sort_values(["density_percent", "dataset"], kind="stable").reset_index(drop=True)
    )


def paper_places() -> pd.DataFrame:
    """Return the densities of the paper's datasets (Table 1): dataset, k, density_percent."""
    rows = paper.table(1)
    rows = rows[rows["statistic"] == "density_percent"].rename(columns={"value": "density_percent"})
    return rows[["dataset", "k", "density_percent"]].sort_values("density_percent").reset_index(drop=True)


def nearest(places: pd.DataFrame, density_percent: float) -> tuple[dict | None, dict | None]:
    """Return the nearest dataset that is no denser and the nearest that is denser, as dataset, k and density_percent."""
    known = places.drop_duplicates(["dataset", "k"]).sort_values("density_percent")
    known = known[["dataset", "k", "density_percent"]]
    sparser, denser = (known[side] for side in (known["density_percent"] <= density_percent, known["density_percent"] > density_percent))  # fmt: skip
    return plain(sparser.iloc[-1]) if len(sparser) else None, plain(denser.iloc[0]) if len(denser) else None


def plain(row: pd.Series) -> dict:
    """Return a row with Python's own numbers."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
