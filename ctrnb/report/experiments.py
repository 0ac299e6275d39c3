"""The experiments that chapters run, and their tables to read.

Chapters hold no logic; they call these functions with their parameters. Finished trainings are kept in a runs folder
(the environment variable CTRNB_RUNS, else the user's cache), so that no chapter repeats another's.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.data import Curation, Encoded, curate, encode, load
from ctrnb.evaluation.groups import GROUPS
from ctrnb.report.parameters import as_list
from ctrnb.report.provenance import provenance
from ctrnb.report.tuning import marked
from ctrnb.study.description import Cell, Study, read_study
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.ledger import GAINS, tables
from ctrnb.study.results import ledgers, measured, measured_changes
from ctrnb.study.sweep import Sweep
from ctrnb.training import RunStore
from ctrnb.training.config import TIER_NAMES, TIERS
from ctrnb.words import sign, with_interval

METRICS = ("auc", "logloss", "auc_strong", "logloss_strong", *(f"auc_{name}" for name in GROUPS))


def runs_folder() -> Path:
    """Return where finished trainings are kept: CTRNB_RUNS, else ``ctrnb/runs`` in the user's cache folder."""
    named = os.environ.get("CTRNB_RUNS")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ctrnb" / "runs"


def prepare(dataset: str, *, k: int, drop_middle: bool = False, split_seed: int = 0) -> Encoded:
    """Return a dataset by name or TOML path, curated and encoded."""
    return encode(curate(load(dataset), Curation(k=k, drop_middle=drop_middle, seed=split_seed)))


def run_tiers(
    dataset: str,
    models: Sequence[str],
    *,
    k: int,
    seeds: Sequence[int],
    epochs: int,
    tiers: Sequence[str] = TIERS,
    drop_middle: bool = False,
    runs: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train every model in every tier with every seed; return the ledger and its changes (:func:`run`).

    Raises:
        ParameterError: ``models`` or ``seeds`` is no list.  ConfigError: a name or number that cannot be.
        RunError: a training failed.
    """
    names, repeats = tuple(as_list(models, "models")), tuple(as_list(seeds, "seeds"))
    cell = Cell((dataset,), (k,), names, tuple(tiers), repeats, (drop_middle,))
    return run(Study("chapter", (cell,), fixed={"training": {"epochs": epochs}}), runs)


def run_study(path: str, runs: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a study's TOML and return its ledger and its changes (:func:`run`).

    Raises:
        ConfigError: the study is missing or malformed.  RunError: a training failed.
    """
    return run(read_study(Path(path)), runs)


def run(study: Study, runs: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a study in this process; return its final rows and its changes; what has finished before is not repeated.

    Raises:
        DataError: a dataset is missing or malformed.  RunError: a training failed.
    """
    state = Sweep(study, RunStore(runs or runs_folder()))
    state.run(InProcessEngine())
    state.require()
    rows, changes = tables(state)
    return rows[rows["stage"] == "final"].reset_index(drop=True), changes


def measured_or_run(name: str, model: str, *, k: int, epochs: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a measured ledger and its changes, or those of one model on the synthetic data where there is none."""
    rows, changes = (measured(name), measured_changes(name)) if name else (None, None)
    if rows is None or changes is None:
        return run_tiers("synthetic", [model], k=k, seeds=[0], epochs=epochs)
    return rows, changes


def summarise(rows: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Return mean over seeds by dataset, k, model and tier: metrics, the relative change to Base in percent, the verdict.

    ``delta`` is the change of AUC to Base and ``gain`` that to the control, with ``_low`` and ``_high``, a 95 % interval
    over test users and seeds (:mod:`ctrnb.study.changes`), and ``_p``, its p-value. ``verdict`` is what ``delta``'s says:
    improved, worse, or no significant change.

    Args:
        rows, changes: a ledger and what was kept beside it (:mod:`ctrnb.study.ledger`).
    """
    keys = [name for name in ("dataset", "k", "drop_middle", "model_name") if name in rows]
    metrics = [name for name in METRICS if name in rows]
    table = rows.groupby([*keys, "tier_name"], sort=False)[metrics].mean().reset_index()
    own = changes[changes["metric"] == "auc"].assign(tier_name=lambda frame: frame["tier"].map(TIER_NAMES))
    for name, reference in GAINS:
        found = own[own["reference"] == reference]
        columns = {"change": name, "low": f"{name}_low", "high": f"{name}_high", "p_value": f"{name}_p"}
        columns |= {"verdict": "verdict", "change_percent": "change_percent"} if reference == "base" else {}
        found = found.reindex(columns=[*keys, "tier_name", *columns]).rename(columns=columns)
        table = table.merge(found, on=[*keys, "tier_name"], how="left")
    is_base = table["tier_name"] == "Base"
    return table.assign(
        change_percent=table["change_percent"].where(~is_base, 0.0), verdict=table["verdict"].fillna("")
    )


def measured_summaries(tier: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield title, provenance and summary of every measured ledger that has a tier, one for each of its k."""
    for name in ledgers():
        rows, changes = measured(name), measured_changes(name)
        if rows is None or changes is None or tier not in set(rows["tier"]):
            continue
        for k, part in rows.groupby("k"):
            summary = marked(summarise(part, changes), name)
            yield f"{', '.join(part['dataset'].unique())}, {k}-core", provenance(part), summary


def verdict_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a table to read: AUC and logloss, change to Base in percent, and changes to the control and Base in points with
    their intervals and what these say as a sign, these first, where a narrow screen shows them.

    Args:
        summary: as of :func:`ctrnb.report.experiments.summarise`.
    """
    changes = {
        f"to {said}, points (95 %)": [
            "" if np.isnan(low) else with_interval(value, low, high, mark=sign(low, high), scale=100)
            for value, low, high in zip(summary[name], summary[f"{name}_low"], summary[f"{name}_high"], strict=True)
        ]
        for name, said in (("gain", "control"), ("delta", "Base"))
    }
    table = pd.DataFrame(
        {
            "model": summary["model_name"],
            "tier": summary["tier_name"],
            **changes,
            "AUC": summary["auc"].map("{:.4f}".format),
            "logloss": summary["logloss"].map("{:.4f}".format),
            "Δ% to Base": summary["change_percent"].map("{:+.2f}".format),
        }
    )
    return table.set_index(["model", "tier"])
