"""The chapter on the sensitivity of trained models: elasticities by tier, and what they say of Section 3.1's Insight."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ctrnb.analysis.sensitivity import PARTS, elasticities, node_sensitivities, sample_pairs
from ctrnb.data import Encoded
from ctrnb.errors import ParameterError
from ctrnb.models import DISPLAY
from ctrnb.report.parameters import as_list
from ctrnb.report.provenance import provenance, titled
from ctrnb.report.words import MARKS, with_interval
from ctrnb.study.changes import LEVEL, Runs
from ctrnb.study.finished import Finished
from ctrnb.study.ledger import flat_row
from ctrnb.study.results import CELL, results_folder
from ctrnb.training.config import TIER_NAMES

PART_NAMES = {
    "total": "whole gradient",
    "head": "head, by training",
    "constant": "constant, by the graph",
}
DEGREES = ("degree", "harmonic")  # of a node: its own, and the harmonic mean of its neighbours'
WITH, WITHOUT = ("ft", "ts"), ("base", "control")  # tiers by whether they pass messages
BINS = 8  # of nodes by degree, in the figure


def measured_nodes(runs: Mapping[str, Runs], encoded: Encoded, *, pairs: int, seed: int = 0) -> pd.DataFrame:
    """Return :func:`node_sensitivities` of every run on one sample of test pairs: columns model, tier, run beside.

    Raises:
        ParameterError: ``pairs`` is below one.
    """
    if pairs < 1:
        raise ParameterError(f"pairs={pairs}: at least 1 is needed, and hundreds for a slope.")
    rows = sample_pairs(encoded, pairs, seed=seed)
    tables = [
        node_sensitivities(encoded, run, rows).assign(model=model, tier=tier, run=number)
        for model, own in runs.items()
        for (tier, number), run in own.items()
    ]
    return pd.concat(tables, ignore_index=True)


def of_cells(cells: Iterable[Finished], *, pairs: int) -> pd.DataFrame:
    """Return the elasticities of a study's cells in both degrees, with columns of ``place``, and where the runs come from."""
    tables = []
    for cell in cells:
        nodes = measured_nodes({cell.model: cell.runs}, cell.encoded, pairs=pairs)
        origin = origin_of(cell.runs)
        tables += [elasticities_by_tier(nodes, by=by).assign(**cell.place, **origin) for by in DEGREES]
    return pd.concat(tables, ignore_index=True)


def origin_of(runs: Runs) -> dict[str, Any]:
    """Return where runs come from: seeds (how many), device, precision, torch and date, as :func:`provenance` reads them."""
    rows = pd.DataFrame([flat_row(run) for run in runs.values()])
    dates = [run.origin["date"] for run in runs.values()]
    told = {name: "; ".join(rows[name].unique()) for name in ("device", "precision", "torch")}
    return {"seeds": rows["seed"].nunique()} | told | {"date": max(dates)}


def measured_parts(names: Iterable[str], folder: Path | None = None) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield title, provenance and elasticities of each dataset and core of the studies that have them.

    Raises:
        ParameterError: ``names`` is no list.
    """
    for name in as_list(names, "results", least=0):
        path = results_folder(folder) / "sensitivity" / f"{name}.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=CELL)
        for place, rows in table.groupby(CELL[:-1], sort=False):
            yield titled(*place), provenance(rows), rows


def elasticities_by_tier(nodes: pd.DataFrame, by: str = "degree", repeats: int = 200) -> pd.DataFrame:
    """Return :func:`ctrnb.analysis.sensitivity.elasticities` of every model and tier, with columns model, tier and by."""
    found = []
    for (model, tier), part in nodes.groupby(["model", "tier"], sort=False):
        tables = [table for _, table in part.groupby("run")]
        found.append(elasticities(tables, by=by, repeats=repeats).assign(model=model, tier=tier, by=by))
    return pd.concat(found, ignore_index=True)


def readable(found: pd.DataFrame) -> pd.DataFrame:
    """Return elasticities to read: a row a model, side and tier, a column a part, with sign, interval and rank correlation."""
    text = [
        f"{with_interval(row.value, row.low, row.high, mark=MARKS.get(row.verdict, '='), digits=3)}, rank {row.rank:+.2f}"
        if not (row.part == "constant" and row.tier in WITHOUT)
        else "none: 1 for every node"
        for row in found.itertuples()
    ]
    shown = found.assign(
        text=text,
        model=found["model"].map(DISPLAY),
        tier=found["tier"].map(TIER_NAMES),
        part=found["part"].map(PART_NAMES),
    )
    wide = shown.pivot_table(
        index=["model", "side", "tier"], columns="part", values="text", aggfunc="first", sort=False
    )
    return wide[list(PART_NAMES.values())].rename_axis(columns=None)


def left_out(found: pd.DataFrame) -> str:
    """Return how many nodes have no gradient at all in some run, in words; empty where all have one."""
    rows = found[(found["part"] == "total") & (found["silent"] > 0)]
    counts = (
        f"{DISPLAY[r.model]} {TIER_NAMES[r.tier]}, {r.silent} of {r.silent + r.nodes} {r.side}s"
        for r in rows.itertuples()
    )
    return f" Left out, having no gradient in one of the runs: {'; '.join(counts)}." if len(rows) else ""


def verdicts_of(found: pd.DataFrame, tiers: Sequence[str]) -> list[str]:
    """Return what is said of the whole gradient in each case of some tiers: it falls, rises or neither."""
    return list(found.loc[(found["part"] == "total") & found["tier"].isin(tiers), "verdict"])


def insight(found: pd.DataFrame) -> str:
    """Return in how many cases the whole gradient falls with degree beyond chance, with and without message passing."""

    def counted(tiers: Sequence[str]) -> str:
        verdicts = verdicts_of(found, tiers)
        return f"in {verdicts.count('falls')} of {len(verdicts)} cases and raises it in {verdicts.count('rises')}"

    names = " and ".join(TIER_NAMES[tier] for tier in WITHOUT if tier in set(found["tier"]))
    return (
        f"a higher degree lowers the gradient {counted(WITH)} with message passing, and lowers it {counted(WITHOUT)} without "
        f"({names})"
    )


def compared(tables: Sequence[pd.DataFrame]) -> str:
    """Return whether the gradient falls in another share of cases with message passing than without, in words.

    Empty where either kind of tiers is missing. The test is Fisher's exact one, as if cases were independent.

    Args:
        tables: as of :func:`verdict`.
    """
    found = pd.concat(tables, ignore_index=True).query("by == 'degree'")
    shares, counts = [], []
    for tiers in (WITH, WITHOUT):
        verdicts = verdicts_of(found, tiers)
        if not verdicts:
            return ""
        falls = verdicts.count("falls")
        counts.append([falls, len(verdicts) - falls])
        shares.append(f"{100 * falls / len(verdicts):.0f} %")
    p_value = float(stats.fisher_exact(counts).pvalue)
    differs = "differ beyond chance" if p_value < LEVEL else "do not differ beyond chance"
    return (
        f"The shares of cases in which it falls, {shares[0]} with message passing and {shares[1]} without, {differs} (Fisher's "
        f"exact test, p = {p_value:.2g}; cases of one model or dataset are not independent, so this is a rough guide)."
    )


def graph_part(found: pd.DataFrame, by: str) -> str:
    """Return the range of the elasticity of the exact constants with message passing, in words."""
    rows = found[(found["part"] == "constant") & found["tier"].isin(WITH)]
    return f"{rows['value'].min():+.3f} to {rows['value'].max():+.3f} in {by}"


def binned(nodes: pd.DataFrame) -> pd.DataFrame:
    """Return nodes, each once a tier, with ``bin``: the geometric mean degree of the like many nodes of their side that are
    nearest in degree. Of several runs a node's norms are the geometric mean.
    """
    nodes = nodes.assign(**np.log(nodes[list(PARTS)].where(nodes[list(PARTS)] > 0)))
    nodes = nodes.groupby(["model", "tier", "side", "node"], sort=False)[["degree", *PARTS]].mean().reset_index()
    nodes = nodes.assign(**np.exp(nodes[list(PARTS)]))
    edges = nodes.groupby("side")["degree"].transform(lambda d: pd.qcut(d.rank(method="first"), BINS, labels=False))
    means = np.log(nodes["degree"]).groupby([nodes["side"], edges]).transform("mean")
    return nodes.assign(bin=np.exp(means), tier_name=nodes["tier"].map(TIER_NAMES))


def measured_said(parts: Sequence[tuple[str, str, pd.DataFrame]]) -> str:
    """Return what :func:`measured_parts` say of a node's own degree, as one sentence on all of them; empty for none."""
    if not parts:
        return ""
    found = pd.concat([found[found["by"] == "degree"] for _, _, found in parts])
    return f"On real ratings ({'; '.join(title for title, _, _ in parts)}) {insight(found)}."


def verdict(tables: Sequence[pd.DataFrame]) -> str:
    """Return whether the Insight holds of these trained models, computed from the elasticities of the whole gradient.

    Args:
        tables: of :func:`elasticities_by_tier`; the rows in a node's own degree count.
    """
    found = pd.concat(tables, ignore_index=True).query("by == 'degree'")
    said = set(verdicts_of(found, WITH))
    if said == {"falls"}:
        also = "falls" in verdicts_of(found, WITHOUT)
        extra = " But it falls without message passing too, so that this alone is not its doing." if also else ""
        return f"Holds of these models: the gradient falls with degree in every case with message passing.{extra}"
    if "falls" not in said:
        return "Does not hold of these models: in no case with message passing does the gradient fall with degree beyond chance."
    return "Holds in some cases only: with message passing the gradient does not always fall with degree beyond chance."
