"""How far each stage of a training step is from what the machine can do.

    python -m benchmarks.ceilings --model dcnv2

The ceilings are measured: FLOP/s of a large float32 matrix product and bytes/s of a large copy. Of each stage the work is
counted (torch's FLOP counter, or the bytes that it must read and write at the least) and its time taken; the share is
of the ceiling that binds it.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import PEER_SIZES, parser, report, trainer, workload
from ctrnb.training.device import pick_device


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


def main() -> None:
    options = parser(__doc__ or "", "ceilings")
    options.add_argument("--model", default="dcnv2", choices=list(PEER_SIZES))
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    place, repeats = pick_device(given.device), 3 * given.rounds
    a, b = (torch.randn(3072, 3072, device=place) for _ in range(2))
    source = torch.randn(32_000_000, device=place)
    target = torch.empty_like(source)
    flops = 2 * 3072**3 / seconds(lambda: a @ b, given.device, repeats)
    bytes_ = 2 * 4 * source.numel() / seconds(lambda: target.copy_(source), given.device, repeats)
    encoded = workload(given.dataset, given.k)
    engine = trainer(encoded, given.model, "ts", device=given.device)
    network, size = engine.network.train(), engine.config.batch_size
    user, item, label = engine.train.user[:size], engine.train.item[:size], engine.train.label[:size]
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
    edges, layers = len(encoded.rows("train")), len(network.ids.readout) - 1
    dim = nodes.shape[1]
    found = [
        {"stage": "matrix product, 3072³ (ceiling)", "unit": "GFLOP/s", "achieved": flops / 1e9, "share": 1.0},
        {"stage": "copy of 128 MB (ceiling)", "unit": "GB/s", "achieved": bytes_ / 1e9, "share": 1.0},
    ]
    stages = [
        ("rating function, forward and backward", rating, counter.get_total_flops(), "GFLOP/s", flops),
        # per field and direction: one row read, one written
        ("embedding, forward and backward", embedding, 2 * 2 * 4 * fields.numel() + 4 * nodes.numel(), "GB/s", bytes_),
        # per edge, block, layer and direction: a column index, a value, a row of the table
        ("propagation, forward and backward", propagation, 2 * 2 * layers * edges * (8 + 4 * dim), "GB/s", bytes_),
        # weight, gradient and two moments read, three written
        ("optimizer", engine.optimizers[0].step, 7 * 4 * parameters, "GB/s", bytes_),
    ]
    for name, work, amount, unit, ceiling in stages:
        taken = seconds(work, given.device, repeats)
        found.append(
            {
                "stage": name, "unit": unit, "achieved": amount / taken / 1e9, "share": amount / taken / ceiling,
                "milliseconds": 1e3 * taken,
            }
        )  # fmt: skip
    step = seconds(lambda: engine.step(user, item, label), given.device, repeats)
    found.append({"stage": "whole step (TS)", "unit": "steps/s", "achieved": 1 / step, "milliseconds": 1e3 * step})
    report([{"model": given.model, "batch": size, "layers": layers} | row for row in found], given)


if __name__ == "__main__":
    main()
