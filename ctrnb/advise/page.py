"""Advice in words: for a terminal and for the last chapter."""

import numpy as np
import pandas as pd

from ctrnb.advise.advice import (
    COSTS,
    EQUAL,
    NO_INTERVAL,
    PAYS,
    REFERENCES,
    UNDECIDED,
    Advice,
    Decision,
    Effect,
    decide,
    model_name,
)
from ctrnb.advise.place import nearest, paper_places
from ctrnb.advise.trial import Trial
from ctrnb.analysis.groups import EVERYONE
from ctrnb.models import DISPLAY
from ctrnb.study.penalties import PENALTY, is_open
from ctrnb.study.progress import duration
from ctrnb.training.config import settings
from ctrnb.words import NO_BREAK, with_interval

MARKS = {PAYS: "▲", COSTS: "▼", EQUAL: "=", UNDECIDED: "?"}


def points(effect: Effect) -> str:
    """Return a change in points of 0.01 AUC with its interval."""
    low, high = (effect.low, effect.high) if effect.known else (np.nan, np.nan)
    return with_interval(effect.change, low, high, scale=100)


def headline(advice: Advice) -> str:
    """Return the answer in a sentence."""
    return f"{answer(advice)}: {advice.ft.reason}."


def answer(advice: Advice) -> str:
    """Return the answer without its reason."""
    where = f"on {advice.trial.encoded.name}"
    if advice.ft.verdict == UNDECIDED:
        return f"Whether message passing by fine-tuning pays {where} is undecided"
    makes = {EQUAL: f"makes {EQUAL}"}.get(advice.ft.verdict, advice.ft.verdict)
    return f"Message passing by fine-tuning {makes} {where}"


def power(decision: Decision) -> str:
    """Return which changes an undecided trial would have found, in words; empty for a decided one."""
    effects = decision.effects.values()
    if decision.verdict != UNDECIDED or not all(effect.known and effect.detectable for effect in effects):
        return ""
    found = " and ".join(f"{100 * (effect.detectable or 0):.2f}" for effect in effects)
    names = " and ".join(REFERENCES[name] for name in decision.effects)
    return (
        f"True changes of {found} points against {names} would have been found with about 80 % probability. More test users, or "
        "more seeds, for which there must be time in the budget, find smaller ones."
    )


def said_of(decision: Decision) -> str:
    """Return a decision's effects in words."""
    parts = [f"{points(effect)} points against {REFERENCES[name]}" for name, effect in decision.effects.items()]
    return "; ".join(parts)


def size(advice: Advice) -> str:
    """Return the dataset's size, density and tails in words."""
    found = advice.profile
    sides = [
        f"half of the {side}s have {found[f'{side}_degree']['median']:.0f} or fewer, 1 % have more than {found[f'{side}_degree']['p99']:.0f}, "
        f"and the top tenth hold {100 * found[f'{side}_degree']['top_tenth_share']:.0f} % of the interactions"
        for side in ("user", "item")
    ]
    return (
        f"{found['users']:,} users, {found['items']:,} items, {found['interactions']:,} interactions: density "
        f"{found['density_percent']:.3g} %. Interactions each: {sides[0]}; {sides[1]}."
    )


def place(advice: Advice) -> str:
    """Return where the density lies among the measured datasets and the paper's, in words."""
    density = advice.profile["density_percent"]
    ours, theirs = beside(advice.places, "our", density), beside(paper_places(), "the paper's", density)
    return f"Its density, {density:.3g} %, is {ours}, and {theirs}."


def beside(places: pd.DataFrame, whose: str, density: float) -> str:
    """Return between which places a density lies, in words."""
    sparser, denser = (
        each and f"{each['dataset']} {each['k']}-core ({each['density_percent']:.3g} %)"
        for each in nearest(places, density)
    )
    if sparser and denser:
        return f"between {whose} {sparser} and {denser}"
    if sparser:
        return f"higher than any of {'ours' if whose == 'our' else whose}, of which {sparser} is the densest"
    if denser:
        return f"lower than any of {'ours' if whose == 'our' else whose}, of which {denser} is the sparsest"
    return f"not comparable with {'ours' if whose == 'our' else whose}, none of which is kept"


def caution(advice: Advice) -> str:
    """Return why this trial is no basis for a decision on real ratings, in words; empty where nothing speaks against it."""
    trial = advice.trial
    shipped = settings(trial.request.model, "base", {})[2].epochs
    base = [run.row for (tier, _), run in trial.runs.items() if tier == "base"]
    cut = sum(row["best_epoch"] == row["epochs"] == trial.epochs for row in base)
    said = []
    if trial.request.dataset.partition(":")[0] == "synthetic":
        said.append("This run is a demonstration on synthetic ratings: its numbers mean nothing for real data.")
    if cut and trial.epochs < shipped:
        said.append(
            f"Trainings were stopped after {trial.epochs} epochs at most ({shipped} are shipped): in {cut} of {len(base)} "
            "repetitions Base was still improving in the last of them. A gain of FT over a Base that was trained too briefly holds what "
            "more epochs alone would give. The control has FT's further epochs too: that is why it decides."
        )
    if not trial.searched:
        said.append("No settings were searched.")
    return " ".join(said)


def effort(advice: Advice) -> str:
    """Return what was trained, and within which limits, in words."""
    trial, request = advice.trial, advice.trial.request
    wanting = ", for want of budget" if request.search else ""
    how = "settings searched by validation AUC" if trial.searched else f"shipped settings{wanting}"
    one = " With one seed the intervals speak of the test users alone: another training may differ more." if trial.seeds == 1 else ""  # fmt: skip
    return (
        f"{model_name(advice)}: {trial.trainings} trainings, {trial.seeds} seed{'s' * (trial.seeds > 1)}, {how}, at most "
        f"{trial.epochs} epochs; {spent(trial)}.{one}{open_penalty(trial)}"
    )


def spent(trial: Trial) -> str:
    """Return what time the trainings took, in words: those that had finished before took none."""
    kept = trial.trainings - trial.trained
    if not trial.trained:
        return "all had finished before and were taken from the runs folder"
    before = f" ({kept} had finished before and were taken from the runs folder)" if kept else ""
    return f"{duration(trial.seconds)} of a budget of {trial.request.minutes:g} min{before}"


def open_penalty(trial: Trial) -> str:
    """Return a warning where Base might do better with a larger penalty on its embeddings; empty where one was tried.

    FT gains less over a Base that is penalised enough: see the chapter on the tiers.
    """
    chosen = trial.chosen.get("base", {}).get(PENALTY)
    if trial.searched and chosen is not None and not is_open(chosen, trial.penalties):
        return ""
    why = (
        "Base's best penalty on embeddings is the largest tried"
        if trial.searched
        else "the penalty on embeddings was not searched"
    )
    return f" Beware: {why}, so that a gain may be the penalty's rather than message passing's."


def marked(decision: Decision) -> str:
    """Return a verdict with its sign."""
    return f"{MARKS[decision.verdict]}{NO_BREAK}{decision.verdict}"


def groups_table(advice: Advice) -> pd.DataFrame:
    """Return one row a group of users: training interactions, Base's AUC, changes in points with intervals, verdict."""
    rows = []
    auc = advice.table[(advice.table["metric"] == "auc") & (advice.table["tier"] == "ft")]
    base = auc[auc["reference"] == "base"].set_index("group")["reference_value"]
    for name, decision in {EVERYONE: advice.ft, **advice.groups}.items():
        changes = {
            f"FT to {said}": points(decision.effects[key])
            for key, said in REFERENCES.items()
            if key in decision.effects
        }
        rows.append(
            {"users": name, "training interactions": advice.bounds.get(name, "any"), "Base AUC": f"{base[name]:.4f}"}
            | changes
            | {"verdict": marked(decision)}
        )
    return pd.DataFrame(rows).set_index("users")


def measured_decisions(places: pd.DataFrame, smallest: float) -> pd.DataFrame:
    """Return the verdict of :func:`ctrnb.advise.advice.decide` on each measured cell, to read.

    Args:
        places: as of :func:`ctrnb.advise.place.measured_places`, with ``open``; open cells are left out.
        smallest: the smallest effect that matters, in AUC.
    """
    rows = []
    for (dataset, k, model), part in places[~places["open"].astype(bool)].groupby(
        ["dataset", "k", "model"], sort=False
    ):
        found = {row.reference: Effect(row.change, row.low, row.high, row.mde) for row in part.itertuples()}
        if set(found) != set(REFERENCES):
            continue
        decision = decide(found, smallest, seeds=int(part["seeds"].min()))
        rows.append(
            {
                "dataset": f"{dataset}, k{NO_BREAK}={NO_BREAK}{k}",
                "density": f"{part['density_percent'].iloc[0]:.2g} %",
                "model": DISPLAY[model],
                "verdict": marked(decision),
            }
            | {f"FT to {said}": points(found[name]) for name, said in REFERENCES.items()}
        )
    return pd.DataFrame(rows).set_index("dataset") if rows else pd.DataFrame({"verdict": []}, dtype=str)


def measured_said(table: pd.DataFrame, places: pd.DataFrame) -> str:
    """Return how often each verdict stands in :func:`measured_decisions`, and how many cells are left out, in words."""
    left = len(places[places["open"].astype(bool)][["dataset", "k", "model"]].drop_duplicates())
    counts = {verdict: int(table["verdict"].str.endswith(f"{NO_BREAK}{verdict}").sum()) for verdict in MARKS}
    said = ", ".join(f"{verdict} in {count}" for verdict, count in counts.items())
    return f"Of {len(table)} cells (a model on a core of a dataset): {said}. Not judged, as open: {left}."


def unseen(advice: Advice) -> str:
    """Return how many test interactions are of a user or an item that training has not seen, in words."""
    encoded = advice.trial.encoded
    test = encoded.rows("test")
    new = (encoded.user_side.id_code[encoded.user[test]] == 0) | (encoded.item_side.id_code[encoded.item[test]] == 0)
    return f"{100 * new.mean():.2g} % of the test interactions"


def without_auc(advice: Advice) -> str:
    """Return which groups are not in the table, in words; empty where all are."""
    if not advice.undefined:
        return ""
    return f"Of {' and '.join(advice.undefined)} the test part lacks clicks or non-clicks: AUC is undefined there."


def without_interval(advice: Advice) -> str:
    """Return which groups have no interval and why, in words; empty where all have one."""
    return f"Of {' and '.join(advice.without_interval)} {NO_INTERVAL}." if advice.without_interval else ""


def lines(advice: Advice) -> list[str]:
    """Return the whole advice as lines of text."""
    groups = "For whom (points of 0.01 AUC, 95 % intervals; in the groups widened for three looks):"
    ts = f"From scratch (TS): {advice.ts.verdict}: {said_of(advice.ts)}." if advice.ts else "From scratch (TS): not tried within the budget."  # fmt: skip
    return [
        headline(advice),
        f"FT: {said_of(advice.ft)}. Smallest effect that matters: {100 * advice.smallest:g} points.",
        ts,
        *filter(None, [power(advice.ft)]),
        "",
        groups,
        *groups_table(advice).reset_index().to_string(index=False).splitlines(),
        *filter(None, [without_auc(advice), without_interval(advice)]),
        "",
        size(advice),
        place(advice),
        effort(advice),
        *filter(None, [caution(advice)]),
    ]
