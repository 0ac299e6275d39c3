"""Base, control and FT of one model, trained within a budget of minutes: as a study that grows seed by seed.

Settings are searched with the first seed by validation AUC (Base: its embedding penalty, with larger ones as long as the largest
serves it best; FT and the control, with as many tries each: learning rate and penalty, among them Base's own), so that message
passing is not credited with what a better penalty gives. Where the budget does not allow for that, FT and the control search
their rates at Base's penalty alone; where not even for that, the shipped settings are taken, then fewer epochs; the trial
says so. Each further round trains a few more seeds, and starts only if the last one's time fits into what is left. TS comes
last.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from ctrnb.data import Encoded
from ctrnb.errors import ConfigError, RunError
from ctrnb.study.changes import Runs
from ctrnb.study.description import Budget, Cell, Study
from ctrnb.study.estimate import UNKNOWN_EPOCHS, probe
from ctrnb.study.penalties import PENALTY, is_open
from ctrnb.study.plan import Group, Split, Training, sizes, steps, total
from ctrnb.study.sweep import Engine, Observer, Splits, Sweep
from ctrnb.training import RunResult, RunStore
from ctrnb.training.config import settings
from ctrnb.training.device import on_threads

Grid: TypeAlias = dict[str, dict[str, dict[str, list[float]]]]
TIERS = ("base", "control", "ft")
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)  # tried for Base; with few ratings the last may be best, after a dip
LARGER = (3e-1, 1.0, 3.0)  # tried one after the other while the largest so far serves Base best
RATES, ANEW = (3e-4, 1e-3), (1e-4, 1e-3)  # of FT and the control: learning rates, and penalties beside Base's own
SHARE = 0.85  # of the budget that trainings may take; the rest is for reading data and for the intervals
START = 10.0  # seconds in which worker processes begin
CAUTION = 1.3  # a round is taken to last this much longer than the one before
FEWEST_EPOCHS = 2


@dataclass(frozen=True)
class Request:
    """What is to be tried.

    Attributes:
        minutes: the budget, of wall time.
        seeds: most seeds of the training.
        epochs: most epochs of a training; None for the shipped number.
        ts: whether training from scratch may be tried too, budget allowing.
        search: whether settings may be searched, budget allowing.
    """

    dataset: str
    model: str
    k: int = 3
    minutes: float = 8.0
    seeds: int = 5
    epochs: int | None = None
    ts: bool = True
    search: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise ConfigError(f"budget={self.minutes} minutes: it must be above 0, and end.")
        if self.seeds < 1:
            raise ConfigError(f"seeds={self.seeds}: at least 1 is needed.")
        limit = {} if self.epochs is None else {"training.epochs": self.epochs}
        settings(self.model, "base", limit)  # a wrong model or number ends here

    def study(self, seeds: int, *, epochs: int, grid: Grid, tiers: tuple[str, ...] = TIERS) -> Study:
        """Return the trial with this many seeds as a study; ``grid`` as of :func:`grid_of`, empty for no search."""
        cell = Cell((self.dataset,), (self.k,), (self.model,), tiers, tuple(range(seeds)))
        fixed = {"training": {"precision": "fp32", "epochs": epochs}}
        return Study("advise", (cell,), fixed=fixed, grid={"any": grid} if grid else {})


def grid_of(penalties: Sequence[float] = PENALTIES, own: float = PENALTIES[-1], beside: Sequence[float] = ANEW) -> Grid:
    """Return what is searched in each tier: Base and TS these penalties, FT and the control rates, and Base's own penalty with
    those ``beside`` it."""
    table = {"training": {"l2_embedding": list(penalties)}}
    anew = {"training": {"learning_rate": list(RATES), "l2_embedding": sorted({*beside, own})}}
    return {"base": table, "ft": anew, "control": anew, "ts": table}


@dataclass(frozen=True)
class Trial:
    """What was trained.

    Attributes:
        runs: the finished trainings by tier and seed; a seed has Base, control and FT.
        epochs: most epochs that a training was allowed.
        chosen: settings of each tier that the search chose.
        penalties: what was tried for Base; empty where nothing was searched.
        trainings: how many are behind it all, of which ``trained`` were done now; the others had finished before.
        seconds: wall time of all this.
    """

    request: Request
    encoded: Encoded
    runs: Runs
    epochs: int
    chosen: dict[str, dict[str, Any]]
    penalties: tuple[float, ...]
    trainings: int
    trained: int
    seconds: float

    @property
    def seeds(self) -> int:
        """How many seeds were trained."""
        return len({number for _, number in self.runs})

    @property
    def searched(self) -> bool:
        """Whether settings were searched; else they are the shipped ones."""
        return bool(self.penalties)


def try_tiers(
    request: Request,
    engine: Engine,
    store: RunStore,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    observer: Observer | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trial:
    """Train within the budget and return what has finished.

    Raises:
        ConfigError: the budget is too small for one training of each tier; it says how much is needed.
        RunError: a training failed, or the budget ended before the first seed was through.
        DataError: the dataset is missing or malformed.
    """
    ends = clock() + 60 * SHARE * request.minutes
    splits = Splits(data_dir)
    encoded = splits.encoded(Split(request.dataset, request.k, False, 0))
    with on_threads(engine.threads):  # more than cores are free would be far slower
        epoch_seconds = probed(request, encoded, device)
    beside, epochs = planned(request, epoch_seconds, engine.slots, ends - clock() - START)
    expected = {tier: seconds * min(epochs, UNKNOWN_EPOCHS) for tier, seconds in epoch_seconds.items()}
    rounds = Rounds(
        request, engine, store, splits, device, observer or Observer(), clock, ends, epochs, max(expected.values())
    )
    seeds, begin = min(engine.slots, request.seeds), clock()
    if beside is not None:
        rounds.search(beside, after_base(request, epoch_seconds, engine.slots, epochs, beside))
    state = rounds.swept(seeds)
    took = longest_chain(state, seeds)
    while seeds < request.seeds and clock() + CAUTION * took < ends:
        seeds = min(seeds + engine.slots, request.seeds)
        state = rounds.swept(seeds)
    extra = max(len(rounds.penalties) - 1, 0) + seeds
    if request.ts and clock() + CAUTION * extra * expected["ft"] / engine.slots < ends:
        state = rounds.swept(seeds, (*TIERS, "ts"))
    return finished(request, encoded, state, rounds.penalties, epochs, len(rounds.trained), clock() - begin)


@dataclass
class Rounds:
    """The rounds of a trial: one sweep after the other of a study that grows, within one budget.

    Attributes:
        ends: when the budget ends, by ``clock``.
        epochs: most of a training.
        one: seconds that the longest training is expected to take; none starts later than that before the end.
        grid: what is searched so far.
        penalties: tried for Base so far; empty where nothing is searched.
        trained: what was trained by these sweeps.
    """

    request: Request
    engine: Engine
    store: RunStore
    splits: Splits
    device: str
    observer: Observer
    clock: Callable[[], float]
    ends: float
    epochs: int
    one: float
    grid: Grid = field(default_factory=dict)
    penalties: tuple[float, ...] = ()
    trained: set[Training] = field(default_factory=set)

    def swept(self, seeds: int, tiers: tuple[str, ...] = TIERS) -> Sweep:
        """Train what the study with this many seeds lacks, as far as the budget goes; return its state."""
        study = self.request.study(seeds, epochs=self.epochs, grid=self.grid, tiers=tiers)
        study = replace(study, budget=Budget(hours=max(self.ends - self.clock() - self.one, 1e-3) / 3600))
        self.observer.expects(total(study))
        state = Sweep(study, self.store, self.splits, device=self.device, observer=self.observer)
        state.run(self.engine)
        self.trained.update(each for each in state.absent if state.known.get(each) is not None)
        return state

    def search(self, beside: Sequence[float], rest: float) -> None:
        """Search Base's penalty, with larger ones while the largest so far serves it best, and set the grid of all tiers.

        Args:
            beside: penalties that FT and the control try beside Base's own.
            rest: seconds that their search is expected to take.
        """
        self.penalties = PENALTIES
        while True:
            self.grid = grid_of(self.penalties)
            own = base_penalty(self.swept(1, ("base",)))
            larger = [penalty for penalty in LARGER if penalty > self.penalties[-1]]
            late = self.clock() + self.one + rest > self.ends
            if own is None or not is_open(own, self.penalties) or not larger or late:
                self.grid = grid_of(self.penalties, own or self.penalties[-1], beside)
                return
            self.penalties = (*self.penalties, larger[0])


def base_penalty(state: Sweep) -> float | None:
    """Return the penalty that a search of Base's has come to, None if it has come to none."""
    found = [dict(step.candidate) for step in finals(state) if step.training.tier == "base"]
    return found[0][PENALTY] if found else None


def probed(request: Request, encoded: Encoded, device: str) -> dict[str, float]:
    """Return the seconds of an epoch with the table and with LightGCN."""
    split, found = Split(request.dataset, request.k, False, 0), {}
    for tier in ("base", "ft"):
        training = Training(split, request.model, tier, 0, (("training.precision", "fp32"),))
        found[tier] = probe(encoded, training, device=device).seconds * len(encoded.rows("train"))
    return found


def planned(
    request: Request, epoch_seconds: dict[str, float], slots: int, seconds: float
) -> tuple[tuple[float, ...] | None, int]:
    """Return the penalties that FT and the control try beside Base's, None where nothing is searched, and how many epochs a
    training may take, so that one seed fits into ``seconds``.

    Raises:
        ConfigError: not even :data:`FEWEST_EPOCHS` epochs of each tier fit.
    """
    shipped = settings(request.model, "base", {})[2].epochs
    epochs = shipped if request.epochs is None else request.epochs
    base = len(PENALTIES) * epoch_seconds["base"] * min(epochs, UNKNOWN_EPOCHS) / slots
    for beside in (ANEW, ()) if request.search else ():
        if base + after_base(request, epoch_seconds, slots, epochs, beside) <= seconds:
            return beside, epochs
    one_epoch = 2 * epoch_seconds["base"] + epoch_seconds["ft"]  # of a seed, whose tiers wait for one another
    allowed = int(seconds / one_epoch)
    if allowed < min(FEWEST_EPOCHS, epochs):
        needed = FEWEST_EPOCHS * one_epoch / (60 * SHARE) + request.minutes - seconds / (60 * SHARE)
        raise ConfigError(
            f"a budget of {request.minutes:g} minutes is too small: {FEWEST_EPOCHS} epochs of Base, control and FT on "
            f"{request.dataset} need about {math.ceil(10 * needed) / 10:g}. Raise --budget, or thin the data by a larger --k."
        )
    return None, min(epochs, allowed)


def after_base(
    request: Request, epoch_seconds: dict[str, float], slots: int, epochs: int, beside: Sequence[float]
) -> float:
    """Return the seconds that the search of FT and the control is expected to take, once Base's has ended."""
    group = Group(request.dataset, request.k, False, request.model, TIERS, ((0, 0),))
    counts = sizes(request.study(1, epochs=epochs, grid=grid_of(beside=beside)), group)
    cost = counts["ft"] * epoch_seconds["ft"] + counts["control"] * epoch_seconds["base"]
    return cost * min(epochs, UNKNOWN_EPOCHS) / slots


def longest_chain(state: Sweep, seeds: int) -> float:
    """Return the seconds that the slowest seed's Base, FT and control took: a round's time, as seeds go in parallel."""
    seconds: dict[int, float] = {}
    for step in finals(state):
        row = state.result(step.training).row  # type: ignore[union-attr]
        number = step.training.seed
        seconds[number] = seconds.get(number, 0.0) + row["seconds_per_epoch"] * row["epochs"]
    return max(seconds.values(), default=0.0)


def finals(state: Sweep) -> list:
    """Return the finished trainings of the best configurations."""
    found = steps(state.study, state.groups[0], state.known)
    return [step for step in found if step.stage == "final" and state.known.get(step.training) is not None]


def finished(
    request: Request,
    encoded: Encoded,
    state: Sweep,
    penalties: tuple[float, ...],
    epochs: int,
    trained: int,
    seconds: float,
) -> Trial:
    """Return the trial that a sweep has come to: seeds that have all three tiers, TS where every such seed has it.

    Raises:
        RunError: no seed has them.
    """
    runs: dict[tuple[str, int], RunResult] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for step in finals(state):
        result = state.result(step.training)
        if result is not None:
            runs[step.training.tier, step.training.seed] = result
        chosen[step.training.tier] = dict(step.candidate)
    whole = [seed for seed in range(request.seeds) if all((tier, seed) in runs for tier in TIERS)]
    if not whole:
        reason = next(iter(state.failures.values()), "the budget ended first: raise --budget")
        raise RunError(f"{request.dataset}: no seed has Base, control and FT: {reason}.")
    tiers = (*TIERS, "ts") if all(("ts", seed) in runs for seed in whole) else TIERS
    kept = {(tier, seed): runs[tier, seed] for tier in tiers for seed in whole}
    count = sum(score is not None for score in state.known.values())
    own = {tier: chosen[tier] for tier in tiers}
    return Trial(request, encoded, kept, epochs, own, penalties, count, trained, seconds)
