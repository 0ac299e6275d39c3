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
from ctrnb.data import Curation
from ctrnb.models import DISPLAY
from ctrnb.study.penalties import PENALTY, is_open
from ctrnb.study.progress import duration
from ctrnb.training.config import settings
from ctrnb.words import NO_BREAK, core, counted, middle_and_span, with_interval

MARKS = {PAYS: "▲", COSTS: "▼", EQUAL: "=", UNDECIDED: "?"}
KEEP = "keep Base, or the control if that is the better"
ACTIONS = {
    PAYS: "fine-tune with the graph, if its cost is acceptable",
    COSTS: KEEP,
    EQUAL: KEEP,
    UNDECIDED: (
        "keep the better of Base and the control; collect more test users or seeds only if a change of the size that the trial "
        "could just detect, which it may have missed, would matter"
    ),
}
VERBS = {PAYS: "pays in {}", COSTS: "does not pay in {}", EQUAL: "makes no difference that matters in {}", UNDECIDED: "is undecided in {}"}  # fmt: skip
SYNTHETIC = "synthetic"
TEST_OVER_TRAIN = Curation().fractions[2] / Curation().fractions[0]


def points(effect: Effect) -> str:
    """Return a change in points of 0.01 AUC with its interval."""
    low, high = (effect.low, effect.high) if effect.known else (np.nan, np.nan)
    return with_interval(effect.change, low, high, scale=100)


def headline(advice: Advice) -> str:
    """Return the answer in a sentence."""
    return f"{answer(advice)}: {advice.ft.reason}."


def action(decision: Decision) -> str:
    """Return what to do after a verdict, in a sentence."""
    said = ACTIONS[decision.verdict]
    return f"{said[0].upper()}{said[1:]}."


def actions_list() -> str:
    """Return what to do after each verdict, as a list in Markdown."""
    return "\n".join(f"* {mark}{NO_BREAK}*{verdict}*: {ACTIONS[verdict]}." for verdict, mark in MARKS.items())


def is_demonstration(advice: Advice) -> bool:
    """Return whether the ratings are made up."""
    return advice.trial.request.dataset.partition(":")[0] == SYNTHETIC


def lead(advice: Advice, decided: pd.DataFrame, smallest: float, corrected: str) -> str:
    """Return what a reader should know first: the answer for the dataset, or for a demonstration what was measured on real
    ratings (:func:`measured_decisions`), and what to do.

    Args:
        corrected: in how many of these cells FT beats both with a correction for their number, in words.
    """
    matters = f"A change that matters is one of at least {100 * smallest:g} points, hundredths of the AUC."
    if is_demonstration(advice):
        return f"{measured_evidence(decided, corrected)} {matters}"
    return f"{answered(advice)} {matters}"


def answered(advice: Advice) -> str:
    """Return the cautions, the answer, FT's changes and what to do, in sentences."""
    return f"{caution(advice)} {result(advice)} {action(advice.ft)}".strip()


def trial_said(advice: Advice) -> str:
    """Return what a demonstration came to, in sentences; for other ratings, where that stands."""
    return answered(advice) if is_demonstration(advice) else "Its answer stands at the top of the page."


def result(advice: Advice) -> str:
    """Return the answer and FT's changes, in sentences."""
    return f"{headline(advice)} Fine-tuning with message passing (FT) changes AUC by {said_of(advice.ft)}."


def verdict(advice: Advice) -> str:
    """Return the answer for the dataset in a sentence; for a demonstration, that there is none."""
    return (
        "The trial below is a demonstration and decides nothing." if is_demonstration(advice) else f"{answer(advice)}."
    )


def counted_verdicts(decided: pd.DataFrame) -> dict[str, int]:
    """Return how often each verdict stands in :func:`measured_decisions`."""
    return {verdict: int(decided["verdict"].str.endswith(f"{NO_BREAK}{verdict}").sum()) for verdict in MARKS}


def measured_evidence(decided: pd.DataFrame, corrected: str) -> str:
    """Return how often each verdict stands in :func:`measured_decisions`, and what follows for a reader, in sentences."""
    if decided.empty:
        return "No cell (a model on a core of a dataset) of real ratings has been measured yet: measure your own."
    counts = counted_verdicts(decided)
    datasets = ", ".join(dict.fromkeys(name.partition(",")[0] for name in decided.index))
    rule = (
        "As a rule it pays; a trial on your own ratings says whether it does there."
        if counts[PAYS] > len(decided) / 2
        else "So it is nothing to add by default: keep Base, search its penalty on embeddings, and fine-tune with the graph only "
        "where a trial on your own ratings says that it pays."
    )
    *first, last = (VERBS[each].format(count) for each, count in counts.items())
    return (
        f"Of {counted(len(decided), 'measured cell')} (a model on a core of real ratings: {datasets}), each judged alone, fine-tuning "
        f"with message passing (FT) {', '.join(first)} and {last}; with a correction for their number it beats Base and the control "
        f"{corrected}. {rule}"
    )


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
    if is_demonstration(advice):
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


def groups_said(advice: Advice) -> str:
    """Return the verdicts of :func:`groups_table`, in a sentence."""
    found: dict[str, list[str]] = {}
    for name, decision in {EVERYONE: advice.ft, **advice.groups}.items():
        found.setdefault(decision.verdict, []).append(name)
    told = "; ".join(f"{verdict} for {', '.join(names)}" for verdict, names in found.items())
    return f"Verdict: {told}."


def by_density_said(places: pd.DataFrame) -> str:
    """Return at which densities a model's gain over the control is beyond chance, each cell by its own interval, in a sentence.

    Args:
        places: of one model, as of :func:`ctrnb.advise.place.measured_places`, with ``open``; open cells are left out.
    """
    rows = places[(places["reference"] == "control") & ~places["open"].astype(bool)]
    if rows.empty:
        return ""
    above = rows["low"] > 0
    sure, rest = (
        ", ".join(f"{density:.2g} %" for density in sorted(part["density_percent"].unique()))
        for part in (rows[above], rows[~above])
    )
    return f"In closed cells the interval against the control lies above zero at a density of {sure or 'none'}, and not at {rest or 'any other'}."


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
                "dataset": core(dataset, k),
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
    said = ", ".join(f"{verdict} in {count}" for verdict, count in counted_verdicts(table).items())
    return f"Of {len(table)} cells: {said}. Not judged, as open: {left}."


def detectable_table(places: pd.DataFrame) -> pd.DataFrame:
    """Return which changes of FT the trials of the measured cells would have found, to read: a row a dataset, core and number
    of seeds, with the median (and the span) over models of the smallest true change found with 80 % probability, in points.

    Open cells are in it: how sure a change is does not depend on how Base was penalised. ``of the variance by users`` is the
    part that more test users make smaller; more seeds make the rest smaller.

    Args:
        places: as of :func:`ctrnb.advise.place.measured_places`.
    """
    rows = []
    for (dataset, k, seeds), part in places.groupby(["dataset", "k", "seeds"], sort=False):
        of_users = 100 * (part["se_users"] / part["se"]) ** 2
        rows.append(
            {
                "dataset": core(dataset, k),
                "users": f"{round(part['train_interactions'].iloc[0] / part['train_per_user'].iloc[0]):,}",
                "test interactions": f"{part['train_interactions'].iloc[0] * TEST_OVER_TRAIN:,.0f}",
                "seeds": int(seeds),
                "models": part["model"].nunique(),
            }
            | {
                f"FT to {said}": middle_and_span(100 * part.loc[part["reference"] == name, "mde"])
                for name, said in REFERENCES.items()
            }
            | {"of the variance by users, %": middle_and_span(of_users, "{:.0f}")}
        )
    return pd.DataFrame(rows).set_index("dataset") if rows else pd.DataFrame()


def detectable_said(places: pd.DataFrame, smallest: float) -> str:
    """Return in how many of the measured cells the smallest change that matters would have been found, in a sentence."""
    found = places.groupby(["dataset", "k", "model"])
    cells = found["mde"].max()[found["reference"].nunique() == len(REFERENCES)]
    if cells.empty:
        return ""
    return (
        f"A true change of {100 * smallest:g} points against both Base and the control would have been found with 80 % probability in "
        f"{int((cells <= smallest).sum())} of {counted(len(cells), 'cell')}; the median cell finds {100 * cells.median():.2f} points."
    )


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
        action(advice.ft),
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
