"""How far each stage of a training step is from what the machine can do.

    python -m benchmarks.ceilings --model dcnv2

The ceilings are measured: FLOP/s of a large float32 matrix product and bytes/s of a large copy. Of each stage the work
is counted (torch's FLOP counter, or the bytes that it must read and write at the least) and its time taken; the share
is of the ceiling that binds it.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import PEER_SIZES, parser, report, trainer, workload
from ctrnb.training.device import pick_device
from ctrnb.training.loop import Trainer


def seconds(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the median time of a call after two to warm up."""
    times = []
    for number in range(repeats + 2):
        start = time.perf_counter()
        work()
        if pick_device(device).type == "cuda":
            torch.cuda.synchronize()
        if number > 1:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def ceilings(device: str, repeats: int) -> dict[str, float]:
    """Return what the machine can do, FLOP/s of a matrix product and bytes/s of a copy, by the unit that is shown."""
    place = pick_device(device)
    a, b = (torch.randn(3072, 3072, device=place) for _ in range(2))
    source = torch.randn(32_000_000, device=place)
    target = torch.empty_like(source)
    return {
        "GFLOP/s": 2 * 3072**3 / seconds(lambda: a @ b, device, repeats),
        "GB/s": 2 * 4 * source.numel() / seconds(lambda: target.copy_(source), device, repeats),
    }


def stages(engine: Trainer, edges: int) -> Iterator[tuple[str, Callable[[], object], float, str]]:
    """Yield each stage of a step: its name, the work, how much of it there is (FLOP or bytes), and its unit."""
    network, (user, item, label) = engine.network.train(), batch_of(engine)
    nodes = network.ids.nodes().detach().requires_grad_()
    fields = network.embed(user, item, nodes).detach().requires_grad_()

    def rating() -> None:
        nn.functional.binary_cross_entropy_with_logits(network.model(fields), label).backward()

    def embedding() -> None:
        out = network.embed(user, item, nodes)
        out.backward(out.detach())

    def propagation() -> None:
        out = network.ids.nodes()
        out.backward(out.detach())

    with FlopCounterMode(display=False) as counter:
        rating()
    engine.step(user, item, label)
    parameters = sum(weight.numel() for weight in engine.weights)
    layers, dim = len(network.ids.readout) - 1, nodes.shape[1]
    yield "rating function, forward and backward", rating, counter.get_total_flops(), "GFLOP/s"
    # per field and direction: one row read, one written
    yield "embedding, forward and backward", embedding, 2 * 2 * 4 * fields.numel() + 4 * nodes.numel(), "GB/s"
    # per edge, block, layer and direction: a column index, a value, a row of the table
    yield "propagation, forward and backward", propagation, 2 * 2 * layers * edges * (8 + 4 * dim), "GB/s"
    # weight, gradient and two moments read, three written
    yield "optimizer", engine.optimizers[0].step, 7 * 4 * parameters, "GB/s"


def batch_of(engine: Trainer) -> tuple[Tensor, Tensor, Tensor]:
    """Return users, items and labels of one batch."""
    size = engine.config.batch_size
    return engine.train.user[:size], engine.train.item[:size], engine.train.label[:size]


def main() -> None:
    options = parser(__doc__ or "", "ceilings")
    options.add_argument("--model", default="dcnv2", choices=list(PEER_SIZES))
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    repeats = 3 * given.rounds
    most = ceilings(given.device, repeats)
    found = [
        {"stage": name, "unit": unit, "achieved": most[unit] / 1e9, "share": 1.0}
        for name, unit in (("matrix product, 3072³ (ceiling)", "GFLOP/s"), ("copy of 128 MB (ceiling)", "GB/s"))
    ]
    encoded = workload(given.dataset, given.k)
    engine = trainer(encoded, given.model, "ts", device=given.device)
    for name, work, amount, unit in stages(engine, len(encoded.rows("train"))):
        taken = seconds(work, given.device, repeats)
        found.append(
            {
                "stage": name, "unit": unit, "achieved": amount / taken / 1e9, "share": amount / taken / most[unit],
                "milliseconds": 1e3 * taken,
            }
        )  # fmt: skip
    step = seconds(lambda: engine.step(*batch_of(engine)), given.device, repeats)
    found.append({"stage": "whole step (TS)", "unit": "steps/s", "achieved": 1 / step, "milliseconds": 1e3 * step})
    about = {"model": given.model, "batch": engine.config.batch_size, "layers": len(engine.network.ids.readout) - 1}
    report([about | row for row in found], given)


if __name__ == "__main__":
    main()
