"""The engines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrnb.errors import ConfigError, nearest

if TYPE_CHECKING:
    from ctrnb.study.sweep import Engine

ENGINES = ("local", "ray")


def check_engine(name: str) -> None:
    """Raise ConfigError unless there is such an engine."""
    if name not in ENGINES:
        raise ConfigError(f"no engine {name!r}.{nearest(name, ENGINES)} Engines: {', '.join(ENGINES)}.")


def start(name: str, *, workers: int | None, threads: int | None, gpus: float) -> Engine:
    """Start an engine; the caller closes it.

    Raises:
        ConfigError: no such engine, its package is not installed, or a number out of range.
    """
    check_engine(name)
    if name == "ray":
        from ctrnb.study.cluster import RayEngine

        return RayEngine(workers, threads, gpus)
    from ctrnb.study.local import LocalEngine

    return LocalEngine(workers, threads)
