"""What the benchmarks share: taking turns, the workload, and the CSV with its provenance."""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import ctrnb
from ctrnb.data import Curation, Encoded, curate, encode, load
from ctrnb.training.config import Specification, settings
from ctrnb.training.device import device_name, pick_device
from ctrnb.training.loop import Trainer
from ctrnb.training.network import build_network
from ctrnb.training.stack import Stack

# The sizes at which the peers were measured: MLP 400 x 3, 3 cross layers, d = 16, batch 4096.
PEER_SIZES: dict[str, dict[str, Any]] = {
    "dcnv2": {"model.hidden": [400, 400, 400], "model.cross_layers": 3, "model.dropout": 0.2},
    "gdcnp": {"model.hidden": [400, 400, 400], "model.cross_layers": 3, "model.dropout": 0.2},
    "finalmlp": {
        "model.hidden_1": [400, 400, 400], "model.hidden_2": [400, 400, 400],
        "model.dropout_1": 0.2, "model.dropout_2": 0.2,
    },
    "autoint": {
        "model.attention_layers": 3, "model.heads": 2, "model.attention_dim": 32,
        "model.hidden": [400, 400, 400], "model.dropout": 0.2,
    },
    "afn": {"model.neurons": 64, "model.hidden": [400, 400, 400], "model.dropout": 0.2},
    "eulernet": {"model.layers": 3, "model.orders": 8, "model.norm": False},
}  # fmt: skip
PEER_TRAINING = {
    "encoder.dim": 16, "training.batch_size": 4096, "training.learning_rate": 1e-3, "training.l2_embedding": 5e-6,
}  # fmt: skip


def parser(description: str, out: str, *, dataset: str = "ml-1m", k: int = 6) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--dataset", default=dataset)
    made.add_argument("--k", type=int, default=k)
    made.add_argument("--rounds", type=int, default=7, help="turns of each arm")
    made.add_argument("--threads", type=int, default=2, help="threads of torch")
    made.add_argument("--device", default="cpu", help="auto, cpu or cuda")
    made.add_argument("--out", type=Path, default=Path("book/results/benchmarks") / f"{out}.csv")
    return made


def workload(dataset: str, k: int, train_rows: int | None = None) -> Encoded:
    """Return a curated dataset, its training part cut to the first ``train_rows`` interactions if given.

    The rest of the training part is left out of both arms alike: ratios need no whole epoch.
    """
    encoded = encode(curate(load(dataset), Curation(k=k)))
    rows = encoded.rows("train")
    if train_rows is None or len(rows) <= train_rows:
        return encoded
    split = encoded.split.copy()
    split[rows[train_rows:]] = -1
    return replace(encoded, split=split)


def trainer(
    encoded: Encoded,
    model: str,
    tier: str = "base",
    *,
    precision: str = "fp32",
    device: str = "cpu",
    seed: int = 0,
    overrides: dict[str, Any] | None = None,
) -> Trainer:
    """Return our engine, ready for its first epoch, at the peers' sizes."""
    own = settings(model, tier, {**PEER_SIZES[model], **PEER_TRAINING, **(overrides or {})})
    place = pick_device(device)
    torch.manual_seed(seed)
    network = build_network(encoded, Specification(encoded.name, "", model, tier, seed, *own)).to(place)
    generator = torch.Generator().manual_seed(seed)
    return Trainer(network, encoded, own[2], precision=precision, generator=generator)


def stack(
    encoded: Encoded,
    model: str,
    tier: str = "base",
    *,
    seeds: Iterable[int],
    precision: str = "fp32",
    device: str = "cpu",
    overrides: dict[str, Any] | None = None,
) -> Stack:
    """Return our engine with a run a seed trained as one, ready for its first epoch."""
    alone = [trainer(encoded, model, tier, device=device, seed=seed, overrides=overrides) for seed in seeds]
    return Stack(
        [each.network for each in alone], encoded, [each.config for each in alone], precision=precision,
        generators=[each.generator for each in alone],
    )  # fmt: skip


def take_turns(arms: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return each arm's values, one a round after a warm-up: A B A B, so that drift meets all alike."""
    values: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        for name, arm in arms.items():
            value = arm()
            if number:
                values[name].append(value)
    return values


def rate(samples: int, epoch: Callable[[], Any], device: str = "cpu") -> float:
    """Return samples a second of one call, waiting for a GPU to finish."""
    start = time.perf_counter()
    epoch()
    if pick_device(device).type == "cuda":
        torch.cuda.synchronize()
    return samples / (time.perf_counter() - start)


def ratio(name: str, values: dict[str, list[float]], numerator: str, denominator: str) -> dict[str, float]:
    """Return one arm's value over another's in the same round: the median over rounds, and ``_low`` and ``_high``, the extremes.

    The extremes of n rounds hold the true median with probability 1 - 2^(1-n), whatever the distribution: 97 % for six.
    """
    found = [a / b for a, b in zip(values[numerator], values[denominator], strict=True)]
    return {name: statistics.median(found), f"{name}_low": min(found), f"{name}_high": max(found)}


def report(rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """Print the rows and write them with their provenance to ``given.out``."""
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    stamped = table.assign(
        threads=given.threads,
        device=device_name(pick_device(given.device)),
        processor=processor(),
        torch=torch.__version__,
        python=platform.python_version(),
        ctrnb=ctrnb.__version__,
        date=datetime.now(UTC).date().isoformat(),
        command=" ".join(["python -m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    stamped.to_csv(given.out, index=False)
    print(f"written to {given.out}")


def processor() -> str:
    """Return the processor's name and the instructions that matter to matrix products."""
    name, flags = platform.processor() or platform.machine(), ""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        entries = {key.strip(): value.strip() for key, value in lines.items()}
        name = entries.get("model name", name)
        known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        flags = " ".join(flag for flag in known if flag in entries.get("flags", "").split())
    return f"{name} ({flags})" if flags else name
