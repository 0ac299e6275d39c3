"""Drive a study to its end: look up what is finished, train what is not, keep every result as it comes.

Only this process writes to the runs folder, one finished run at a time and atomically. A sweep that is killed loses the
trainings in flight and nothing else; started again it takes up where it stopped, since what is finished is found by the
identity of its settings and data.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ctrnb.data import Curated, Encoded, Ratings, curate, encode, load
from ctrnb.errors import RunError
from ctrnb.study.description import Study
from ctrnb.study.jobs import Failure, Files, Job
from ctrnb.study.plan import Group, Split, Step, Training, groups, sizes, steps
from ctrnb.training import RunResult, RunStore, train
from ctrnb.training.store import pack, unpack


class Engine(Protocol):
    """Where jobs are done."""

    slots: int  # jobs at a time
    threads: int  # of torch, for each
    local: bool  # whether they are done on this machine

    def submit(self, ticket: int, job: Job) -> None: ...

    def wait(self, timeout: float) -> list[tuple[int, Files | Failure]]: ...

    def close(self) -> None: ...


class Observer:
    """What a sweep tells while it runs; this one says nothing."""

    def found(self, step: Step, result: RunResult) -> None:
        """A training had finished before."""

    def started(self, step: Step) -> None:
        """A training was given out."""

    def finished(self, step: Step, result: RunResult) -> None:
        """A training has finished and is kept."""

    def failed(self, step: Step, reason: str) -> None:
        """A training has failed; the others go on."""

    def waited(self, running: int) -> None:
        """A moment has passed."""


class NotFinished(Exception):
    """A run is not in the store."""


class Finished(RunStore):
    """A store that only looks up: ``train`` with it returns a finished run or ends in NotFinished before it trains."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def find(self, run_id: str) -> RunResult:
        found = self.store.find(run_id)
        if found is None:
            raise NotFinished(run_id)
        return found

    def save(self, result: RunResult) -> None:
        raise RunError(f"run {result.row['run_id']} was to be looked up, and has been trained.")


class Splits:
    """Curated and encoded datasets, loaded once and the last few kept."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir
        self.ratings = lru_cache(maxsize=2)(self._ratings)
        self.encoded = lru_cache(maxsize=6)(self._encoded)

    def _ratings(self, dataset: str) -> Ratings:
        return load(dataset, data_dir=self.data_dir)

    def curated(self, split: Split) -> Curated:
        """Return a curated dataset, with the users and items that an encoded one has as codes; it is not kept."""
        return curate(self.ratings(split.dataset), split.curation)

    def _encoded(self, split: Split) -> Encoded:
        return encode(self.curated(split))


@dataclass
class Sweep:
    """The state of a study: which trainings have finished, failed or are open.

    Attributes:
        known: validation AUC of every finished training, None for a failed one.
        failures: why trainings failed, by training.
    """

    study: Study
    store: RunStore
    data_dir: Path | None = None
    device: str = "auto"
    observer: Observer = field(default_factory=Observer)
    known: dict[Training, float | None] = field(default_factory=dict)
    run_ids: dict[Training, str] = field(default_factory=dict)
    failures: dict[Training, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.splits = Splits(self.data_dir)
        self.groups: list[Group] = groups(self.study)
        self.absent: set[Training] = set()

    def steps(self) -> list[Step]:
        """Return every training that is determined, each once, in the order of the study."""
        found: dict[Training, Step] = {}
        for group in self.groups:
            for step in steps(self.study, group, self.known):
                if step.training not in found or step.stage == "final":
                    found[step.training] = step
        return list(found.values())

    def open_steps(self) -> list[Step]:
        """Return the trainings that could start now, having looked up which have finished."""
        while True:
            fresh = False
            for step in self.steps():
                if step.training not in self.known and step.training not in self.absent:
                    fresh |= self.look_up(step)
            if not fresh:
                return [step for step in self.steps() if step.training not in self.known]

    def look_up(self, step: Step) -> bool:
        """Learn whether a training has finished before, and return that."""
        result = self.result(step.training)
        if result is None:
            self.absent.add(step.training)
            return False
        self.learn(step.training, result)
        self.observer.found(step, result)
        return True

    def result(self, training: Training) -> RunResult | None:
        """Return the finished run of a training, or None; a damaged one is named by a warning."""
        if training in self.run_ids:
            return self.store.find(self.run_ids[training])
        try:
            encoded = self.splits.encoded(training.split)
            return train(encoded, runs=Finished(self.store), device="cpu", **training.arguments())
        except NotFinished:
            return None

    def learn(self, training: Training, result: RunResult) -> None:
        """Take a finished run into account."""
        self.known[training] = result.row["valid_auc"]
        self.run_ids[training] = result.row["run_id"]

    def complete(self) -> bool:
        """Return whether every training that the study asks for has finished."""
        return all(map(self.group_complete, self.groups))

    def group_complete(self, group: Group) -> bool:
        """Return whether every training that the study asks for in a group has finished."""
        finals = [step for step in steps(self.study, group, self.known) if step.stage == "final"]
        finished = sum(self.known.get(step.training) is not None for step in finals)
        return finished == len(group.tiers) * len(group.draws)

    def total(self) -> int:
        """Return how many trainings the study takes in the end, at most."""
        return sum(sum(sizes(self.study, group).values()) for group in self.groups)

    def run(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        """Train what is open, as far as the budget goes; failures are kept and the rest goes on."""
        self.store.tidy()
        start, started = clock(), 0
        running: dict[int, Step] = {}
        while True:
            damaged = False  # a parent was found damaged: it is open again
            for step in self.startable(running):
                if len(running) == engine.slots or not self.within_budget(started, clock() - start):
                    break
                job = self.job(step, engine.threads)
                if job is None:
                    damaged = True
                    break
                started += 1
                running[started] = step
                self.observer.started(step)
                engine.submit(started, job)
            if not running and not damaged and not self.forget_damaged():
                return
            self.observer.waited(len(running))
            for ticket, outcome in engine.wait(timeout=0.5):
                self.keep(running.pop(ticket), outcome)

    def startable(self, running: dict[int, Step]) -> Iterator[Step]:
        """Yield the open trainings that are not running."""
        taken = {step.training for step in running.values()}
        yield from (step for step in self.open_steps() if step.training not in taken)

    def within_budget(self, started: int, seconds: float) -> bool:
        """Return whether the budget allows another training to start."""
        budget = self.study.budget
        over = (budget.trainings is not None and started >= budget.trainings) or (
            budget.hours is not None and seconds >= 3600 * budget.hours
        )
        return not over

    def job(self, step: Step, threads: int) -> Job | None:
        """Return a step as a job, or None where a parent has been damaged meanwhile and has to be trained again."""
        parents = {}
        for parent in step.parents:
            result = self.result(parent)
            if result is None:
                self.forget(parent)
                return None
            parents[result.row["run_id"]] = pack(result)
        encoded = self.splits.encoded(step.training.split)
        return Job(encoded, step.training.arguments(), parents, self.device, threads)

    def forget(self, training: Training) -> None:
        """Take a run that is not there any more as open."""
        self.known.pop(training)
        self.absent.add(training)

    def forget_damaged(self) -> bool:
        """Read every finished run once more, forget those damaged meanwhile, and return whether there were any."""
        finished = [training for training, score in self.known.items() if score is not None]
        damaged = [training for training in finished if self.result(training) is None]
        for training in damaged:
            self.forget(training)
        return bool(damaged)

    def keep(self, step: Step, outcome: Files | Failure) -> None:
        """Keep an outcome; a run that does not match its checksums counts as a failure."""
        if not isinstance(outcome, Failure):
            try:
                result = arrived(outcome)
            except (ValueError, KeyError) as error:
                outcome = Failure(f"its result was damaged on the way: {error}", lost=True)
            else:
                self.store.save(result)
                self.learn(step.training, result)
                self.observer.finished(step, result)
                return
        self.known[step.training] = None
        self.failures[step.training] = outcome.reason
        self.observer.failed(step, outcome.reason)


def arrived(files: Files) -> RunResult:
    """Return the run that a worker sent, to be dated by this process.

    Raises:
        ValueError: it was damaged on the way.  KeyError: a file is missing.
    """
    result = unpack(files, json.loads(files["run.json"])["row"]["run_id"])
    result.origin = {}
    return result
