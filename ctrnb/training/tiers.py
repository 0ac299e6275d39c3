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
    EncoderConfig,
    Specification,
    TrainingConfig,
    automatic_batch_size,
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
        encoded, model, tier, seeds=[seed], runs=runs, device=device, overrides=overrides,
        base_overrides=base_overrides, progress=progress,
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
            ``embedding_update="rows"`` or ``restarts`` are never stacked, nor those that differ in more than their
            seeds and what ``ctrnb.training.stack.FREE`` names.

    Raises:
        ConfigError: as :func:`train`; or other than one ``overrides`` a seed; or ``stacked="yes"`` for runs that cannot
            be.
    """
    store = runs if isinstance(runs, Store) else RunStore(runs)
    own_overrides = [dict(each) for each in one_a_seed(overrides or {}, len(seeds))]
    chosen = pick_device(device)
    own = [chosen_settings(model, tier, each, chosen) for each in own_overrides]
    starts, budgets = parents(
        encoded, model, tier, own_overrides, dict(base_overrides or {}),
        seeds=seeds, runs=store, device=device, progress=progress, stacked=stacked,
    )  # fmt: skip
    size = automatic_batch_size(len(encoded.rows("train")))
    planned = [
        PlannedRun.of(
            Specification(encoded.name, encoded.fingerprint, model, tier, seed, config, encoder, training.sized(size)),
            start, budget,
        )
        for seed, (config, encoder, training), start, budget in zip(seeds, own, starts, budgets, strict=True)
    ]  # fmt: skip
    found = {each.run_id: store.find(each.run_id) for each in planned}
    waiting = list({each.run_id: each for each in planned if found[each.run_id] is None}.values())
    together = trained_as_one(waiting, stacked, chosen)
    for batch in [waiting] if together else [[each] for each in waiting]:
        for result in run(encoded, batch, chosen, progress, together):
            store.save(result)
            found[result.row["run_id"]] = result
    return [found[each.run_id] for each in planned]  # type: ignore[misc]


def parents(
    encoded: Encoded, model: str, tier: str, overrides: Sequence[dict[str, Any]], base_overrides: dict[str, Any],
    **options: Any,
) -> tuple[Sequence[RunResult | None], Sequence[RunResult | None]]:  # fmt: skip
    """Return the run that each one starts from, and the one whose epochs it takes, found or trained; None for none.

    Args:
        overrides: one a seed.
        options: further arguments of :func:`train_many`.
    """
    none = [None] * len(overrides)
    if tier not in ("ft", "control"):
        return none, none
    inherited = [{key: value for key, value in each.items() if shared_with_base(key)} for each in overrides]
    starts = train_many(encoded, model, "base", overrides=[each | base_overrides for each in inherited], **options)
    if tier == "ft":
        return starts, none
    return starts, train_many(encoded, model, "ft", overrides=overrides, base_overrides=base_overrides, **options)


def chosen_settings(
    model: str, tier: str, overrides: Mapping[str, Any], device: torch.device
) -> tuple[Any, EncoderConfig, TrainingConfig]:
    """Return the :func:`settings` of a tier, the control's being FT's, with the precision that ``auto`` means here."""
    config, encoder, training = settings(model, "ft" if tier == "control" else tier, overrides)
    return config, encoder, replace(training, precision=pick_precision(training.precision, device))


def one_a_seed(overrides: Mapping[str, Any] | Sequence[Mapping[str, Any]], seeds: int) -> Sequence[Mapping[str, Any]]:
    """Return overrides for each of ``seeds`` seeds.

    Raises:
        ConfigError: there is another number of them.
    """
    if isinstance(overrides, Mapping):
        return [overrides] * seeds
    if len(overrides) != seeds:
        raise ConfigError(f"there are {len(overrides)} overrides for {seeds} seeds: give one for all, or one a seed.")
    return overrides


@dataclass(frozen=True)
class PlannedRun:
    """A training to be done: what it is, the weights it starts from, and its own loop settings."""

    specification: Specification
    start: RunResult | None
    training: TrainingConfig

    @classmethod
    def of(cls, specification: Specification, start: RunResult | None, budget: RunResult | None) -> "PlannedRun":
        """Return the run with its parent, the run whose budget or else whose weights it takes, in its identity.

        With a budget it takes exactly as many epochs and does not stop early.
        """
        parent, training = budget or start, specification.training
        specification = replace(specification, parent=parent.row["run_id"] if parent else None)
        if budget:
            training = replace(training, epochs=budget.row["epochs"], patience=budget.row["epochs"])
        return cls(specification, start, training)

    @property
    def run_id(self) -> str:
        """The identity of its result."""
        return self.specification.run_id


def trained_as_one(waiting: Sequence[PlannedRun], stacked: str, device: torch.device) -> bool:
    """Return whether runs are trained as one rather than one after the other, as :func:`train_many` says.

    Raises:
        ConfigError: they cannot be, and ``stacked`` is yes.
    """
    hindrance = against_stacking(waiting)
    if stacked == "yes" and hindrance:
        raise ConfigError(f"stacked='yes' does not go with {hindrance}: use 'auto' or 'no'.")
    if stacked == "auto":
        return not hindrance and device.type == "cuda" and len(waiting) > 1
    return stacked == "yes" and len(waiting) > 0


def against_stacking(planned: Sequence[PlannedRun]) -> str:
    """Return which settings keep runs from being trained as one; empty where none does."""
    own = [each.specification.training for each in planned]
    if any(each.embedding_update != "dense" or each.restarts for each in own):
        return "training.embedding_update='rows' or training.restarts"
    free = {name: getattr(own[0], name) for name in FREE} if own else {}
    shapes = [
        (each.specification.encoder, each.specification.model_config, replace(each.specification.training, **free))
        for each in planned
    ]
    if any(shape != shapes[0] for shape in shapes):
        return f"runs that differ in more than their seeds and training's {', '.join(FREE)}"
    return ""


def run(
    encoded: Encoded, planned: Sequence[PlannedRun], device: torch.device, progress: Progress | None, together: bool
) -> list[RunResult]:
    """Train runs alike in all that shapes a weight, stacked if ``together`` (else there is one), and evaluate them."""
    precision = planned[0].training.precision
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        if together:
            networks = [start_network(encoded, each).to(device) for each in planned]
            configs = [each.training for each in planned]
            stack = Stack(
                networks, encoded, configs, precision=precision, generators=[data_order(each) for each in planned]
            )
            outcomes = fit_stack(stack, encoded, configs, progress=progress)
        else:
            network, outcome = fit_alone(encoded, planned[0], device, precision, progress)
            networks, outcomes = [network], [outcome]
        test = Batches(encoded, "test", device)
        results = []
        for each, network, outcome in zip(planned, networks, outcomes, strict=True):
            network.load_state_dict(outcome.state)
            probabilities = predict(network, test)
            row = describe(each.specification, encoded, network, outcome, probabilities)
            row |= {"precision": precision, "device": device_name(device), "stacked": len(planned)}
            row |= {"peak_memory_mb": round(peak_memory_mb(device), 1)}
            plain = json.loads(json.dumps(row, allow_nan=False))  # as it will be read back
            results.append(RunResult(plain, outcome.history, outcome.state, probabilities))
    return results


def fit_alone(
    encoded: Encoded, planned: PlannedRun, device: torch.device, precision: str, progress: Progress | None
) -> tuple[CTRNetwork, Fit]:
    """Train one run; where it is no longer finite, again from its start at a lower rate, as often as it allows.

    Raises:
        DivergenceError: it is not finite at the last rate either.
    """
    training = planned.training
    for restarts in range(training.restarts + 1):
        network = start_network(encoded, planned).to(device)
        trainer = Trainer(network, encoded, training, precision=precision, generator=data_order(planned))
        try:
            outcome = fit(trainer, encoded, progress=progress)
        except DivergenceError as error:
            if restarts == training.restarts:
                raise
            rate = training.learning_rate * training.restart_decay
            training = replace(training, learning_rate=rate)
            which = f"{planned.specification.model} {planned.specification.tier}, seed {planned.specification.seed}"
            warnings.warn(f"{which}: {error} It starts again with learning_rate={rate:g}.", stacklevel=2)
        else:
            outcome.restarts = restarts
            break
    return network, outcome


def data_order(planned: PlannedRun) -> torch.Generator:
    """Return the generator that orders a run's batches."""
    return torch.Generator().manual_seed(planned.specification.seed)


def start_network(encoded: Encoded, planned: PlannedRun) -> CTRNetwork:
    """Return a run's network before its first step: from its seed, then from its parent's weights if it has them.

    Raises:
        RunError: the parent's weights are of other shapes.
    """
    torch.manual_seed(planned.specification.seed)
    network = build_network(encoded, planned.specification)
    if planned.start is not None:
        try:
            network.load_state_dict(planned.start.state)
        except RuntimeError as error:  # torch names the weights on lines of their own
            run_id = planned.start.row["run_id"]
            raise RunError(
                f"the weights of run {run_id} do not fit the {planned.specification.model} that starts from them: "
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
