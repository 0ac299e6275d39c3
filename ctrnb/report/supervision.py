"""The chapter on supervision: training with and without middle ratings, in pairs of like density (Tables 7 and 8)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ctrnb.data import Curation, Ratings, curate
from ctrnb.errors import ConfigError
from ctrnb.report.experiments import run_tiers, summarise
from ctrnb.report.words import with_interval

KEPT, REMOVED = "middle kept", "middle removed"  # from what was trained on


def density_matched(ratings: Ratings, k: int, candidates: Iterable[int]) -> int:
    """Return the k whose core without middle ratings is nearest in density to the k-core with them (Table 7's pairs).

    Raises:
        ConfigError: no candidate was given.
    """
    target = curate(ratings, Curation(k=k)).statistics()["density_percent"]
    gaps = {}
    for candidate in candidates:
        found = curate(ratings, Curation(k=candidate, drop_middle=True)).statistics()["density_percent"]
        gaps[candidate] = abs(found - target)
    if not gaps:
        raise ConfigError("density_matched needs at least one candidate k.")
    return min(gaps, key=lambda each: gaps[each])


def pair(
    dataset: str, model: str, k: int, matched: int, *, seeds: Sequence[int], epochs: int, runs: Path | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train Base and TS on a dataset with middle ratings at ``k`` and without them at ``matched``.

    Returns:
        The ledger, with a column ``training`` that says which member a row is of, and the changes.
    """
    found = [
        run_tiers(
            dataset, [model], k=at, seeds=seeds, epochs=epochs, tiers=("base", "ts"), drop_middle=removed, runs=runs
        )
        for removed, at in ((False, k), (True, matched))
    ]
    rows, changes = (pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True))
    return rows.assign(training=rows["drop_middle"].map({False: KEPT, True: REMOVED})), changes


def readable(rows: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`pair` to be read: means over seeds, AUC's change to Base in points of 0.01."""
    table = summarise(rows, changes)
    density = rows.groupby("drop_middle")["density_percent"].first()
    shown = pd.DataFrame(
        {
            "training": table["drop_middle"].map({False: KEPT, True: REMOVED}),
            "k": table["k"],
            "tier": table["tier_name"],
            "density, %": table["drop_middle"].map(density).map("{:.2f}".format),
            "AUC, all test ratings": table["auc"].map("{:.4f}".format),
            "AUC, middle removed": table["auc_strong"].map("{:.4f}".format),
            "change of AUC to Base, points": [
                with_interval(row.delta, row.delta_low, row.delta_high, scale=100) for row in table.itertuples()
            ],
        }
    )
    return shown.set_index(["training", "k", "tier"])


def difference(rows: pd.DataFrame) -> float:
    """Return how Base's AUC on strong test ratings differs without middle ratings in training, in points of 0.01."""
    base = rows[rows["tier"] == "base"].groupby("training")["auc_strong"].mean()
    return float(100 * (base[REMOVED] - base[KEPT]))
