"""Tables and curves of the chapters on the Lipschitz bound and on MCI."""

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from pandas.io.formats.style import Styler

from ctrnb.data.graph import BipartiteGraph
from ctrnb.theory import effort, mci, mci_claims, potential, slopes, symbolic
from ctrnb.theory import lightgcn as gcn
from ctrnb.theory import lipschitz as lip
from ctrnb.theory import operators as op
from ctrnb.theory.activations import ACTIVATIONS
from ctrnb.theory.checks import LOSING, SIZES
from ctrnb.theory.claims import Statement, table
from ctrnb.theory.expression import parse_cost
from ctrnb.theory.graphs import checked_graphs
from ctrnb.words import NO_BREAK

ONE = np.ones((1, 1))  # W = 1
MOST = 400  # nodes, and pairs, of which LightGCN's constants are drawn
WIDTHS, DRAWS = (16, 32, 64), 200  # of random W that Equation 7 is tried with
GRAM = ("any differentiable", "identity", "tanh", "sigmoid")
SHAPES = {"one edge": (1, 1), "path of three": (2, 1), "star, 5 leaves": (5, 1), "2 users x 2 items": (2, 2)}
OPERATOR_NAMES = {
    "plain": "none",
    "update": "Equation 4: node plus mean of neighbours",
    "mean": "mean of neighbours",
    "self_mean": "mean, node included",
    "symmetric": "symmetric (Equation 9)",
    "symmetric_self": "symmetric, self-loops",
}
CASE_NAMES = {"c > 0": "two gains", "c < 0": "two losses"}  # of costs compared; others have a name that can be read
RANGES = {  # of a row of real_graphs: what it is called, its lower and its upper column
    "Eq. 7": ("Eq. 7, smallest", "Eq. 7, largest"),
    "by degrees": ("by degrees from", "by degrees to"),
    "certified": ("certified from", "to"),
}


def shown(found: pd.DataFrame, digits: int = 4) -> Styler:
    """Return a table in the look of the book's others: without its row numbers, numbers rounded, truth as yes or no."""

    def read(value: Any) -> Any:
        if isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        return f"{value:.{digits}f}" if isinstance(value, float) else value

    return found.style.hide(axis="index").format(read).set_table_attributes('class="dataframe"')


def statements_table(statements: Sequence[Statement]) -> str:
    """Return statements as an HTML table of two columns, to fit a phone: the verdict, and the statement with its evidence
    folded."""
    cell = "text-align:left;vertical-align:top;overflow-wrap:anywhere"
    rows = "".join(
        f'<tr><td style="{cell}">{escape(row.verdict)}</td><td style="{cell}">{escape(row.statement)}'
        f"<details><summary>what was checked</summary>{escape(row.evidence)}</details></td></tr>"
        for row in table(statements).itertuples()
    )
    head = "<thead><tr><th style='width:6.5em'>verdict</th><th>statement</th></tr></thead>"
    return f'<table class="dataframe" style="width:100%;table-layout:fixed">{head}<tbody>{rows}</tbody></table>'


def gram_table() -> pd.DataFrame:
    """Return whether J J^T = (1 + 1/k) D W W^T D: a row an activation, a column a number k of neighbours and a width d."""
    checks = {
        name: {
            f"k = {n}, d = {d}": symbolic.gram_holds(n, d, symbolic.SYMBOLIC[name], 1 + sp.Rational(1, n))
            for n, d in SIZES
        }
        for name in GRAM
    }
    return pd.DataFrame.from_dict(checks, orient="index").rename_axis("activation").reset_index()


def losing_table() -> pd.DataFrame:
    """Return the bracket of Lip(phi), by activation, for the W of which ReLU passes one row at a time."""
    found = {name: lip.feature_map(LOSING, name) for name in ACTIVATIONS}
    rows = [
        {"activation": name, "at least": each.lower, "at most": each.upper, "exact": each.exact()}
        for name, each in found.items()
    ]
    return pd.DataFrame(rows)


def slopes_table() -> pd.DataFrame:
    """Return L_sigma of every activation: derived, as a number, and enclosed by interval arithmetic."""
    rows = []
    for name, entry in ACTIVATIONS.items():
        enclosed = slopes.slope_enclosure(name, cells=256)
        exact = {"activation": name, "exactly": str(slopes.slope_supremum(name)), "value": entry.constant}
        rows.append(exact | {"enclosed from": enclosed.lower, "to": enclosed.upper})
    return pd.DataFrame(rows)


def random_weight(dim: int) -> np.ndarray:
    """Return one random W (dim, dim) of spectral norm 1."""
    weight = np.random.default_rng(0).standard_normal((dim, dim))
    return weight / np.linalg.norm(weight, 2)


def constants_by_degree(graph: BipartiteGraph, weight: np.ndarray) -> pd.DataFrame:
    """Return curves over the degrees that occur in a graph, columns degree, constant, name: Equation 7 and the truth."""
    degree = op.degrees(graph)
    degrees = np.unique(degree[degree > 0])
    curves = {
        "printed bound (Eq. 7)": lip.printed_bound(degrees, weight),
        "exact, message passing": lip.node_constant(degrees, weight).upper,
        "exact, no message passing": lip.feature_map(weight).upper + 0 * degrees,
    }
    frames = [pd.DataFrame({"degree": degrees, "constant": each, "name": name}) for name, each in curves.items()]
    return pd.concat(frames)


def stars_table(leaves: Sequence[int] = (1, 2, 5, 20, 100)) -> pd.DataFrame:
    """Return, for stars, the constant of the whole map beside Equation 7 at a leaf and at the centre, for W = 1."""
    stars = pd.DataFrame({"leaves n": list(leaves)})
    stars["whole map"] = lip.star_constant(stars["leaves n"])
    stars["Eq. 7 at a leaf"] = lip.printed_bound(1, ONE)
    stars["Eq. 7 at the centre"] = lip.printed_bound(stars["leaves n"], ONE)
    return stars


def real_graphs(own: Mapping[str, BipartiteGraph]) -> pd.DataFrame:
    """Return, a row a graph, Equation 7 over all nodes, the certified constant of the whole map, Lanczos and degrees.

    *Needed* is ||I + P||_2 / sqrt(1 + 1/k): the ||W||_F / ||W||_2 from which on Equation 7 holds, with a linear activation.

    Args:
        own: graphs by name, shown before those of :func:`ctrnb.theory.graphs.checked_graphs`.
    """
    rows = []
    for name, graph in (dict(own) | checked_graphs()).items():
        found = lip.constants(graph, ONE)
        printed = found.printed[found.degree > 0]
        row = {"graph": name, "Eq. 7, smallest": printed.min(), "Eq. 7, largest": printed.max()}
        row |= {
            "certified from": found.whole.lower,
            "to": found.whole.upper,
            "Lanczos": op.lanczos_norm(op.operator(graph)),
            "needed, some node": found.whole.upper / printed.max(),
            "needed, every node": found.whole.upper / printed.min(),
        }
        rows.append(row | {"by degrees from": found.by_degrees.lower, "by degrees to": found.by_degrees.upper})
    return pd.DataFrame(rows)


def ranges(real: pd.DataFrame) -> pd.DataFrame:
    """Return the ranges in rows of :func:`real_graphs` to draw: columns name, low, high."""
    found = [
        {"name": f"{row['graph']}: {label}", "low": row[low], "high": row[high]}
        for row in real.to_dict("records")
        for label, (low, high) in RANGES.items()
    ]
    return pd.DataFrame(found)


def real_table(real: pd.DataFrame) -> pd.DataFrame:
    """Return rows of :func:`real_graphs` to read: each range in one cell."""
    cells = {
        label: [f"{row[low]:.4f} to {row[high]:.4f}" for row in real.to_dict("records")]
        for label, (low, high) in RANGES.items()
    }
    needed = [
        f"{some:.2f} to {every:.2f}"
        for some, every in zip(real["needed, some node"], real["needed, every node"], strict=True)
    ]
    return pd.DataFrame(
        {"graph": list(real["graph"]), **cells, "Lanczos": list(real["Lanczos"]), "‖W‖_F/‖W‖₂ needed": needed}
    )


@cache
def looseness(width: int) -> np.ndarray:
    """Return ||W||_F / ||W||_2 of :data:`DRAWS` square W of a width with independent normal entries."""
    weights = np.random.default_rng(0).standard_normal((DRAWS, width, width))
    return np.linalg.norm(weights, axis=(1, 2)) / np.linalg.norm(weights, 2, axis=(1, 2))


def covered(real: pd.DataFrame) -> pd.DataFrame:
    """Return, a row a graph and width, in which share of random W Equation 7 holds for the whole map of rows of :func:`real_graphs`.

    Columns: graph, width, looseness (its mean), some and every (shares: at some node, at every node).
    """
    rows = [
        {"graph": row["graph"], "width": width, "looseness": looseness(width).mean()}
        | {each: float((looseness(width) >= row[f"needed, {each} node"]).mean()) for each in ("some", "every")}
        for row in real.to_dict("records")
        for width in WIDTHS
    ]
    return pd.DataFrame(rows)


def covered_table(found: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`covered` to read, a row a graph, a column a width with its looseness."""
    table = pd.DataFrame({"graph": found["graph"].unique()})
    for (width, loose), rows in found.groupby(["width", "looseness"]):
        table[f"width {width}, looseness {loose:.1f}"] = [
            f"{row.some:.1%} / {row.every:.1%}" for row in rows.itertuples()
        ]
    return table


def hidden(found: pd.DataFrame) -> str:
    """Return in how many draws of the widest W Equation 7 holds for the whole map at every node, graph by graph, in words."""
    rows = found[found["width"] == found["width"].max()]
    return " and ".join(f"{row.every:.0%} of draws on {row.graph}" for row in rows.itertuples())


def normalisations_table() -> pd.DataFrame:
    """Return the 2-norm of every aggregation operator on four small graphs."""
    graphs = {name: op.biregular(*degrees) for name, degrees in SHAPES.items()}
    rows = [
        {"average": OPERATOR_NAMES[name]}
        | {shape: np.linalg.norm(op.operator(graph, name).toarray(), 2) for shape, graph in graphs.items()}
        for name in op.OPERATORS
    ]
    return pd.DataFrame(rows)


def lightgcn_nodes(graph: BipartiteGraph, layers: int) -> pd.DataFrame:
    """Return LightGCN's constants of nodes with edges under the uniform read-out, of an even draw where they are many.

    Columns: own (degree), harmonic (of the neighbours' degrees), constant, low and high (its proven bounds).
    """
    degree, readout = op.degrees(graph), gcn.uniform(layers)
    live = np.flatnonzero(degree > 0)
    nodes = live if len(live) <= MOST else np.random.default_rng(0).choice(live, MOST, replace=False)
    bounds = gcn.node_bounds(graph, readout)
    return pd.DataFrame(
        {
            "own": degree[nodes],
            "harmonic": gcn.harmonic_degree(graph)[nodes],
            "constant": gcn.node_constants(graph, readout, nodes),
            "low": np.asarray(bounds.lower)[nodes],
            "high": np.asarray(bounds.upper)[nodes],
        }
    )


def lightgcn_pairs(graph: BipartiteGraph, layers: int) -> dict[str, float]:
    """Return LightGCN's largest constant of an even draw of joined pairs, and of unjoined ones, under the uniform read-out."""
    generator, readout = np.random.default_rng(0), gcn.uniform(layers)
    edges = np.stack([graph.user, graph.item], axis=1)
    chosen = edges[generator.choice(len(edges), min(MOST, len(edges)), replace=False)]
    ends = (np.flatnonzero(graph.degree_user), np.flatnonzero(graph.degree_item))
    apart = np.stack([generator.choice(each, MOST) for each in ends], axis=1)
    joined = set(map(tuple, edges.tolist()))
    apart = np.array([pair for pair in apart.tolist() if tuple(pair) not in joined]).reshape(-1, 2)
    groups = {"joined pair": chosen, "unjoined pair": apart}
    return {
        name: float(gcn.pair_constants(graph, readout, pairs).max()) for name, pairs in groups.items() if len(pairs)
    }


def lightgcn_table(graphs: Mapping[str, BipartiteGraph], layers: int) -> pd.DataFrame:
    """Return, a row a graph, the range of :func:`lightgcn_nodes`' constants, their rank correlations with the degrees, and
    the largest constants of pairs."""
    rows = []
    for name, graph in graphs.items():
        points = lightgcn_nodes(graph, layers)
        ranks = points.corr("spearman")["constant"]
        row = {"graph": name, "nodes": len(points), "smallest drawn": points["constant"].min()}
        row |= {"largest drawn": points["constant"].max(), "ρ with H": ranks["harmonic"]}
        row |= {"ρ with k": ranks["own"]}
        rows.append(row | {f"{name}, largest": most for name, most in lightgcn_pairs(graph, layers).items()})
    return pd.DataFrame(rows)


def conditions_table(found: Sequence[mci.Condition], *, examples: bool = True) -> pd.DataFrame:
    """Return conditions to read, a row a condition and case, with or without their counterexamples."""
    rows = mci.table(list(found)).rename(columns={"for": "compares", "reverse": "the reverse"})
    rows = rows if examples else rows.drop(columns="counterexample")
    return rows.assign(compares=rows["compares"].replace(CASE_NAMES))


def counterexamples(found: Sequence[mci.Condition]) -> pd.DataFrame:
    """Return the counterexamples to condition (iii), a row a sign of the change."""
    rows = []
    for each in found:
        pair = each.counterexample
        if each.name == "iii" and pair is not None:
            (first, change), (second, _) = pair.first, pair.second
            row = {"compares": CASE_NAMES[each.change], "p1": str(first), "p2": str(second), "c": str(change)}
            rows.append(row | {"|MCI| at p1": abs(pair.costs[0]), "|MCI| at p2": abs(pair.costs[1])})
    return pd.DataFrame(rows)


def cuts(changes: Sequence[float]) -> pd.DataFrame:
    """Return MCI over baselines from 0.5 to 0.95 for fixed changes: columns base, change, cost."""
    base = np.linspace(0.5, 0.95, 91)
    frames = [
        pd.DataFrame({"base": base, "change": c, "cost": mci.on_grid(mci.MCI, base, np.asarray(c))}) for c in changes
    ]
    return pd.concat(frames)


def costs_table() -> pd.DataFrame:
    """Return, for the five costs, formula, potential, and which conditions hold for all valid pairs."""
    rows = []
    for name, text in mci.COSTS.items():
        cost = parse_cost(text)
        shape, held = potential.potential(cost), mci.conditions(cost)
        met = {f"({each})": all(one.holds for one in held if one.name == each) for each in mci.STATEMENTS}
        rows.append({"cost": name, "formula": text, "potential": "none" if shape is None else str(shape)} | met)
    return pd.DataFrame(rows)


def surfaces(cost: sp.Expr) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return |cost| over a grid of baselines and changes, of a cost and of relative change."""
    base, change = np.meshgrid(np.linspace(0.5, 0.9, 241), np.linspace(-0.08, 0.08, 161))
    shown = {"the chapter's cost": cost, "relative change": parse_cost(mci.COSTS["relative change"])}
    return {name: (base, change, np.abs(mci.on_grid(each, base, change))) for name, each in shown.items()}


def settings(rows: pd.DataFrame) -> list[str]:
    """Return dataset, model and tier of rows in one cell each."""
    return [f"{row.dataset}, {row.model} {row.tier}" for row in rows.itertuples()]


def rankings_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`ctrnb.theory.effort.rankings` to read, groups by their initials: an order that is MCI's is called "same"."""
    orders = {}
    for name in effort.MEASURES:
        initials = ranks[name].str.replace(r"(\w)\w+", r"\1", regex=True).str.replace(" ", NO_BREAK)
        orders[name] = initials.where((ranks[name] != ranks["MCI"]) | (name == "MCI"), "same")
    return pd.DataFrame(
        {"setting": settings(ranks), "lowest baseline": ranks["underserved"], "groups see": ranks["change"]} | orders
    )


def changed_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons of :func:`ctrnb.theory.effort.comparisons` that change their sense with the measure, to read."""
    changed = pairs[pairs["changes"]]
    senses = {name: changed[name].map({-1: "smaller", 0: "equal", 1: "larger"}) for name in effort.MEASURES}
    groups = changed["first"] + " against " + changed["second"]
    return pd.DataFrame(
        {"setting": settings(changed), "groups": groups, **senses, "beyond rounding": changed["changes_firmly"]}
    )


def conclusions_table(said: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of :func:`ctrnb.theory.effort.conclusions` to read."""
    names = {"of": "settings", "relies_on_iii": "MCI, not absolute", "exceptions": "fails by MCI in"}
    left = said.drop(columns=["id", "holds"])
    return left.assign(exceptions=said["exceptions"].map(", ".join)).rename(columns=names)


def leaning(said: pd.DataFrame) -> str:
    """Return in how many settings Section 4.4's conclusions hold by MCI, a dataset at a time, and by MCI alone, in words."""
    rows = said.set_index("id")
    held = {id: f"{rows.at[id, 'MCI']} of {rows.at[id, 'of']}" for id in rows.index}
    leans = rows["relies_on_iii"].drop("yelp-losses-size").sum()
    return (
        f"In Table 4 the group served worst has the largest MCI in {held['ml-1m']} settings of ML-1M (“consistently”, says the "
        f"paper); on Yelp2022 in {held['yelp-gains']} where a group gains and {held['yelp-gains-all']} where all do "
        f"(“primarily”). Where a group loses, it loses least in {held['yelp-losses']}, where all do in {held['yelp-losses-all']}. "
        f"The absolute change disagrees in {leans or 'none'} of these"
    )


def opposite() -> str:
    """Return MCI of a gain and a loss of equal size, of which the one at the lower baseline has the larger size."""
    pairs = mci_claims.OPPOSITE[0]
    return mci_claims.described(pairs, tuple(float(mci.evaluate(mci.MCI, pair)) for pair in pairs))
