"""How time and memory grow: interactions, nodes and edges times 1, 2, 4 and 8, each alone.

    python -m benchmarks.growth

Every size runs in a process of its own, so that its peak memory is its own. ``exponent`` is the slope of log time (or of
log memory above an idle process) over log size: 1 is linear.
"""

import multiprocessing
import statistics
import time

import numpy as np
import torch

from benchmarks.common import parser, report, trainer
from ctrnb.data import BipartiteGraph, Curation, SyntheticConfig, curate, encode, generate
from ctrnb.encoders import LightGCNEncoder
from ctrnb.training.device import peak_memory_mb

FACTORS = (1, 2, 4, 8)
USERS, ITEMS, INTERACTIONS, EDGES = 6_000, 3_500, 100_000, 400_000


def measure(what: str, factor: int, threads: int, rounds: int, results: multiprocessing.Queue) -> None:
    """Put (median seconds, peak memory in MiB above an idle process) of one size into ``results``."""
    torch.set_num_threads(threads)
    idle = peak_memory_mb(torch.device("cpu"))
    if what == "edges":
        rng = np.random.default_rng(0)
        pairs = np.sort(rng.choice(USERS * ITEMS, EDGES * factor, replace=False))
        encoder = LightGCNEncoder(BipartiteGraph(pairs // ITEMS, pairs % ITEMS, USERS, ITEMS), 16, layers=3)

        def work() -> None:
            nodes = encoder.nodes()
            nodes.backward(nodes.detach())
    else:
        size = factor if what == "nodes" else 1
        wanted = INTERACTIONS * (factor if what == "interactions" else 2)
        users, items = USERS * size, ITEMS * size
        config = SyntheticConfig(users=users, items=items, density=wanted / (users * items), tail=0.3)
        engine = trainer(encode(curate(generate(config), Curation(k=1))), "dcnv2")
        work = engine.epoch
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    results.put((statistics.median(times[1:]), peak_memory_mb(torch.device("cpu")) - idle))


def main() -> None:
    given = parser(__doc__ or "", "growth").parse_args()
    context = multiprocessing.get_context("spawn")
    found = []
    for what in ("interactions", "nodes", "edges"):
        rows = []
        for factor in FACTORS:
            results = context.Queue()
            process = context.Process(target=measure, args=(what, factor, given.threads, given.rounds, results))
            process.start()
            seconds, memory = results.get()
            process.join()
            rows.append({"grows": what, "factor": factor, "seconds": seconds, "memory_mb": memory})
        logs = np.log([[row["factor"], row["seconds"], row["memory_mb"]] for row in rows]).T
        slopes = {
            "time_exponent": float(np.polyfit(logs[0], logs[1], 1)[0]),
            "memory_exponent": float(np.polyfit(logs[0], logs[2], 1)[0]),
        }
        found += [row | slopes for row in rows]
    report(found, given)


if __name__ == "__main__":
    main()
