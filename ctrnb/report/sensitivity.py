"""The chapter on the sensitivity of trained models: elasticities by tier, and what they say of Section 3.1's Insight."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ctrnb.analysis.sensitivity import PARTS, elasticities, node_sensitivities, sample_pairs
from ctrnb.audit.claims import DOES_NOT_HOLD, HOLDS, ON_AVERAGE
from ctrnb.data import Encoded
from ctrnb.errors import ParameterError
from ctrnb.evaluation.statistics import Difference, paired_t
from ctrnb.models import DISPLAY
from ctrnb.report.parameters import as_list
from ctrnb.report.provenance import devices, provenance, seeds_of, titled
from ctrnb.study.changes import LEVEL, Runs
from ctrnb.study.finished import Finished
from ctrnb.study.ledger import flat_row
from ctrnb.study.results import CELL, measured, results_folder
from ctrnb.training.config import TIER_NAMES
from ctrnb.words import by_chance, with_interval

PART_NAMES = {
    "total": "whole gradient",
    "head": "head, by training",
    "constant": "constant, by the graph",
}
DEGREES = ("degree", "harmonic")  # of a node: its own, and the harmonic mean of its neighbours'
WITH, WITHOUT = ("ft", "ts"), ("base", "control")  # tiers by whether they pass messages
PAIRED = {"ft": "control", "ts": "base"}  # tiers with message passing, and those trained as long without
ARROWS = {"rises": "↑", "falls": "↓"}  # with degree; neither is better, so these are not the marks of an improvement
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
            ledger = measured(name, folder)
            yield titled(*place), f"{provenance(rows)}.{'' if ledger is None else beside_ledger(rows, ledger)}", rows


def beside_ledger(rows: pd.DataFrame, ledger: pd.DataFrame) -> str:
    """Return, in words, how the runs of elasticities on one dataset and core differ from those of their study's ledger.

    Models of the ledger that have no elasticities, and models whose device or torch is not among those of the ledger's
    trainings: they were trained again. Empty where neither occurs.
    """
    here = ledger.merge(rows[CELL[:-1]].drop_duplicates(), on=CELL[:-1])
    models, said = list(rows["model"].unique()), ""
    if missing := set(here["model"]) - set(models):
        kept = f"{', '.join(DISPLAY[model] for model in models)} {'alone' if len(models) == 1 else 'only'}"
        said += f" Of the study's {len(missing) + len(models)} models, {kept}."
    for model, own in rows.groupby("model", sort=False):
        theirs = here[here["model"] == model]
        if len(theirs) and any(kinds(own[name]) - kinds(theirs[name]) for name in ("device", "torch")):
            said += (
                f" These are not the study's own runs: {DISPLAY[str(model)]} was trained again ({trained_on(own)}), as the "
                f"weights of the study's own runs ({trained_on(theirs)}) were not kept."
            )
    return said


def kinds(column: pd.Series) -> set[str]:
    """Return the different texts of a column whose cells may hold several, separated by semicolons."""
    return {each for text in column.unique() for each in text.split("; ")}


def trained_on(rows: pd.DataFrame) -> str:
    """Return device, torch and number of seeds of trainings, in words."""
    return f"{devices(rows)}, torch {', '.join(rows['torch'].unique())}, {seeds_of(rows)}"


def elasticities_by_tier(nodes: pd.DataFrame, by: str = "degree", repeats: int = 200) -> pd.DataFrame:
    """Return :func:`ctrnb.analysis.sensitivity.elasticities` of every model and tier, with columns model, tier and by."""
    found = []
    for (model, tier), part in nodes.groupby(["model", "tier"], sort=False):
        tables = [table for _, table in part.groupby("run")]
        found.append(elasticities(tables, by=by, repeats=repeats).assign(model=model, tier=tier, by=by))
    return pd.concat(found, ignore_index=True)


def readable(found: pd.DataFrame) -> pd.DataFrame:
    """Return elasticities to read: a row a model, side and tier, a column a part, with arrow and interval."""
    text = [
        with_interval(row.value, row.low, row.high, mark=ARROWS.get(row.verdict, "="), digits=3)
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


def whole(found: pd.DataFrame, tiers: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the whole gradient, in a node's own degree, of some tiers: a row a case."""
    return found[(found["part"] == "total") & (found["by"] == "degree") & found["tier"].isin(tiers)]


def insight(found: pd.DataFrame) -> str:
    """Return in how many cases the whole gradient falls and rises with degree beyond chance, with and without messages."""

    def counts(tiers: Sequence[str]) -> str:
        verdicts = list(whole(found, tiers)["verdict"])
        return f"in {verdicts.count('falls')} of {len(verdicts)} cases and rises in {verdicts.count('rises')}"

    names = " and ".join(TIER_NAMES[tier] for tier in WITHOUT if tier in set(found["tier"]))
    return f"with message passing the gradient falls with degree {counts(WITH)}; without ({names}) it falls {counts(WITHOUT)}"


def falling(found: pd.DataFrame) -> tuple[list[float], float]:
    """Return the shares of cases in which the gradient falls, with and without message passing, and Fisher's exact p.

    The test counts cases as if they were independent. Without cases of either kind: no shares, and NaN.
    """
    parts = [whole(found, tiers)["verdict"] == "falls" for tiers in (WITH, WITHOUT)]
    if not all(map(len, parts)):
        return [], float("nan")
    counts = [[int(part.sum()), int((~part).sum())] for part in parts]
    return [float(part.mean()) for part in parts], float(stats.fisher_exact(counts).pvalue)


def compared(tables: Sequence[pd.DataFrame]) -> str:
    """Return whether the gradient behaves otherwise with message passing than without, over all cases, in words.

    Empty where either kind of tiers is missing.

    Args:
        tables: as of :func:`verdict`.
    """
    found = pd.concat(tables, ignore_index=True)
    shares, p_value = falling(found)
    if not shares:
        return ""
    return (
        f"The shares of cases in which the gradient falls, {100 * shares[0]:.0f} % with message passing and "
        f"{100 * shares[1]:.0f} % without, {apart(p_value)} (Fisher's exact test, {by_chance(p_value)}; cases of one model or dataset "
        f"are not independent, so this is a rough guide). {paired(found)}"
    ).strip()


def apart(p_value: float) -> str:
    """Return whether shares differ beyond chance, as a verb."""
    return "differ beyond chance" if p_value < LEVEL else "do not differ beyond chance"


def paired(found: pd.DataFrame) -> str:
    """Return how the elasticities of FT and TS differ from those of the tiers trained as long without messages, in words.

    Empty where no case has both tiers.
    """
    keys = [name for name in (*CELL, "side") if name in found]
    cases = whole(found, (*WITH, *WITHOUT))
    tables = [
        cases[cases["tier"] == with_].merge(cases[cases["tier"] == without], on=keys, suffixes=("", "_without"))
        for with_, without in PAIRED.items()
    ]
    pairs = pd.concat(tables, ignore_index=True)
    if pairs.empty:
        return ""
    change = pairs["value"] - pairs["value_without"]
    mean = mean_of(pairs.assign(value=change))
    return (
        f"Case by case, FT against Control and TS against Base, the elasticity is lower with message passing in "
        f"{int((change < 0).sum())} of {len(change)} pairs; the mean difference is "
        f"{with_interval(mean.estimate, mean.low, mean.high, digits=3)} over {mean.method}."
    )


def graph_part(found: pd.DataFrame, by: str) -> str:
    """Return the range of the elasticity of the exact constants with message passing, in words."""
    rows = found[(found["part"] == "constant") & found["tier"].isin(WITH)]
    return f"{rows['value'].min():+.3f} to {rows['value'].max():+.3f} in {by}"


def drawn(parts: Sequence[tuple[str, str, pd.DataFrame]]) -> pd.DataFrame:
    """Return the elasticities of the whole gradient of FT and of the control, as :func:`ctrnb.plots.changes_by_case` draws them.

    Args:
        parts: of :func:`measured_parts`; the title of each is the case.
    """
    found = pd.concat([whole(rows, ("ft", "control")).assign(case=title) for title, _, rows in parts])
    series = found["side"] + "s, " + found["tier"].map(TIER_NAMES)
    return found.assign(series=series, model_name=found["model"].map(DISPLAY), change=found["value"])


def slopes_said(tables: Sequence[pd.DataFrame]) -> str:
    """Return what the figure of FT's and the control's elasticities shows, in sentences."""
    found = pd.concat(tables, ignore_index=True)

    def counts(tier: str) -> str:
        own = whole(found, (tier,))
        said = list(own["verdict"])
        return f"below zero in {said.count('falls')} of {len(own)} cases and above in {said.count('rises')}"

    return (
        f"Beyond chance, that of FT is {counts('ft')}; that of the control {counts('control')}. Over all tiers the shares of "
        f"cases in which the gradient falls {apart(falling(found)[1])} with and without message passing."
    )


def constants_said(nodes: pd.DataFrame) -> str:
    """Return at how many nodes message passing lowers the exact constant below 1, whatever their degree, in a sentence."""
    own = nodes[nodes["tier"].isin(WITH)].drop_duplicates(["side", "node"])
    below = own["constant"] < 1
    return (
        f"Message passing lowers it at {below.sum()} of {len(own)} nodes, to between {own['constant'].min():.2f} and "
        f"{own['constant'].max():.2f}, at low degrees and at high ones."
    )


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


def judged_on(parts: Sequence[tuple[str, str, pd.DataFrame]], run: str) -> str:
    """Return on which runs the verdict rests, in words: those of :func:`measured_parts`, or else this page's ``run``."""
    if not parts:
        return f"Judged by the run of this page alone: {run}."
    told = [
        f"{title} ({', '.join(DISPLAY[model] for model in rows['model'].unique())}; {seeds_of(rows)})"
        for title, _, rows in parts
    ]
    found = pd.concat([rows for _, _, rows in parts])
    return f"Judged by runs on real ratings: {'; '.join(told)}; all on {devices(found)}."


def verdict(tables: Sequence[pd.DataFrame]) -> str:
    """Return whether the Insight holds of these trained models, computed from the elasticities of the whole gradient.

    It holds where the gradient falls with degree beyond chance in every case with message passing, on average only where
    the mean elasticity of these cases is below zero beyond chance (:func:`mean_of`), and else does not hold.

    Args:
        tables: of :func:`elasticities_by_tier`; the rows in a node's own degree count.
    """
    found = pd.concat(tables, ignore_index=True)
    with_, without = (whole(found, tiers) for tiers in (WITH, WITHOUT))
    mean = mean_of(with_)
    said = HOLDS if (with_["verdict"] == "falls").all() else ON_AVERAGE if mean.high < 0 else DOES_NOT_HOLD
    text = f"{said.capitalize()}. At twice the degree the gradient is, with message passing, {doubled(mean)} on average over {mean.method}"
    if without.empty:
        return f"{text}."
    return f"{text}; without, it is {doubled(mean_of(without))}. {attribution(found)}: {insight(found)}."


def mean_of(cases: pd.DataFrame) -> Difference:
    """Return the mean elasticity of cases with Student's 95 % interval over models on a core; NaN ends for a single one.

    The cases of one model on one core, its sides and tiers, are of the same ratings: they are averaged first.
    """
    keys = [name for name in CELL if name in cases]
    means = cases.groupby(keys)["value"].mean().to_numpy()
    if len(means) > 1:
        return replace(
            paired_t(means, np.zeros(len(means))), method=f"{len(means)} models on a core, taken as independent"
        )
    return Difference(float(means.mean()), np.nan, np.nan, np.nan, "one model on one core")


def doubled(elasticity: Difference) -> str:
    """Return by how many percent a quantity of an elasticity changes where the degree doubles, in words."""
    value, low, high = (100 * (2**end - 1) for end in (elasticity.estimate, elasticity.low, elasticity.high))
    interval = "" if np.isnan(low) else f" ({low:+.1f} to {high:+.1f} %)"
    return f"{abs(value):.1f} % {'smaller' if value < 0 else 'larger'}{interval}"


def attribution(found: pd.DataFrame) -> str:
    """Return whether a falling gradient is more frequent with message passing than without, as the begin of a sentence."""
    shares, p_value = falling(found)
    if p_value >= LEVEL:
        return "Nothing shows that to be message passing's doing"
    return f"It falls {'more' if shares[0] > shares[1] else 'less'} often with message passing than without"
