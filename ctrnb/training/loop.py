"""The training loop that all tiers share: batches by index, AdamW, early stopping on validation AUC."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ctrnb.data.encode import Encoded
from ctrnb.errors import ConfigError, DivergenceError
from ctrnb.evaluation.metrics import auc_on_device, logloss_on_device
from ctrnb.training.config import TrainingConfig
from ctrnb.training.network import CTRNetwork

Progress = Callable[[int, float, float | None], None]  # epoch from 1, fraction of it done, best AUC so far
EVALUATION_BATCH = 16_384  # interactions; results do not depend on it


@dataclass
class Fit:
    """What :func:`fit` returns: the best epoch's weights and the record of every epoch."""

    state: dict[str, Tensor]  # of the best epoch, on the CPU
    best_epoch: int
    history: list[dict[str, Any]] = field(default_factory=list)
    restarts: int = 0  # how often it started again because it was no longer finite


class Batches:
    """One part of a split on a device, sliced without copies of the side tables."""

    def __init__(self, encoded: Encoded, part: str, device: torch.device) -> None:
        rows = encoded.rows(part)
        self.user = torch.from_numpy(encoded.user[rows]).to(device)
        self.item = torch.from_numpy(encoded.item[rows]).to(device)
        self.label = torch.from_numpy(encoded.label[rows]).to(device)

    def __len__(self) -> int:
        return len(self.label)

    def shuffled(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return users, items and labels in a fresh random order."""
        order = torch.randperm(len(self), generator=generator).to(self.label.device)
        return self.user[order], self.item[order], self.label[order]


class Trainer:
    """A training in progress: a network, its optimizer and the training part, all on one device.

    The training part lies in memory as tensors; a batch is a slice of the epoch's permutation. No DataLoader: fetching
    examples one by one and collating them takes longer than training on them. No torch.compile either: its gain was
    smaller than its start-up on runs of this length, and with one thread torch 2.13's compiled code crashed the
    process.

    With ``embedding_update="rows"`` a step reads and writes the batch's rows of the ID table alone (torch's
    SparseAdam): on large vocabularies a dense step costs more than the rest. That is another optimizer, not the same
    one made faster: moments and the penalty of a row stand still while no batch has it.

    Args:
        precision: fp32, or bf16 for the rating function under autocast.
        generator: a CPU generator that orders the batches.

    Raises:
        ConfigError: on construction, where the network's ID table is of another ``embedding_update`` than ``config``'s; and
            as :func:`rows_an_epoch`.
    """

    def __init__(
        self, network: CTRNetwork, encoded: Encoded, config: TrainingConfig, *, precision: str,
        generator: torch.Generator,
    ) -> None:  # fmt: skip
        self.network, self.config, self.precision, self.generator = network, config, precision, generator
        self.device = next(network.parameters()).device
        self.train = Batches(encoded, "train", self.device)
        self.rows = rows_an_epoch(network, len(self.train), config.batch_size)
        self.weights = [weight for weight in network.parameters() if weight.numel()]
        if network.ids.sparse_gradient != (config.embedding_update == "rows"):
            raise ConfigError(
                f"training.embedding_update={config.embedding_update!r} does not go with this network's "
                f"{type(network.ids).__name__}: build the network with the same settings; LightGCN takes 'dense' alone."
            )
        by_rows = [network.ids.table] if network.ids.sparse_gradient else []
        dense = [weight for weight in self.weights if not (by_rows and weight is network.ids.table)]
        common: dict[str, Any] = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2)}
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(dense, weight_decay=config.weight_decay, fused=True, **common)
        ]
        if by_rows:
            self.optimizers.append(torch.optim.SparseAdam(by_rows, **common))
        self.penalties = penalised(network, config)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.optimizers[0].param_groups[0]["lr"]

    @rate.setter
    def rate(self, value: float) -> None:
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = value

    def epoch(self, progress: Callable[[float], None] | None = None) -> Tensor:
        """Take one step a batch over the training part in random order; return each batch's mean loss."""
        self.network.train()
        user, item, label = self.train.shuffled(self.generator)
        starts = range(0, self.rows, self.config.batch_size)
        losses = torch.empty(len(starts), device=self.device)
        for number, start in enumerate(starts):
            batch = slice(start, start + self.config.batch_size)
            losses[number] = self.step(user[batch], item[batch], label[batch])
            if progress is not None and number % 16 == 0:
                progress(start / len(self.train))
        return losses

    def step(self, user: Tensor, item: Tensor, label: Tensor) -> Tensor:
        """Take one step on a batch and return its mean loss, detached."""
        for each in self.weights:
            each.grad = None
        logits = self.network(user, item, bf16=self.precision == "bf16")
        loss = nn.functional.binary_cross_entropy_with_logits(logits, label.to(logits.dtype))
        loss.backward()
        table = self.network.ids.table
        if table.grad is not None and table.grad.is_sparse:
            table.grad = table.grad.coalesce()  # each row once
        for weight, coefficient in self.penalties:  # the gradient of lambda ||w||^2 is 2 lambda w
            gradient: Tensor = weight.grad  # type: ignore[assignment]
            if gradient.is_sparse:
                gradient.values().add_(weight.detach()[gradient.indices()[0]], alpha=2 * coefficient)
            else:
                gradient.add_(weight.detach(), alpha=2 * coefficient)
        if self.config.grad_clip:
            self.clip()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.detach()

    def clip(self) -> None:
        """Scale the gradient down to the norm ``grad_clip``; on a CPU it is only touched where it is longer."""
        found = [weight.grad for weight in self.weights if weight.grad is not None]
        gradients = [each.values() if each.is_sparse else each for each in found]
        norm = nn.utils.get_total_norm(gradients, foreach=True)
        if self.device.type != "cpu" or norm > self.config.grad_clip:
            torch._foreach_mul_(gradients, (self.config.grad_clip / (norm + 1e-6)).clamp(max=1.0))


def rows_an_epoch(network: nn.Module, total: int, batch_size: int) -> int:
    """Return how many of the training interactions an epoch takes: all, or all but the last of its random order.

    That is left out where it would be a batch by itself and the network has batch normalisation, which needs two.

    Raises:
        ConfigError: every batch is of one interaction, and the network has batch normalisation.
    """
    if not any(isinstance(module, nn.BatchNorm1d) for module in network.modules()):
        return total
    if batch_size == 1 or total == 1:
        raise ConfigError(
            f"training.batch_size={batch_size} with {total} training interactions: this model's batch normalisation needs "
            "batches of 2 or more."
        )
    return total - (total % batch_size == 1)


def fit(trainer: Trainer, encoded: Encoded, *, progress: Progress | None = None) -> Fit:
    """Train until validation AUC stalls and return the epoch where it was best; the network is left at the last one.

    Raises:
        DivergenceError: the loss of a batch is not finite, or a score after an epoch; epoch and batch are named.
    """
    valid, tracker = Batches(encoded, "valid", trainer.device), Tracker(trainer.config)
    going, epoch = True, 0
    while going:
        epoch += 1
        start = time.perf_counter()
        report = None if progress is None else (lambda done, e=epoch: progress(e, done, max(tracker.best, 0.0) or None))
        losses = trainer.epoch(report)
        raise_unless_finite(losses, epoch)  # the first look at the losses: it waits for the device
        seconds = time.perf_counter() - start
        rate = trainer.rate
        probability = probabilities(trainer.network, valid)
        going = tracker.goes_on(trainer.network, probability, valid, losses, rate, seconds)
        trainer.rate = tracker.rate(rate)
    return tracker.result


class Tracker:
    """One run's record: its history, its best epoch, and whether and how it goes on."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.result = Fit(state={}, best_epoch=0)
        self.best, self.stale = -np.inf, 0

    def goes_on(
        self, network: CTRNetwork, probability: Tensor, valid: Batches, losses: Tensor, rate: float, seconds: float
    ) -> bool:
        """Record an epoch, keep the weights if it is the best so far, and return whether another one follows.

        Raises:
            DivergenceError: a validation score is not finite.
        """
        history = self.result.history
        raise_unless_scored(probability, len(history) + 1)
        valid_auc = auc_on_device(valid.label, probability)
        history.append(
            {
                "epoch": len(history) + 1,
                "train_loss": losses.mean().item(),
                "valid_auc": valid_auc,
                "valid_logloss": logloss_on_device(valid.label, probability),
                "learning_rate": rate,
                "seconds": seconds,
            }
        )
        if valid_auc > self.best + self.config.min_improvement:
            self.best, self.stale = valid_auc, 0
            self.result.best_epoch = len(history)
            self.result.state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        else:
            self.stale += 1
        return self.stale < self.config.patience and len(history) < self.config.epochs

    def rate(self, rate: float) -> float:
        """Return the next epoch's learning rate: decayed after an epoch without improvement."""
        return rate * self.config.lr_decay if self.stale else rate


def penalised(network: CTRNetwork, config: TrainingConfig) -> list[tuple[Tensor, float]]:
    """Return (weight, lambda) for every weight that is penalised, in Equation 3's form; biases and norms are left out."""
    pairs = [(weight, config.l2_embedding) for weight in network.embedding_parameters()]
    pairs += [(weight, config.l2_network) for weight in network.model.parameters() if weight.dim() > 1]
    return [(weight, coefficient) for weight, coefficient in pairs if coefficient and weight.numel()]


REMEDY = "Lower training.learning_rate, use training.precision=fp32, or allow training.restarts."

REMEDY_AT_START = "No step had been taken: lower encoder.init_std or encoder.readout, or use training.precision=fp32."


def raise_unless_finite(losses: Tensor, epoch: int, *, where: str = "") -> None:
    """Raise DivergenceError if a batch's loss is infinite or not a number; ``where`` is added to the message."""
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        batch = int(bad[0].item()) + 1
        raise DivergenceError(
            f"the training loss is {losses[bad[0]].item()} at epoch {epoch}, batch {batch} of {len(losses)}{where}. "
            f"{REMEDY_AT_START if (epoch, batch) == (1, 1) else REMEDY}"
        )


def raise_unless_scored(probability: Tensor, epoch: int) -> None:
    """Raise DivergenceError if a score is not finite: an epoch's last step can break weights that no loss has seen."""
    bad = int((~torch.isfinite(probability)).sum())
    if bad:
        raise DivergenceError(
            f"{bad} of {len(probability)} validation scores are not finite after the last batch of epoch {epoch}. "
            f"{REMEDY}"
        )


def predict(network: CTRNetwork, batches: Batches) -> np.ndarray:
    """Return :func:`probabilities` as a NumPy array."""
    return probabilities(network, batches).cpu().numpy()


@torch.no_grad()
def probabilities(network: CTRNetwork, batches: Batches) -> Tensor:
    """Return click probabilities, float32 (interactions,), in fp32 and with one propagation for them all."""
    network.eval()
    nodes = network.ids.nodes()
    logits = [
        network.model(network.embed(user, item, nodes))
        for user, item in zip(batches.user.split(EVALUATION_BATCH), batches.item.split(EVALUATION_BATCH), strict=True)
    ]
    return torch.sigmoid(torch.cat(logits))
