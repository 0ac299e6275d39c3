"""Advice in words: for a terminal and for the last chapter."""

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
    model_name,
)
from ctrnb.advise.place import nearest, paper_places
from ctrnb.advise.trial import PENALTIES, Trial
from ctrnb.analysis.groups import EVERYONE
from ctrnb.study.penalties import is_open
from ctrnb.study.progress import duration

MARKS = {PAYS: "▲", COSTS: "▼", EQUAL: "=", UNDECIDED: "?"}


def points(effect: Effect) -> str:
    """Return a change in points of 0.01 AUC with its interval."""
    interval = f"{100 * effect.low:+.2f} to {100 * effect.high:+.2f}" if effect.known else "no interval"
    return f"{100 * effect.change:+.2f} ({interval})"


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
    return f"Changes of {found} points against {names} would have been found with 80 % probability; a larger --budget trains more seeds."


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
    parts = []
    for name, places in (("measured here", advice.places), ("of the paper", paper_places())):
        found = [each for each in nearest(places, density) if each]
        known = [f"{each['dataset']} k={each['k']} ({each['density_percent']:.3g} %)" for each in found]
        where = "between " + " and ".join(known) if len(known) == 2 else f"beyond {known[0]}" if known else "no"
        parts.append(f"{where} {name}" if known else f"no dataset with a known density was {name}")
    return f"Density {density:.3g} %: {'; '.join(parts)}."


def effort(advice: Advice) -> str:
    """Return what was trained, and within which limits, in words."""
    trial, request = advice.trial, advice.trial.request
    wanting = ", for want of budget" if request.search else ""
    how = "settings searched by validation AUC" if trial.searched else f"shipped settings{wanting}"
    one = " With one seed the intervals speak of the test users alone: another training may differ more." if trial.seeds == 1 else ""  # fmt: skip
    return (
        f"{model_name(advice)}: {trial.trainings} trainings, {trial.seeds} seed{'s' * (trial.seeds > 1)}, {how}, at most "
        f"{trial.epochs} epochs, {duration(trial.seconds)} of a budget of {request.minutes:g} min.{one}{open_penalty(trial)}"
    )


def open_penalty(trial: Trial) -> str:
    """Return a warning where Base might do better with a larger penalty on its embeddings; empty where one was tried.

    FT gains less over a Base that is penalised enough: see the chapter on the tiers.
    """
    chosen = trial.chosen.get("base", {}).get("training.l2_embedding")
    if trial.searched and chosen is not None and not is_open(chosen, PENALTIES):
        return ""
    why = (
        "Base's best penalty on embeddings is the largest tried"
        if trial.searched
        else "the penalty on embeddings was not searched"
    )
    return f" Beware: {why}, so that a gain may be the penalty's rather than message passing's."


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
            | {"verdict": f"{MARKS[decision.verdict]} {decision.verdict}"}
        )
    return pd.DataFrame(rows).set_index("users")


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
    ]
