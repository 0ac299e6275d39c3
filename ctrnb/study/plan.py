"""Which trainings a study needs next, as a function of what is known: nothing here trains or reads a file.

The search is a chain of decisions, so its later trainings are not known at first: FT's candidates start from the best
Base, which is known once all of Base's candidates are. :func:`steps` returns the trainings that are determined and may
start (or have finished); called again with more results it returns more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctrnb.data import Curation
from ctrnb.study.description import Pairs, Repetition, Study
from ctrnb.training.config import TIERS
from ctrnb.training.tiers import shared_with_base


@dataclass(frozen=True)
class Split:
    """A curated and split dataset."""

    dataset: str
    k: int
    drop_middle: bool
    seed: int

    @property
    def curation(self) -> Curation:
        """The curation that makes it."""
        return Curation(k=self.k, drop_middle=self.drop_middle, seed=self.seed)


@dataclass(frozen=True)
class Training:
    """The arguments of :func:`ctrnb.training.train`, hashable."""

    split: Split
    model: str
    tier: str
    seed: int
    overrides: Pairs = ()
    base_overrides: Pairs = ()

    @property
    def repetition(self) -> Repetition:
        """Its two seeds."""
        return self.split.seed, self.seed

    def arguments(self) -> dict[str, Any]:
        """Return model, tier, overrides and base_overrides as ``train`` takes them; the seed is left out."""
        return {
            "model": self.model,
            "tier": self.tier,
            "overrides": dict(self.overrides),
            "base_overrides": dict(self.base_overrides),
        }

    def __str__(self) -> str:
        dropped = ", middle removed" if self.split.drop_middle else ""
        where = f"{self.split.dataset} k={self.split.k}{dropped}"
        return f"{where}, {self.model} {self.tier}, seed {self.seed}, split {self.split.seed}"


@dataclass(frozen=True)
class Step:
    """A training in its study.

    Attributes:
        stage: ``final`` (of the best configuration), ``search`` (a candidate that is not, or not yet, the best) or
            ``support`` (trained only because another starts from it or takes its budget from it).
        candidate: the grid's settings of this training.
        parents: trainings whose results it needs; they have finished.
    """

    training: Training
    stage: str
    candidate: Pairs
    parents: tuple[Training, ...] = ()

    def __str__(self) -> str:
        point = ", ".join(f"{name}={value}" for name, value in self.candidate)
        return f"{self.training}{f' ({self.stage}: {point})' if point else ''}"


@dataclass(frozen=True)
class Group:
    """The trainings of one model on one curated dataset: what one search and one comparison are about."""

    dataset: str
    k: int
    drop_middle: bool
    model: str
    tiers: tuple[str, ...]
    repetitions: tuple[Repetition, ...]

    def training(self, repetition: Repetition, tier: str, overrides: Pairs, base_overrides: Pairs = ()) -> Training:
        """Return one training of the group."""
        split = Split(self.dataset, self.k, self.drop_middle, repetition[0])
        return Training(split, self.model, tier, repetition[1], overrides, base_overrides)


STARTS_FROM = {"ft": ("base",), "control": ("base", "ft")}
Known = Mapping[Training, float | None]  # validation AUC; None for a training that failed


def groups(study: Study) -> list[Group]:
    """Return the groups of a study in its order; one that two cells share comes once."""
    found = [
        Group(dataset, k, drop_middle, model, cell.tiers, cell.repetitions())
        for cell in study.cells
        for dataset in cell.datasets
        for k in cell.k
        for drop_middle in cell.drop_middle
        for model in cell.models
    ]
    return list(dict.fromkeys(found))


def steps(study: Study, group: Group, known: Known) -> list[Step]:
    """Return the trainings of a group that are determined and may start or have finished, each once."""
    fixed = study.common()
    found: dict[Training, Step] = {}
    best: dict[str, Pairs] = {}  # tier: its best configuration
    needed = {"base": set(TIERS) - {"ts"}, "ts": {"ts"}, "ft": {"ft", "control"}, "control": {"control"}}
    for tier in (tier for tier, users in needed.items() if users & set(group.tiers)):
        if not set(STARTS_FROM.get(tier, ())) <= set(best):
            break
        point = add_tier(study, group, tier, best, known, found)
        if point is not None:
            best[tier] = merged(inherited(tier, best, fixed), point)
    return list(found.values())


def add_tier(
    study: Study, group: Group, tier: str, best: Mapping[str, Pairs], known: Known, found: dict[Training, Step]
) -> Pairs | None:
    """Add the steps of one tier to ``found``; return its best candidate, or None while that is open or all failed."""
    points = study.points(group.model, tier)
    start = inherited(tier, best, study.common())
    base = best["base"] if tier in STARTS_FROM else ()
    kept = "final" if tier in group.tiers else "support"

    def add(repetition: Repetition, point: Pairs, stage: str) -> Training:
        training = group.training(repetition, tier, merged(start, point), base)
        parents = parents_of(group, training, repetition)
        for parent in parents[1:]:  # the FT that the control takes its budget from; Base is there already
            if known.get(parents[0]) is not None:
                found.setdefault(parent, Step(parent, "support", point, parents[:1]))
        if all(known.get(parent) is not None for parent in parents):
            found[training] = Step(training, stage, point, parents)
        return training

    first = group.repetitions[0]
    candidates = {point: add(first, point, "search") for point in points}
    chosen = points[0] if len(points) == 1 else choose(candidates, known)
    if chosen is not None:
        for repetition in group.repetitions:
            add(repetition, chosen, kept)
    return chosen


def choose(candidates: Mapping[Pairs, Training], known: Known) -> Pairs | None:
    """Return the candidate of highest validation AUC (the first of equals); None while one is open or all failed."""
    if not all(training in known for training in candidates.values()):
        return None
    found = ((point, known[training]) for point, training in candidates.items())
    scores = {point: score for point, score in found if score is not None}
    return max(scores, key=lambda point: scores[point]) if scores else None


def inherited(tier: str, best: Mapping[str, Pairs], fixed: Pairs) -> Pairs:
    """Return what a tier's settings start from: the study's, Base's model below FT, FT's settings below the control."""
    if tier == "control":
        return best["ft"]
    if tier == "ft":
        return merged(fixed, tuple(pair for pair in best["base"] if shared_with_base(pair[0])))
    return fixed


def parents_of(group: Group, training: Training, repetition: Repetition) -> tuple[Training, ...]:
    """Return the trainings that one needs: Base for FT, Base and FT for the control."""
    if training.tier not in STARTS_FROM:
        return ()
    base = group.training(repetition, "base", training.base_overrides)
    if training.tier == "ft":
        return (base,)
    return base, group.training(repetition, "ft", training.overrides, training.base_overrides)


def merged(settings: Pairs, further: Pairs) -> Pairs:
    """Return settings with ``further`` winning, sorted by name."""
    return tuple(sorted((dict(settings) | dict(further)).items()))


def sizes(study: Study, group: Group) -> dict[str, int]:
    """Return how many trainings of each tier a group takes in the end: at most, where the control has its own grid."""
    repeated, tiers = len(group.repetitions) - 1, set(group.tiers)
    if {"ft", "control"} & tiers:
        tiers |= {"base", "ft"}
    counts = {tier: len(study.points(group.model, tier)) + repeated for tier in TIERS if tier in tiers}
    tries = study.points(group.model, "control")
    if "control" in tiers and tries != ((),):  # the budget of each may have to be found by an FT with its settings
        searched = {pair for point in study.points(group.model, "ft") for pair in point}
        known = all(pair in searched for point in tries for pair in point)
        counts["ft"] += repeated + (0 if known else len(tries))
    return counts


def total(study: Study) -> int:
    """Return how many trainings a study takes in the end, at most."""
    return sum(sum(sizes(study, group).values()) for group in groups(study))
