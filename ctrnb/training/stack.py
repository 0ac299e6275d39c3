"""Several runs of one shape trained as one: their weights stacked, one kernel for all of them.

These models are small: on a GPU a run alone leaves it idle between launches. Runs that differ in their seed, or in what
:data:`FREE` names, are stacked along a first axis, ``torch.func.vmap`` maps the network over it, and LightGCN
propagates all their tables in one product. Each run keeps its own data order, dropout masks, learning rate, early
stopping and best epoch, so its result is that of training it alone, up to rounding.

On a GPU a whole step is captured as a CUDA graph and replayed: nothing waits for the host inside an epoch.
"""

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ctrnb.data.encode import Encoded
from ctrnb.training.config import TrainingConfig
from ctrnb.training.loop import (
    Batches,
    Fit,
    Progress,
    Tracker,
    penalised,
    probabilities,
    raise_unless_finite,
    rows_an_epoch,
)
from ctrnb.training.network import CTRNetwork

EPSILON = 1e-8  # AdamW's, as torch's default
LINE = 32  # weights start at multiples of it, as products on a GPU want them
FREE = ("learning_rate", "l2_embedding", "epochs", "patience", "lr_decay", "min_improvement")  # of a TrainingConfig


class Stack:
    """Runs in progress: the weights (run, weight), AdamW's moments, the training part, one batch of each run a step.

    Args:
        networks: one freshly initialised network a run, all of one shape and on one device.
        configs: one a run; what they may differ in is FREE.
        generators: one CPU generator a run, which orders its batches.
    """

    def __init__(
        self, networks: Sequence[CTRNetwork], encoded: Encoded, configs: Sequence[TrainingConfig], *,
        precision: str, generators: Sequence[torch.Generator],
    ) -> None:  # fmt: skip
        self.network, self.config, self.precision = networks[0].train(), configs[0], precision
        self.generators = list(generators)
        self.device = next(self.network.parameters()).device
        self.train = Batches(encoded, "train", self.device)
        self.rows = rows_an_epoch(self.network, len(self.train), self.config.batch_size)
        self.shapes = {name: weight.shape for name, weight in self.network.named_parameters() if weight.numel()}
        self.flat = torch.cat([end_to_end([w.detach()[None] for w in own(each)]) for each in networks])
        self.buffers = {  # of the rating functions: dropout keys and running statistics; the rest is shared
            f"model.{name}": torch.stack([dict(each.model.named_buffers())[name] for each in networks])
            for name, _ in self.network.model.named_buffers()
        }
        self.first, self.second = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        dtype = self.flat.dtype
        self.rates = torch.tensor([config.learning_rate for config in configs], dtype=dtype, device=self.device)
        self.steps = torch.zeros((), dtype=dtype, device=self.device)
        self.penalties = torch.stack([self.penalties_of(config) for config in configs])
        self.graph: torch.cuda.CUDAGraph | None = None

    def __len__(self) -> int:
        return len(self.rates)

    def penalties_of(self, config: TrainingConfig) -> Tensor:
        """Return each weight's coefficient in the gradient of the penalties of Equation 3's form, (weight,)."""
        coefficients = {id(weight): 2 * value for weight, value in penalised(self.network, config)}
        return end_to_end([torch.full_like(w, coefficients.get(id(w), 0.0))[None] for w in own(self.network)])[0]

    def unflattened(self, flat: Tensor) -> dict[str, Tensor]:
        """Return views of a (..., weight) tensor as the network's weights, by name."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            found[name] = flat.narrow(-1, start, shape.numel()).unflatten(-1, shape)
            start += shape.numel() + -shape.numel() % LINE
        return found

    def epoch(self) -> Tensor:
        """Take one step a batch, each run in its own random order; return losses (run, step)."""
        size, total = self.config.batch_size, self.rows
        orders = [torch.randperm(len(self.train), generator=each) for each in self.generators]
        order = torch.stack(orders).to(self.device)
        whole = total // size
        losses = torch.empty(len(self), -(-total // size), device=self.device)
        for number in range(whole):
            rows = order[:, number * size : (number + 1) * size]
            losses[:, number] = self.replay(rows) if self.device.type == "cuda" else self.step(rows)
        if total % size:
            losses[:, whole] = self.step(order[:, whole * size :])
        return losses

    def replay(self, rows: Tensor) -> Tensor:
        """Take a step of full size by the CUDA graph, captured on first use; return losses (run,)."""
        if self.graph is None:
            self.graph_rows = rows.clone()
            self.capture()
        self.graph_rows.copy_(rows)
        self.graph.replay()  # type: ignore[union-attr]
        return self.graph_loss

    def capture(self) -> None:
        """Capture one step; the warm-up that capturing needs is undone, so that it counts for nothing."""
        tensors = [self.flat, self.first, self.second, self.steps, *self.buffers.values()]
        before = [tensor.clone() for tensor in tensors]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step(self.graph_rows)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.graph_loss = self.step(self.graph_rows)
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)

    def step(self, rows: Tensor) -> Tensor:
        """Take one step of every run on its training interactions ``rows`` (run, batch); return losses (run,)."""
        user, item, label = self.train.user[rows], self.train.item[rows], self.train.label[rows]
        weights = {name: weight.requires_grad_() for name, weight in self.unflattened(self.flat.detach()).items()}
        logits = self.logits(weights, user, item)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, label.to(logits.dtype), reduction="none")
        loss = losses.mean(dim=1)
        gradients = torch.autograd.grad(loss.sum(), list(weights.values()), materialize_grads=True)
        self.descend(end_to_end(gradients))
        return loss.detach()

    def logits(self, weights: dict[str, Tensor], user: Tensor, item: Tensor) -> Tensor:
        """Return logits (run, batch) of row numbers (run, batch)."""
        nodes = self.network.ids.nodes_of(weights["ids.table"])

        def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], *inputs: Tensor) -> Tensor:
            return functional_call(self.network, (weights, buffers), inputs, {"bf16": self.precision == "bf16"})

        return vmap(one, randomness="error")(weights, self.buffers, user, item, nodes)

    def descend(self, gradient: Tensor) -> None:
        """Add the penalties, clip each run's gradient (run, weight), and take AdamW's step with each run's rate.

        All weights of a run lie end to end: a GPU would take longer to launch a kernel a weight than to run it.
        """
        config, rates = self.config, self.rates[:, None]
        gradient.addcmul_(self.penalties, self.flat)
        if config.grad_clip:
            norm = gradient.square().sum(dim=1, keepdim=True).sqrt()
            gradient.mul_((config.grad_clip / (norm + 1e-6)).clamp(max=1.0))
        self.steps += 1
        first_correction = 1 - config.beta1**self.steps
        second_correction = (1 - config.beta2**self.steps).sqrt()
        self.first.lerp_(gradient, 1 - config.beta1)
        self.second.mul_(config.beta2).addcmul_(gradient, gradient, value=1 - config.beta2)
        if config.weight_decay:
            self.flat.mul_(1 - rates * config.weight_decay)
        update = self.first / (self.second.sqrt() / second_correction + EPSILON)
        self.flat.sub_(rates / first_correction * update)

    def run(self, number: int) -> CTRNetwork:
        """Return the shared network with one run's weights in it: valid until the next call."""
        buffers = {name: value[number] for name, value in self.buffers.items()}
        state = self.unflattened(self.flat[number]) | buffers
        self.network.load_state_dict(state, strict=False)
        return self.network

    def keep(self, numbers: Sequence[int]) -> None:
        """Go on with these runs alone."""
        index = torch.tensor(numbers, device=self.device)
        self.flat, self.first, self.second = self.flat[index], self.first[index], self.second[index]
        self.buffers = {name: value[index] for name, value in self.buffers.items()}
        self.penalties = self.penalties[index]
        self.rates, self.generators = self.rates[index], [self.generators[n] for n in numbers]
        self.graph = None


def own(network: CTRNetwork) -> list[nn.Parameter]:
    """Return a network's weights, less those of fields that it has not."""
    return [weight for weight in network.parameters() if weight.numel()]


def end_to_end(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors (run, ...) beside each other, (run, weight), each padded with zeros to whole lines of memory."""
    flat = [tensor.flatten(start_dim=1) for tensor in tensors]
    short = [-each.shape[1] % LINE for each in flat]
    return torch.cat([nn.functional.pad(a, (0, b)) if b else a for a, b in zip(flat, short, strict=True)], dim=1)


def fit_stack(
    stack: Stack, encoded: Encoded, configs: Sequence[TrainingConfig], *, progress: Progress | None = None
) -> list[Fit]:
    """Train every run until its validation AUC stalls; return each run's best epoch and history, in order.

    ``seconds`` in a history is an epoch's time divided by the runs that shared it.

    Raises:
        DivergenceError: the loss of a batch is not finite, or a score after an epoch.
    """
    valid = Batches(encoded, "valid", stack.device)
    trackers = [Tracker(config) for config in configs]
    going = list(range(len(trackers)))
    epoch = 0
    while going:
        epoch += 1
        start = time.perf_counter()
        losses = stack.epoch()
        for number, row in zip(going, losses, strict=True):
            raise_unless_finite(row, epoch, where=f" in run {number + 1} of the {len(trackers)} trained together")
        seconds = (time.perf_counter() - start) / len(going)
        remaining = []
        for place, number in enumerate(going):
            network = stack.run(place)
            rate = float(stack.rates[place])
            if trackers[number].goes_on(network, probabilities(network, valid), valid, losses[place], rate, seconds):
                remaining.append(place)
                stack.rates[place] = trackers[number].rate(rate)
        network.train()
        if progress is not None:
            progress(epoch, 1.0, max(tracker.best for tracker in trackers))
        if len(remaining) < len(going):
            going = [going[place] for place in remaining]
            if going:
                stack.keep(remaining)
    return [tracker.result for tracker in trackers]
