"""Drive a study to its end: look up what is finished, train what is not, keep every result as it comes.

Only this process writes to the runs folder, one finished run at a time and atomically. A sweep that is killed loses the
trainings in flight and nothing else; started again it takes up where it stopped, since what is finished is found by the
identity of its settings and data.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch

from ctrnb.data import Curated, Encoded, Ratings, curate, encode, load
from ctrnb.data.ratings import warn_of_dropped
from ctrnb.errors import ConfigError, RunError
from ctrnb.study.description import Study
from ctrnb.study.jobs import Failure, Files, Job, Outcome
from ctrnb.study.plan import Group, Split, Step, Training, groups, steps
from ctrnb.training import RunResult, RunStore, train
from ctrnb.training.device import pick_device
from ctrnb.training.stack import FREE
from ctrnb.training.store import pack, unpack


class Engine(Protocol):
    """Where jobs are done, several at a time. The caller submits them, waits, and closes the engine at the end."""

    slots: int  # jobs at a time
    threads: int  # of torch, for each
    local: bool  # whether they are done on this machine

    def submit(self, ticket: int, job: Job) -> None:
        """Give out a job and return at once; :meth:`wait` will return its outcome under ``ticket``."""

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Return the outcomes that there are after at most ``timeout`` seconds, each once: (ticket, outcome).

        The outcome of a job that failed, or whose worker died too often, is a Failure; none raises. An engine that
        works in this process may take longer than ``timeout``.
        """

    def close(self) -> None:
        """End all workers at once; what they were doing is lost."""


class Observer:
    """What a sweep tells while it runs; this one says nothing."""

    def expects(self, total: int) -> None:
        """There will be so many trainings in the end, at most; a study that grows says so again."""

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


@dataclass(frozen=True)
class LookUp:
    """A store's finished runs and no others: ``train`` with it returns one, or ends in NotFinished before it trains."""

    store: RunStore

    def find(self, run_id: str) -> RunResult:
        """Return a finished run.

        Raises:
            NotFinished: there is none.
        """
        found = self.store.find(run_id)
        if found is None:
            raise NotFinished(run_id)
        return found

    def save(self, result: RunResult) -> None:
        """Refuse to keep a run: none can have been trained."""
        raise RunError(f"run {result.row['run_id']} was to be looked up, and has been trained.")


class Splits:
    """Curated and encoded datasets, loaded once and the last few kept.

    Attributes:
        names: of the datasets loaded so far, by what they are called in a study; no two have the same.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir
        self.names: dict[str, str] = {}
        self.ratings = lru_cache(maxsize=2)(self._ratings)
        self.encoded = lru_cache(maxsize=6)(self._encoded)

    def _ratings(self, dataset: str) -> Ratings:
        found = load(dataset, data_dir=self.data_dir)
        for other, name in self.names.items():
            if name == found.name and other != dataset:
                raise ConfigError(
                    f"{other} and {dataset} are both named {name!r}, and a ledger could not tell them apart: write "
                    "another name = ... into one of them."
                )
        if dataset not in self.names:  # loaded for the first time
            warn_of_dropped(found)
        self.names[dataset] = found.name
        return found

    def curated(self, split: Split) -> Curated:
        """Return a curated dataset, with the users and items that an encoded one has as codes; it is not kept."""
        return curate(self.ratings(split.dataset), split.curation)

    def _encoded(self, split: Split) -> Encoded:
        return encode(self.curated(split))


@dataclass
class Sweep:
    """The state of a study: which trainings have finished, failed or are open.

    Attributes:
        study: with the precision that ``auto`` means on the device here, for every training (:meth:`Study.with_precision`).
        stacked: how many trainings that :mod:`ctrnb.training.stack` can train as one are, at most; above 1 one without
            its like is a stack too, for the CUDA graph.
        splits: the datasets, where several sweeps share them; default: those of the usual data folder.
        known: validation AUC of every finished training, None for a failed one.
        failures: why trainings failed.
    """

    study: Study
    store: RunStore
    splits: Splits = field(default_factory=Splits)
    device: str = "auto"
    stacked: int = 1
    observer: Observer = field(default_factory=Observer)
    known: dict[Training, float | None] = field(default_factory=dict)
    run_ids: dict[Training, str] = field(default_factory=dict)
    failures: dict[Step, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.study = self.study.with_precision(
            pick_device("auto") if self.device == "auto" else torch.device(self.device)
        )
        self.groups: list[Group] = groups(self.study)
        self.absent: set[Training] = set()
        self.alone: set[Training] = set()  # a stack of theirs failed

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
            return train(encoded, runs=LookUp(self.store), seed=training.seed, device="cpu", **training.arguments())
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
        return finished == len(group.tiers) * len(group.repetitions)

    def require(self) -> None:
        """Require that no training failed.

        Raises:
            RunError: one did.
        """
        if self.failures:
            step, reason = next(iter(self.failures.items()))
            raise RunError(f"{self.study.name}: trainings failed: {len(self.failures)}, the first {step}: {reason}")

    def run(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        """Train what is open, as far as the budget goes; failures are kept and the rest goes on."""
        self.store.tidy()
        start, started = clock(), 0
        running: dict[int, list[Step]] = {}
        while True:
            damaged = False  # a parent was found damaged: it is open again
            for stack in self.startable(running):
                if len(running) == engine.slots or not self.within_budget(started, clock() - start):
                    break
                stack = stack[: self.allowed(started)]
                job = self.job(stack, engine.threads)
                if job is None:
                    damaged = True
                    break
                started += len(stack)
                running[started] = stack
                for step in stack:
                    self.observer.started(step)
                engine.submit(started, job)
            if not running and not damaged and not self.forget_damaged():
                return
            self.observer.waited(sum(map(len, running.values())))
            for ticket, outcome in engine.wait(timeout=0.5):
                self.keep(running.pop(ticket), outcome)

    def startable(self, running: dict[int, list[Step]]) -> Iterator[list[Step]]:
        """Yield the open trainings that are not running, those together that are to be trained as one."""
        taken = {step.training for stack in running.values() for step in stack}
        alike: dict[Training, list[Step]] = {}
        for step in (step for step in self.open_steps() if step.training not in taken):
            training = step.training
            alike.setdefault(training if training in self.alone else shape(training), []).append(step)
        for found in alike.values():
            yield from (found[first : first + self.stacked] for first in range(0, len(found), self.stacked))

    def within_budget(self, started: int, seconds: float) -> bool:
        """Return whether the budget allows another training to start."""
        hours = self.study.budget.hours
        return self.allowed(started) != 0 and (hours is None or seconds < 3600 * hours)

    def allowed(self, started: int) -> int | None:
        """Return how many more trainings the budget allows, or None for any number."""
        most = self.study.budget.trainings
        return None if most is None else max(most - started, 0)

    def job(self, stack: list[Step], threads: int) -> Job | None:
        """Return steps as a job, or None where a parent has been damaged meanwhile and has to be trained again."""
        parents = {}
        for parent in dict.fromkeys(parent for step in stack for parent in step.parents):
            result = self.result(parent)
            if result is None:
                self.forget(parent)
                return None
            parents[result.row["run_id"]] = pack(result)
        trainings = [step.training for step in stack]
        arguments = trainings[0].arguments() | {
            "seeds": [training.seed for training in trainings],
            "overrides": [dict(training.overrides) for training in trainings],
            "stacked": "yes" if self.stacked > 1 and trainings[0] not in self.alone else "no",
        }
        return Job(self.splits.encoded(trainings[0].split), arguments, parents, self.device, threads)

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

    def keep(self, stack: list[Step], outcome: Outcome) -> None:
        """Keep the outcome of trainings; where a stack failed, its trainings are open again, each alone."""
        if not isinstance(outcome, Failure):
            for step, files in zip(stack, outcome, strict=True):
                self.keep_run(step, files)
        elif self.stacked > 1 and stack[0].training not in self.alone:
            self.alone.update(step.training for step in stack)
        else:
            self.fail(stack[0], outcome.reason)

    def keep_run(self, step: Step, files: Files) -> None:
        """Keep a finished run; one that does not match its checksums counts as a failure."""
        try:
            result = arrived(files)
        except (ValueError, KeyError) as error:
            self.fail(step, f"its result was damaged on the way: {error}")
            return
        self.store.save(result)
        self.learn(step.training, result)
        self.observer.finished(step, result)

    def fail(self, step: Step, reason: str) -> None:
        """Take a training as failed: what needs it is not started, the rest goes on."""
        self.known[step.training] = None
        self.failures[step] = reason
        self.observer.failed(step, reason)


def shape(training: Training) -> Training:
    """Return what trainings that can be trained as one have in common, as a training."""
    free = {f"training.{name}" for name in FREE}
    return replace(training, seed=-1, overrides=tuple(pair for pair in training.overrides if pair[0] not in free))


def arrived(files: Files) -> RunResult:
    """Return the run that a worker sent, to be dated by this process.

    Raises:
        ValueError: it was damaged on the way.  KeyError: a file is missing.
    """
    result = unpack(files, json.loads(files["run.json"])["row"]["run_id"])
    result.origin = {}
    return result
