"""The training loop that all tiers share: batches by index, AdamW, early stopping on validation AUC."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ctrnb.data.encode import Encoded
from ctrnb.encoders import CTRNetwork
from ctrnb.errors import RunError
from ctrnb.evaluation.metrics import auc, logloss
from ctrnb.training.config import TrainingConfig

Progress = Callable[[int, float, float | None], None]  # epoch from 1, fraction of it done, best AUC so far
EVALUATION_BATCH = 16_384  # interactions; results do not depend on it


@dataclass
class Fit:
    """What :func:`fit` returns: the best epoch's weights and the record of every epoch."""

    state: dict[str, Tensor]  # of the best epoch, on the CPU
    best_epoch: int
    history: list[dict[str, Any]] = field(default_factory=list)


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


def fit(
    network: CTRNetwork,
    encoded: Encoded,
    config: TrainingConfig,
    *,
    precision: str,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Fit:
    """Train ``network`` in place and return the epoch with the best validation AUC.

    Args:
        generator: a CPU generator that orders the batches.

    Raises:
        RunError: the loss of a batch is not finite; epoch and batch are named.
    """
    device = next(network.parameters()).device
    train, valid = Batches(encoded, "train", device), Batches(encoded, "valid", device)
    optimizer = make_optimizer(network, config)
    penalties = penalised(network, config)
    result = Fit(state={}, best_epoch=0)
    best, stale = -np.inf, 0
    for epoch in range(1, config.epochs + 1):
        start = time.perf_counter()
        report = None if progress is None else (lambda done, e=epoch, b=best: progress(e, done, max(b, 0.0) or None))
        losses = train_epoch(network, train, optimizer, penalties, config, precision, generator, report)
        raise_unless_finite(losses, epoch)  # the first look at the losses: it waits for the device
        seconds = time.perf_counter() - start
        label, probability = valid.label.cpu().numpy(), predict(network, valid)
        valid_auc = auc(label, probability)
        result.history.append(
            {
                "epoch": epoch,
                "train_loss": losses.mean().item(),
                "valid_auc": valid_auc,
                "valid_logloss": logloss(label, probability),
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": seconds,
            }
        )
        if valid_auc > best + config.min_improvement:
            best, stale = valid_auc, 0
            result.best_epoch = epoch
            result.state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
            continue
        stale += 1
        if stale >= config.patience:
            break
        for group in optimizer.param_groups:
            group["lr"] *= config.lr_decay
    return result


def train_epoch(
    network: CTRNetwork,
    train: Batches,
    optimizer: torch.optim.Optimizer,
    penalties: list[tuple[Tensor, float]],
    config: TrainingConfig,
    precision: str,
    generator: torch.Generator,
    progress: Callable[[float], None] | None,
) -> Tensor:
    """Take one step a batch over the training part in random order; return each batch's mean loss."""
    network.train()
    user, item, label = train.shuffled(generator)
    starts = range(0, len(train), config.batch_size)
    losses = torch.empty(len(starts), device=label.device)
    for number, start in enumerate(starts):
        batch = slice(start, start + config.batch_size)
        optimizer.zero_grad(set_to_none=True)
        fields = network.embed(user[batch], item[batch])
        with torch.autocast(label.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = network.model(fields)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), label[batch])
        loss.backward()
        for weight, coefficient in penalties:  # the gradient of lambda ||w||^2 is 2 lambda w
            weight.grad.add_(weight.detach(), alpha=2 * coefficient)
        if config.grad_clip:
            nn.utils.clip_grad_norm_(network.parameters(), config.grad_clip, foreach=True)
        optimizer.step()
        losses[number] = loss.detach()
        if progress is not None and number % 16 == 0:
            progress(start / len(train))
    return losses


def make_optimizer(network: CTRNetwork, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW, its update fused into one kernel."""
    return torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        weight_decay=config.weight_decay,
        fused=True,
    )


def penalised(network: CTRNetwork, config: TrainingConfig) -> list[tuple[Tensor, float]]:
    """Return (weight, lambda) for every weight that Equation 3 penalises; biases and norms are left out."""
    pairs = [(weight, config.l2_embedding) for weight in network.embedding_parameters()]
    pairs += [(weight, config.l2_network) for weight in network.model.parameters() if weight.dim() > 1]
    return [(weight, coefficient) for weight, coefficient in pairs if coefficient and weight.numel()]


def raise_unless_finite(losses: Tensor, epoch: int) -> None:
    """Raise RunError if a batch's loss is infinite or not a number."""
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise RunError(
            f"the training loss is {losses[bad[0]].item()} at epoch {epoch}, batch {bad[0].item() + 1} of "
            f"{len(losses)}. Lower training.learning_rate or use training.precision=fp32."
        )


@torch.no_grad()
def predict(network: CTRNetwork, batches: Batches) -> np.ndarray:
    """Return click probabilities, float32 (interactions,), in fp32 and with one propagation for them all."""
    network.eval()
    nodes = network.ids.nodes()
    logits = [
        network.model(network.embed(user, item, nodes))
        for user, item in zip(batches.user.split(EVALUATION_BATCH), batches.item.split(EVALUATION_BATCH), strict=True)
    ]
    return torch.sigmoid(torch.cat(logits)).cpu().numpy()
