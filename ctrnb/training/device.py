"""What the machine offers: device, precision and memory."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch

from ctrnb.errors import DeviceError

PRODUCTS = 7  # timed in each precision, of which the fastest counts


def pick_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``; auto takes a GPU where there is one.

    Raises:
        DeviceError: an unknown name, or ``cuda`` where torch sees no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"no device {name!r}. Devices: auto, cpu, cuda.")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError("device 'cuda' was asked for, but torch sees no CUDA GPU here. Use --device cpu or auto.")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return the device in words, for ledgers and captions."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let torch have so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pick_precision(requested: Literal["auto", "fp32", "bf16"], device: torch.device) -> Literal["fp32", "bf16"]:
    """Return ``fp32`` or ``bf16``: as requested, or for ``auto`` what :func:`bf16_speedup` finds worthwhile.

    A GPU keeps fp32 under ``auto``: these models are too small there for the products to matter. A timing decides, so
    another process may be told otherwise: a training takes this answer into its identity, and a sweep asks once for all its
    trainings.
    """
    if requested != "auto":
        return requested
    return "bf16" if device.type == "cpu" and bf16_speedup() >= 1.5 else "fp32"


@cache
def bf16_speedup() -> float:
    """Return how many times faster this CPU multiplies (4096, 400) by (400, 400) in bf16 than in fp32."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(4096, 400, dtype=dtype), torch.ones(400, 400, dtype=dtype)
        times = []
        for _ in range(PRODUCTS):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak in MiB: of the process on a CPU, of torch's allocations on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
