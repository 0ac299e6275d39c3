"""The experiments that chapters run: trainings compared on the same test interactions, as tidy tables.

Chapters hold no logic; they call these functions with their parameters. Finished trainings are kept in a runs folder
(the environment variable CTRNB_RUNS, else the user's cache), so that no chapter repeats another's.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ctrnb.data import BipartiteGraph, Curation, Encoded, Ratings, curate, encode, load
from ctrnb.errors import ConfigError, RunError
from ctrnb.evaluation import mci, variance_lmh
from ctrnb.evaluation.groups import GROUPS
from ctrnb.evaluation.statistics import bootstrap_users
from ctrnb.models import DISPLAY  # noqa: F401 (and this)
from ctrnb.plots import with_interval
from ctrnb.report.measured import (  # noqa: F401 (chapters find them here too)
    GAINS,
    all_changes,
    book_root,
    changes_of,
    ledgers,
    measured,
    measured_changes,
    measured_on,
    provenance,
    searched,
    sources,
)
from ctrnb.report.parameters import as_list
from ctrnb.report.tuning import marked
from ctrnb.study import command
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.ledger import flat_row
from ctrnb.training import RunResult, RunStore, train
from ctrnb.training.config import TIER_NAMES
from ctrnb.training.loop import Progress

METRICS = ("auc", "logloss", "auc_strong", "logloss_strong", "auc_low", "auc_mid", "auc_high")


def runs_folder() -> Path:
    """Return where finished trainings are kept: CTRNB_RUNS, else ``ctrnb/runs`` in the user's cache folder."""
    named = os.environ.get("CTRNB_RUNS")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ctrnb" / "runs"


def prepare(dataset: str, *, k: int, drop_middle: bool = False, split_seed: int = 0) -> Encoded:
    """Return a dataset by name or TOML path, curated and encoded."""
    return encode(curate(load(dataset), Curation(k=k, drop_middle=drop_middle, seed=split_seed)))


def compare_tiers(
    encoded: Encoded,
    models: Iterable[str],
    tiers: Sequence[str] = ("base", "control", "ft", "ts"),
    *,
    seeds: Iterable[int] = (0,),
    overrides: dict[str, Any] | None = None,
    runs: Path | None = None,
    device: str = "auto",
    repeats: int = 200,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Train every model in every tier with every seed; return one row a training, in that order.

    Columns: those of a run's row, ``k`` left to the caller, and for every tier but Base the difference of its AUC to
    Base's on the same test interactions (``delta``, a fraction) with a 95 % interval over resampled test users
    (``delta_low``, ``delta_high``), and likewise ``gain`` over the control tier where that was trained.

    Raises:
        ParameterError: ``models`` is a text.
    """
    store = RunStore(runs or runs_folder())
    test = encoded.rows("test")
    label, user = encoded.label[test], encoded.user[test]
    rows = []
    for model in as_list(models, "models"):
        for seed in seeds:
            results: dict[str, RunResult] = {}
            for tier in tiers:
                results[tier] = train(
                    encoded, model, tier, seed=seed, runs=store, device=device, overrides=overrides or {},
                    base_overrides=base_settings(overrides or {}), progress=progress,
                )  # fmt: skip
            for tier, result in results.items():
                row = flat_row(result)
                for name, reference in (("delta", "base"), ("gain", "control")):
                    if tier not in ("base", reference) and reference in results:
                        change = bootstrap_users(
                            label, result.probabilities, results[reference].probabilities, user,
                            seed=seed, repeats=repeats,
                        )  # fmt: skip
                        row |= {name: change.estimate, f"{name}_low": change.low, f"{name}_high": change.high}
                rows.append(row)
    return pd.DataFrame(rows)


def base_settings(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the overrides of a chapter that hold for Base too: the budget of epochs."""
    return {key: value for key, value in overrides.items() if key == "training.epochs"}


def summarise(rows: pd.DataFrame, changes: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return mean over seeds by dataset, k, model and tier: metrics, the relative change to Base in percent, the verdict.

    ``delta`` is the change of AUC to Base and ``gain`` that to the control, with ``_low`` and ``_high``, a 95 % interval
    over test users and seeds (:mod:`ctrnb.study.changes`). ``verdict`` is what ``delta``'s says: improved, worse, or no
    significant change.

    Args:
        changes: of these rows, where they were kept; else they are taken from the rows.
    """
    keys = [name for name in ("dataset", "k", "drop_middle", "model_name") if name in rows]
    metrics = [name for name in METRICS if name in rows]
    table = rows.groupby([*keys, "tier_name"], sort=False)[metrics].mean().reset_index()
    changes = changes_of(rows) if changes is None else changes
    own = changes[changes["metric"] == "auc"].assign(tier_name=lambda frame: frame["tier"].map(TIER_NAMES))
    for name, reference in GAINS:
        found = own[own["reference"] == reference]
        columns = {"change": name, "low": f"{name}_low", "high": f"{name}_high"}
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
        if rows is None or tier not in set(rows["tier"]):
            continue
        for k, part in rows.groupby("k"):
            summary = marked(summarise(part, changes), name)
            yield f"{', '.join(part['dataset'].unique())}, {k}-core", provenance(part), summary


def activity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by model, tier and activity group: AUC, its change to Base (absolute, percent) and MCI (Equation 10).

    ``variance`` is Var(L,M,H) of the model and tier, in percent².
    """
    means = rows.groupby(["model_name", "tier_name"], sort=False)[[f"auc_{name}" for name in GROUPS]].mean()
    records = []
    for (model, tier), values in means.iterrows():
        base = means.loc[(model, "Base")]
        for group in GROUPS:
            before, after = base[f"auc_{group}"], values[f"auc_{group}"]
            records.append(
                {
                    "model_name": model,
                    "tier_name": tier,
                    "group": group,
                    "auc": after,
                    "change": after - before,
                    "change_percent": 100 * (after / before - 1),
                    "mci": mci(before, after - before),
                    "variance": variance_lmh(*(values[f"auc_{name}"] for name in GROUPS)),
                }
            )
    return pd.DataFrame(records)


def activity_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`activity_table` to read: AUC of each group by model and tier, and Var(L,M,H)."""
    table = activity_table(rows)
    keys = ["model_name", "tier_name"]
    wide = table.pivot_table(index=keys, columns="group", values="auc", sort=False)[list(GROUPS)]
    variance = table.groupby(keys, sort=False)["variance"].first()
    shown = wide.map("{:.4f}".format).assign(**{"Var(L,M,H), points²": variance.map("{:.2f}".format)})
    return shown.rename_axis(index=["model", "tier"], columns=None)


def curation_table(ratings: Ratings, ks: Sequence[int], *, drop_middle: Sequence[bool] = (False,)) -> pd.DataFrame:
    """Return one row of statistics (Tables 1 and 7) for each k and middle-rating setting."""
    rows = []
    for dropped in drop_middle:
        for k in ks:
            curated = curate(ratings, Curation(k=k, drop_middle=dropped))
            rows.append({"k": k, "middle ratings": "removed" if dropped else "kept"} | curated.statistics())
    return pd.DataFrame(rows)


def supervision_experiment(
    dataset: str,
    model: str,
    settings: Sequence[tuple[bool, int]],
    *,
    tiers: Sequence[str] = ("base", "ts"),
    seeds: Iterable[int] = (0,),
    overrides: dict[str, Any] | None = None,
    repeats: int = 100,
) -> pd.DataFrame:
    """Return :func:`compare_tiers` for each (middle ratings removed, k), with the density of each curated dataset."""
    ratings = load(dataset)
    seeds = list(seeds)
    frames = []
    for drop_middle, k in settings:
        curated = curate(ratings, Curation(k=k, drop_middle=drop_middle))
        rows = compare_tiers(encode(curated), [model], tiers, seeds=seeds, overrides=overrides, repeats=repeats)
        frames.append(
            rows.assign(
                k=k,
                training="middle removed" if drop_middle else "middle kept",
                density_percent=curated.statistics()["density_percent"],
            )
        )
    return pd.concat(frames, ignore_index=True)


def readable_supervision(rows: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`supervision_experiment` to be read: means over seeds, AUC's change to Base in points of 0.01."""
    names = {"training": "training", "k": "k", "tier_name": "tier"}
    numbers = ["density_percent", "auc", "auc_strong", "delta", "delta_low", "delta_high"]
    means = rows.groupby([*names], sort=False)[numbers].mean().rename_axis(index=names)
    change = [with_interval(row.delta, row.delta_low, row.delta_high, scale=100) for row in means.itertuples()]
    return pd.DataFrame(
        {
            "density, %": means["density_percent"].map("{:.2f}".format),
            "AUC, all test ratings": means["auc"].map("{:.4f}".format),
            "AUC, middle removed": means["auc_strong"].map("{:.4f}".format),
            "change of AUC to Base, points": change,
        }
    )


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


def run_study(path: str, runs: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a study in this process and return its final rows and its changes; what has finished before is not repeated.

    Raises:
        ConfigError: the study is missing or malformed.  RunError: a training failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study.csv"
        outcome = command.sweep(
            Path(path), runs or runs_folder(), InProcessEngine(), data_dir=None, device="auto", out=out
        )
        if outcome["failed"]:
            first = outcome["failed"][0]
            raise RunError(
                f"{path}: {len(outcome['failed'])} trainings failed, first {first['training']}: {first['reason']}"
            )
        return measured("study", Path(folder)), measured_changes("study", Path(folder))
