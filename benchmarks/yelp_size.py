"""A synthetic dataset of Yelp2022's size: reading, curation, encoding, and training steps of Base and TS.

    python -m benchmarks.yelp_size --steps 50

5.2 million interactions of 529 thousand users and 144 thousand items (Table 1, k = 3), written as a CSV and read back through
a dataset TOML. Each stage is timed; memory is the peak of the process so far. Without ``--steps`` whole epochs are trained.
"""

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import parser, report, trainer
from benchmarks.tiers_over_base import steps
from ctrnb.data import Curation, SyntheticConfig, curate, encode, generate, load
from ctrnb.training.device import peak_memory_mb

USERS, ITEMS, INTERACTIONS = 529_000, 144_000, 5_200_000
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "base": ("base", {}),
    "base, update by rows": ("base", {"training.embedding_update": "rows"}),
    "ts": ("ts", {"encoder.layers": 2}),
}


def write(folder: Path, shrink: int) -> Path:
    """Write the ratings and a dataset TOML that describes them; return the TOML's path."""
    users, items, wanted = USERS // shrink, ITEMS // shrink, INTERACTIONS // shrink
    ratings = generate(SyntheticConfig(users=users, items=items, density=wanted / (users * items)))
    frame = ratings.interactions.sample(frac=1, random_state=0)
    frame.to_csv(folder / "ratings.csv", index=False)
    ratings.items.assign(item=range(items))[["item", "category"]].to_csv(folder / "items.csv", index=False)
    toml = folder / "yelp-size.toml"
    toml.write_text(
        '[ratings]\npath = "ratings.csv"\nuser = "user"\nitem = "item"\nrating = "rating"\n'
        '[items]\npath = "items.csv"\nid = "item"\ncategorical = ["category"]\n'
    )
    return toml


def main() -> None:
    options = parser(__doc__ or "", "yelp-size")
    options.add_argument("--steps", type=int, default=0, help="steps of an epoch to take; 0 for all")
    options.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    options.add_argument("--shrink", type=int, default=1, help="divide every size by this")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    found: list[dict[str, Any]] = []

    def timed(stage: str, work: Callable[[], Any], part: float = 1.0) -> Any:
        start = time.perf_counter()
        value = work()
        seconds = time.perf_counter() - start
        memory = peak_memory_mb(torch.device("cpu"))
        found.append(
            {
                "stage": stage,
                "seconds": seconds,
                "seconds_whole": seconds / part,
                "share_run": part,
                "peak_memory_mb": memory,
            }
        )
        print(found[-1], flush=True)
        return value

    with tempfile.TemporaryDirectory() as name:
        process = torch.multiprocessing.get_context("spawn").Pool(1)  # so that generating does not count as ours
        toml = process.apply(write, (Path(name), given.shrink))
        process.close()
        ratings = timed("read CSV", lambda: load(toml))
        curated = timed("curate, k = 1", lambda: curate(ratings, Curation(k=1)))
        timed("curate, k = 3", lambda: curate(ratings, Curation(k=3)))
    statistics = curated.statistics()
    del ratings
    encoded = timed("encode", lambda: encode(curated))
    del curated
    gc.collect()
    for name in given.arms:
        tier, own = ARMS[name]
        engine = trainer(encoded, "dcnv2", tier, device=given.device, overrides=own)
        whole = -(-len(engine.train) // engine.config.batch_size)
        count = min(given.steps or whole, whole)
        timed(f"DCNv2 epoch, {name}", lambda: steps(engine, count), count / whole)  # noqa: B023
        del engine
        gc.collect()
    sizes = {key: statistics[key] for key in ("users", "items", "interactions")}
    report([sizes | row for row in found], given)


if __name__ == "__main__":
    main()
