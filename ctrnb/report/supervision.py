"""The chapter on supervision: training with and without middle ratings, in pairs of like density (Tables 7 and 8)."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ctrnb.data import Curation, Ratings, curate
from ctrnb.errors import ConfigError
from ctrnb.report import claims
from ctrnb.report.beside import AS_PRINTED, beside
from ctrnb.report.experiments import run_tiers, summarise
from ctrnb.report.provenance import seeds_of
from ctrnb.report.tuning import penalties
from ctrnb.study.penalties import PENALTY
from ctrnb.study.results import CELL, ledgers, measured
from ctrnb.words import MARKS, NONE, counted, span, with_interval

SIGNED = "{:+.2f}"
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
    """Return :func:`pair` to be read: means over seeds, AUC's change to Base in points of 0.01.

    A member without middle ratings has none in its test part, and so no AUC on all ratings.
    """
    table = summarise(rows, changes)
    density = rows.groupby("drop_middle")["density_percent"].first()
    shown = pd.DataFrame(
        {
            "training": table["drop_middle"].map({False: KEPT, True: REMOVED}),
            "k": table["k"],
            "tier": table["tier_name"],
            "density, %": table["drop_middle"].map(density).map("{:.2f}".format),
            "AUC, all test ratings": table["auc"].map("{:.4f}".format).where(~table["drop_middle"], NONE),
            "AUC, strong test ratings": table["auc_strong"].map("{:.4f}".format),
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


def decided(table: pd.DataFrame, closed: pd.DataFrame, key: str) -> str:
    """Return in how many cells a claim is reproduced, and how many of the cells are open, in words, dataset by dataset.

    Args:
        table, closed: of :func:`ctrnb.report.claims.claims`, of all cells and of the closed ones alone.
    """
    apart = {(row.key, row.dataset): row.cells for row in closed.itertuples()}
    parts = []
    for row in table[table["key"] == key].itertuples():
        others = ((row.undecided, "undecided"), (row.not_reproduced, "not reproduced"))
        rest = "".join(f", {word} in {count}" for count, word in others if count)
        left = row.cells - apart.get((row.key, row.dataset), 0)
        unsure = "all open" if left == row.cells else f"{left} of them open" if left else "none open"
        parts.append(
            f"reproduced on {row.dataset} in {row.reproduced} of {counted(row.cells, 'measured cell')}{rest} "
            f"({row.seeds} seed{'' if row.seeds == '1' else 's'}; the paper has {row.printed} cells; {unsure})"
        )
    return "; ".join(parts) or "not measured"


def readable_pairs(pairs: pd.DataFrame, changes: pd.DataFrame, folder: Path | None = None) -> pd.DataFrame:
    """Return :func:`ctrnb.report.claims.supervision_pairs` to be read, with the penalty on embeddings of each where these
    differ: one for both members of a pair, or two."""
    shown = claims.readable_pairs(pairs)
    chosen = penalties_of(changes, folder)
    used = [
        list(dict.fromkeys(chosen.get((row.dataset, *member, row.model, row.tier), NONE) for member in members))
        for row in pairs.itertuples()
        for members in [((row.k, False), (row.k_removed, True))]
    ]
    said = [" and ".join(each) for each in used]
    if len(set(said)) > 1:
        shown.insert(3, "penalty", said)  # behind what decides
    return shown


def penalties_of(changes: pd.DataFrame, folder: Path | None = None) -> dict[tuple, str]:
    """Return the penalty on embeddings of every cell and tier of changes, where its ledger names one."""
    there = ledgers(folder)
    cells = changes[["ledger", *CELL, "tier"]].drop_duplicates()
    found = [penalties(name, folder).assign(ledger=name) for name in cells["ledger"].unique() if name in there]
    if not found:
        return {}
    known = cells.merge(pd.concat(found, ignore_index=True).dropna(subset=["chosen"]), on=[*cells])
    return {(*row[:-1],): f"{row[-1]:g}" for row in known[[*CELL, "tier", "chosen"]].itertuples(index=False)}


def measured_twice(here: pd.DataFrame, there: pd.DataFrame, folder: Path | None = None) -> pd.DataFrame:
    """Return the cells of Table 8 that two selections of changes take from different ledgers.

    Columns: those of a cell, model_name and metric; base_percent, how far Base's mean AUC is above the other ledger's, over
    the seeds that both have, in percent; and, of each selection, ``_here`` and ``_there``: ledger, change_percent,
    low_percent, high_percent, verdict and as_printed, of TS to Base.
    """
    keys = [*CELL, "metric"]
    columns = ["ledger", "model_name", "change_percent", "low_percent", "high_percent", "verdict", "as_printed"]
    own, other = (
        beside(8, changes)
        .query("tier == 'ts'")
        .merge(changes[[*CELL, "ledger"]].drop_duplicates(), on=CELL)[[*keys, *columns]]
        for changes in (here, there)
    )
    both = own.merge(other.drop(columns="model_name"), on=keys, suffixes=("_here", "_there"))
    both = both[both["ledger_here"] != both["ledger_there"]]
    found = []
    for row in both.to_dict("records"):
        shared = shared_trainings(row, folder).query("tier == 'base'")
        if len(shared):
            after, before = (shared[f"{row['metric']}_{end}"].mean() for end in ("here", "there"))
            found.append(row | {"base_percent": 100 * (after / before - 1)})
    return pd.DataFrame(found, columns=[*both, "base_percent"])


def shared_trainings(row: dict, folder: Path | None = None) -> pd.DataFrame:
    """Return the trainings of a cell of :func:`measured_twice` with the seeds that both its ledgers have, side by side."""
    keys = [*CELL, "tier", "seed", "split_seed"]
    tables = (of_cell(row[f"ledger_{end}"], row, folder) for end in ("here", "there"))
    own, other = (
        pd.DataFrame(columns=[*keys, "auc", "auc_strong", "overrides", "device"]) if rows is None else rows
        for rows in tables
    )
    return own.merge(other, on=keys, suffixes=("_here", "_there"))


def of_cell(name: str, cell: dict, folder: Path | None = None) -> pd.DataFrame | None:
    """Return a ledger's trainings of one cell, or None where there is no such ledger."""
    rows = measured(name, folder) if name in ledgers(folder) else None
    return None if rows is None else rows.merge(pd.DataFrame([{key: cell[key] for key in CELL}]), on=CELL)


def readable_twice(table: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`measured_twice` to be read."""
    shown = {
        "model": table["model_name"],
        "test ratings": table["metric"].map({"auc": "all", "auc_strong": "strong"}),
        "as printed? here / there": [
            f"{AS_PRINTED[row.as_printed_here]} / {AS_PRINTED[row.as_printed_there]}" for row in table.itertuples()
        ],
        "Base, here to there, Δ%": table["base_percent"].map("{:+.2f}".format),
    }
    for end in ("here", "there"):
        columns = [f"{name}_{end}" for name in ("change_percent", "low_percent", "high_percent", "verdict")]
        shown[f"TS to Base {end}, Δ%"] = [
            with_interval(change, low, high, mark=MARKS.get(verdict, ""))
            for change, low, high, verdict in table[columns].itertuples(index=False)
        ]
    return pd.DataFrame(shown).set_index(["model", "test ratings"])


def twice_said(table: pd.DataFrame, folder: Path | None = None) -> str:
    """Return what :func:`measured_twice` is of, how Base differs, and how that compares with TS's change, in words."""
    if table.empty:
        return "No cell of Table 8 is in two ledgers."
    places = [
        f"{dataset}, k = {k}: {', '.join(rows['model_name'].unique())}, here from {ledger_said(rows, 'here', folder)}, there from "
        f"{ledger_said(rows, 'there', folder)}"
        for (dataset, k, *_), rows in table.groupby(["dataset", "k", "ledger_here", "ledger_there"], sort=False)
    ]
    names = sorted({name for row in table.to_dict("records") for name in differing(row, folder)} - {PENALTY})
    other = " and ".join(names)
    base, ts = table["base_percent"].abs().median(), table["change_percent_there"].abs().median()
    size = "more than" if base > 1.25 * ts else "less than" if base < 0.8 * ts else "about as much as"
    cause, besides = (
        (f"the penalty, with {other},", f"They also differ in {other}")
        if other
        else ("the penalty", "No other setting differs")
    )
    apart = int((table["as_printed_here"] != table["as_printed_there"]).sum())
    return (
        f"{'; '.join(places)}. {besides}; whether they are as printed differs in {apart} of {len(table)}. "
        f"With the same seeds, Base's AUC here differs from that there by {span(table['base_percent'], SIGNED)} %; TS changes Base by "
        f"{span(table['change_percent_here'], SIGNED)} % here and by {span(table['change_percent_there'], SIGNED)} % there. So {cause} moves "
        f"Base by {size} TS does there (medians {base:.2f} % and {ts:.2f} %)."
    )


def ledger_said(table: pd.DataFrame, end: str, folder: Path | None = None) -> str:
    """Return one side's ledger with its penalties and seeds, in words."""
    name = table[f"ledger_{end}"].iloc[0]
    cells = [of_cell(name, row, folder) for row in table.drop_duplicates(CELL).to_dict("records")]
    rows = pd.concat([cell for cell in cells if cell is not None])
    rows = rows[rows["tier"].isin(["base", "ts"])]
    chosen = dict.fromkeys(f"{json.loads(text).get(PENALTY, float('nan')):g}" for text in rows["overrides"])
    return f"the ledger {name} (penalty {', '.join(chosen)}; {seeds_of(rows)})"


def differing(row: dict, folder: Path | None = None) -> set[str]:
    """Return the settings, and the device, in which a cell of :func:`measured_twice` differs between its ledgers."""
    names: set[str] = set()
    for pair in shared_trainings(row, folder).itertuples():
        own, other = json.loads(pair.overrides_here), json.loads(pair.overrides_there)
        names |= {name for name in own.keys() | other.keys() if own.get(name) != other.get(name)}
        names |= {"device"} if pair.device_here != pair.device_there else set()
    return names
