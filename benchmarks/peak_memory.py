"""Peak memory of reading, curating, an epoch and its validation, each model in a process of its own.

python -m benchmarks.peak_memory --models dcnv2 afn
"""

import multiprocessing

import torch

from benchmarks.common import PEER_SIZES, parser, report, trainer, workload
from ctrnb.training.device import peak_memory_mb
from ctrnb.training.loop import Batches, predict


def measure(dataset: str, k: int, model: str, tier: str, threads: int) -> float:
    """Return the peak of this process in MiB."""
    torch.set_num_threads(threads)
    encoded = workload(dataset, k)
    engine = trainer(encoded, model, tier)
    engine.epoch()
    predict(engine.network, Batches(encoded, "valid", engine.device))
    return peak_memory_mb(engine.device)


def main() -> None:
    options = parser(__doc__ or "", "memory")
    options.add_argument("--models", nargs="+", default=list(PEER_SIZES), choices=list(PEER_SIZES))
    options.add_argument("--tiers", nargs="+", default=["base", "ts"], choices=["base", "ts"])
    given = options.parse_args()
    torch.set_num_threads(given.threads)  # as the measuring processes do: the report names it
    context = multiprocessing.get_context("spawn")
    found = []
    for model in given.models:
        for tier in given.tiers:
            with context.Pool(1) as alone:
                peak = alone.apply(measure, (given.dataset, given.k, model, tier, given.threads))
            found.append({"model": model, "tier": tier, "peak_memory_mb": peak})
    report(found, given)


if __name__ == "__main__":
    main()
