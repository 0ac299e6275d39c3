"""How time and memory grow: interactions, nodes and edges times 1, 2, 4 and 8, each alone.

    python -m benchmarks.growth

Every size runs in a process of its own, so that its peak memory is its own. ``exponent`` is the slope of log time (or of
log memory above what a tiny run takes) over log size: 1 is linear. Interactions and nodes grow a training on synthetic
data, edges a propagation with its gradient.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.common import parser, report, trainer
from ctrnb.data import BipartiteGraph, Curation, SyntheticConfig, curate, encode, generate
from ctrnb.encoders import LightGCNEncoder
from ctrnb.training.device import peak_memory_mb

FACTORS = (1, 2, 4, 8)
USERS, ITEMS, INTERACTIONS = 6_000, 3_500, 100_000
GRAPH_USERS, GRAPH_ITEMS, EDGES = 20_000, 10_000, 1_000_000


def propagation(edges: int) -> Callable[[], None]:
    """Return a propagation and its gradient over a random graph, 20 times."""
    pairs = np.unique(np.random.default_rng(0).integers(GRAPH_USERS * GRAPH_ITEMS, size=edges))
    graph = BipartiteGraph(pairs // GRAPH_ITEMS, pairs % GRAPH_ITEMS, GRAPH_USERS, GRAPH_ITEMS)
    encoder = LightGCNEncoder(graph, 16, layers=3, init_std=0.1)

    def work() -> None:
        for _ in range(20):
            nodes = encoder.nodes()
            nodes.backward(nodes.detach())

    return work


def training(interactions: int, users: int, items: int) -> Callable[[], object]:
    """Return an epoch of DCNv2 Base on synthetic data of a size."""
    config = SyntheticConfig(users=users, items=items, density=interactions / (users * items), tail=0.3)
    return trainer(encode(curate(generate(config), Curation(k=1))), "dcnv2").epoch


def measure(what: str, factor: int, threads: int, rounds: int, results: multiprocessing.Queue) -> None:
    """Put (median seconds, growth of the peak memory in MiB) of one size into ``results``.

    The memory is above that of the same work on two batches: what torch takes once is not growth.
    """
    torch.set_num_threads(threads)
    (propagation(8_192) if what == "edges" else training(8_192, 600, 350))()
    idle = peak_memory_mb(torch.device("cpu"))
    nodes = factor if what == "nodes" else 1
    wanted = INTERACTIONS * (factor if what == "interactions" else 2)
    work = propagation(EDGES * factor) if what == "edges" else training(wanted, USERS * nodes, ITEMS * nodes)
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
