"""The tiers: one training loop with other encoders and other starting weights.

==========  ==========================  ===================================================================
tier        ID encoder                  starts from
==========  ==========================  ===================================================================
base        table                       random weights
ft          LightGCN                    the best Base weights; Base's table becomes layer 0
control     table                       the best Base weights, trained on for as many epochs as FT took
ts          LightGCN                    random weights
==========  ==========================  ===================================================================

The paper (Section 4.1) has base, ft and ts. Without ``control`` a gain of ft over base could be a gain of more
training, with a fresh optimizer and another learning rate, rather than of message passing.
"""

import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import ctrnb
from ctrnb.data.encode import Encoded
from ctrnb.errors import ConfigError, DivergenceError, RunError
from ctrnb.evaluation.groups import activity_groups, evaluate
from ctrnb.training.config import (
    Specification,
    TrainingConfig,
    automatic_batch_size,
    for_budget,
    settings,
)
from ctrnb.training.device import device_name, peak_memory_mb, pick_device, pick_precision
from ctrnb.training.loop import Batches, Fit, Progress, Trainer, fit, predict
from ctrnb.training.network import CTRNetwork, build_network
from ctrnb.training.stack import FREE, Stack, fit_stack
from ctrnb.training.store import RunResult, RunStore, Store


def train(
    encoded: Encoded,
    model: str,
    tier: str,
    *,
    seed: int,
    runs: Store | Path | None = None,
    device: str = "cpu",
    overrides: Mapping[str, Any] | None = None,
    base_overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Train one model in one tier, or return the finished run from ``runs``.

    ft needs the Base run of the same model, seed and settings, and control the FT run too: each is found in
    ``runs`` or trained first.

    Args:
        overrides: settings that differ from the shipped ones, ``{"training.learning_rate": 1e-3}``. Those of the
            model and the embedding's size hold for the Base run below ft and control too.
        base_overrides: further settings of that Base run.

    Returns:
        The run. Its ``row`` has run_id, dataset, fingerprint, model, tier, seed, parent, best_epoch, epochs,
        valid_auc, valid_logloss, auc, logloss, auc_strong, logloss_strong, auc_low, auc_mid, auc_high (fractions,
        or None where undefined, with the reason under ``undefined``), seconds_per_epoch (training alone, median),
        train_samples_per_second, restarts (how often it started again at a lower rate), peak_memory_mb, parameters,
        precision, device, stacked (runs that were trained together), versions and settings.

    Raises:
        ConfigError: an unknown model, tier or setting.  DeviceError: no such device.
        DivergenceError: the loss is not finite, and ``training.restarts`` are spent.
        RunError: the runs folder cannot be written.
    """
    return train_many(
        encoded, model, tier, seeds=[seed], runs=runs, device=device, overrides=overrides, base_overrides=base_overrides,
        progress=progress,
    )[0]  # fmt: skip


def train_many(
    encoded: Encoded,
    model: str,
    tier: str,
    *,
    seeds: Sequence[int],
    runs: Store | Path | None = None,
    device: str = "cpu",
    overrides: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    base_overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    stacked: Literal["auto", "yes", "no"] = "auto",
) -> list[RunResult]:
    """Train one model in one tier with several seeds, as :func:`train` does with one; return a run a seed, in order.

    Args:
        overrides: as of :func:`train`, for all runs or, in a sequence, for each seed its own.
        stacked: whether runs not yet finished are trained as one (:mod:`ctrnb.training.stack`) or one after the other.
            ``auto`` stacks on a GPU: a CPU is busy with one run already. Results agree up to rounding. Runs with
            ``embedding_update="rows"`` or ``restarts`` are never stacked, nor those that differ in more than their seeds
            and what ``ctrnb.training.stack.FREE`` names.

    Raises:
        ConfigError: as :func:`train`; or other than one ``overrides`` a seed; or ``stacked="yes"`` for runs that cannot
            be.
    """
    store = runs if isinstance(runs, Store) else RunStore(runs)
    base_overrides = dict(base_overrides or {})
    own_overrides = [dict(each) for each in one_a_seed(overrides or {}, len(seeds))]
    place = pick_device(device)
    own = [settings(model, "ft" if tier == "control" else tier, each) for each in own_overrides]
    starts: Sequence[RunResult | None] = [None] * len(seeds)
    budgets: Sequence[RunResult | None] = starts
    if tier in ("ft", "control"):
        options: dict[str, Any] = {
            "seeds": seeds, "runs": store, "device": device, "progress": progress, "stacked": stacked
        }  # fmt: skip
        inherited = [{key: value for key, value in each.items() if shared_with_base(key)} for each in own_overrides]
        starts = train_many(encoded, model, "base", overrides=[each | base_overrides for each in inherited], **options)
        if tier == "control":
            budgets = train_many(
                encoded, model, "ft", overrides=own_overrides, base_overrides=base_overrides, **options
            )
    size = automatic_batch_size(len(encoded.rows("train")))
    jobs = [
        Job.of(
            Specification(encoded.name, encoded.fingerprint, model, tier, seed, config, encoder, training.sized(size)),
            start, budget,
        )
        for seed, (config, encoder, training), start, budget in zip(seeds, own, starts, budgets, strict=True)
    ]  # fmt: skip
    found = {job.specification.run_id: store.find(job.specification.run_id) for job in jobs}
    waiting = list({job.specification.run_id: job for job in jobs if found[job.specification.run_id] is None}.values())
    hindrance = against_stacking(waiting)
    if stacked == "yes" and hindrance:
        raise ConfigError(f"stacked='yes' does not go with {hindrance}: use 'auto' or 'no'.")
    together = stacked == "yes" or (stacked == "auto" and not hindrance and place.type == "cuda" and len(waiting) > 1)
    for batch in [waiting] if together and waiting else [[job] for job in waiting]:
        for result in run(encoded, batch, place, progress, together):
            store.save(result)
            found[result.row["run_id"]] = result
    return [found[job.specification.run_id] for job in jobs]  # type: ignore[misc]


def one_a_seed(overrides: Mapping[str, Any] | Sequence[Mapping[str, Any]], seeds: int) -> Sequence[Mapping[str, Any]]:
    """Return overrides for each of ``seeds`` seeds."""
    if isinstance(overrides, Mapping):
        return [overrides] * seeds
    if len(overrides) != seeds:
        raise ConfigError(f"there are {len(overrides)} overrides for {seeds} seeds: give one for all, or one a seed.")
    return overrides


@dataclass(frozen=True)
class Job:
    """A training to be done: what it is, the weights it starts from, and its own loop settings."""

    specification: Specification
    start: RunResult | None
    training: TrainingConfig

    @classmethod
    def of(cls, specification: Specification, start: RunResult | None, budget: RunResult | None) -> "Job":
        """Return the job with its parent, the run whose budget or else whose weights it takes, in its identity."""
        parent, training = budget or start, specification.training
        specification = replace(specification, parent=parent.row["run_id"] if parent else None)
        return cls(specification, start, for_budget(training, budget.row["epochs"]) if budget else training)


def against_stacking(jobs: Sequence[Job]) -> str:
    """Return which settings keep jobs from being trained as one; empty where none does."""
    own = [job.specification.training for job in jobs]
    if any(each.embedding_update != "dense" or each.restarts for each in own):
        return "training.embedding_update='rows' or training.restarts"
    free = {name: getattr(own[0], name) for name in FREE} if own else {}
    shapes = [(job.specification.encoder, job.specification.model_config, replace(each, **free))
              for job, each in zip(jobs, own, strict=True)]  # fmt: skip
    if any(shape != shapes[0] for shape in shapes):
        return f"runs that differ in more than their seeds and training's {', '.join(FREE)}"
    return ""


def run(
    encoded: Encoded, jobs: Sequence[Job], place: torch.device, progress: Progress | None, together: bool
) -> list[RunResult]:
    """Train jobs that differ in nothing that shapes a weight, stacked if ``together`` (else there is one); evaluate them."""
    precision = pick_precision(jobs[0].training.precision, place)
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        if place.type == "cuda":
            torch.cuda.reset_peak_memory_stats(place)
        if together:
            networks = [start_network(encoded, job).to(place) for job in jobs]
            configs = [job.training for job in jobs]
            stack = Stack(networks, encoded, configs, precision=precision, generators=[data_order(job) for job in jobs])
            outcomes = fit_stack(stack, encoded, configs, progress=progress)
        else:
            network, outcome = fit_alone(encoded, jobs[0], place, precision, progress)
            networks, outcomes = [network], [outcome]
        test = Batches(encoded, "test", place)
        results = []
        for job, network, outcome in zip(jobs, networks, outcomes, strict=True):
            network.load_state_dict(outcome.state)
            probabilities = predict(network, test)
            row = describe(job.specification, encoded, network, outcome, probabilities)
            row |= {"precision": precision, "device": device_name(place), "stacked": len(jobs)}
            row |= {"peak_memory_mb": round(peak_memory_mb(place), 1)}
            plain = json.loads(json.dumps(row, allow_nan=False))  # as it will be read back
            results.append(RunResult(plain, outcome.history, outcome.state, probabilities))
    return results


def fit_alone(
    encoded: Encoded, job: Job, place: torch.device, precision: str, progress: Progress | None
) -> tuple[CTRNetwork, Fit]:
    """Train one job; where it is no longer finite, again from its start at a lower rate, as often as it allows.

    Raises:
        DivergenceError: it is not finite at the last rate either.
    """
    training = job.training
    for restarts in range(training.restarts + 1):
        network = start_network(encoded, job).to(place)
        trainer = Trainer(network, encoded, training, precision=precision, generator=data_order(job))
        try:
            outcome = fit(trainer, encoded, progress=progress)
        except DivergenceError as error:
            if restarts == training.restarts:
                raise
            rate = training.learning_rate * training.restart_decay
            training = replace(training, learning_rate=rate)
            warnings.warn(f"{job.specification.model} {job.specification.tier}, seed {job.specification.seed}: {error} "
                          f"It starts again with learning_rate={rate:g}.", stacklevel=2)  # fmt: skip
        else:
            outcome.restarts = restarts
            break
    return network, outcome


def data_order(job: Job) -> torch.Generator:
    """Return the generator that orders a job's batches."""
    return torch.Generator().manual_seed(job.specification.seed)


def start_network(encoded: Encoded, job: Job) -> CTRNetwork:
    """Return a job's network before its first step: from its seed, then from its parent's weights if it has them."""
    torch.manual_seed(job.specification.seed)
    network = build_network(encoded, job.specification)
    if job.start is not None:
        try:
            network.load_state_dict(job.start.state)
        except RuntimeError as error:  # torch names the weights on lines of their own
            run_id = job.start.row["run_id"]
            raise RunError(
                f"the weights of run {run_id} do not fit the {job.specification.model} that starts from them: "
                f"{' '.join(str(error).split())[:300]}. Remove the run to have it trained again."
            ) from None
    return network


def shared_with_base(key: str) -> bool:
    """Return whether an override of ft or control also shapes the Base weights that they start from."""
    return key.startswith("model.") or key == "encoder.dim"


def describe(
    specification: Specification, encoded: Encoded, network: CTRNetwork, outcome: Fit, probabilities: np.ndarray
) -> dict[str, Any]:
    """Return a run's ledger row, less what only the machine knows."""
    test = encoded.rows("test")
    groups = activity_groups(encoded.train_degree_user)[encoded.user[test]]
    metrics = evaluate(encoded.label[test], probabilities, encoded.middle[test], groups)
    seconds = float(np.median([epoch["seconds"] for epoch in outcome.history]))
    best = outcome.history[outcome.best_epoch - 1]
    return {
        "run_id": specification.run_id,
        "dataset": specification.dataset,
        "fingerprint": specification.fingerprint,
        "model": specification.model,
        "tier": specification.tier,
        "seed": specification.seed,
        "parent": specification.parent,
        "best_epoch": outcome.best_epoch,
        "epochs": len(outcome.history),
        "valid_auc": best["valid_auc"],
        "valid_logloss": best["valid_logloss"],
        **metrics,
        "seconds_per_epoch": seconds,
        "train_samples_per_second": len(encoded.rows("train")) / seconds,
        "restarts": outcome.restarts,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "versions": {"ctrnb": ctrnb.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "settings": asdict(specification),
    }
