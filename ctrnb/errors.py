"""Errors that a user can mend. Each message says what was wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class CtrnbError(ValueError):
    """Base of every error that bad input or a bad request causes."""


class DataError(CtrnbError):
    """Raw data is missing, malformed, or leaves nothing to work with."""


class ConfigError(CtrnbError):
    """A setting has an unknown name or a value out of its range."""


class DeviceError(CtrnbError):
    """A device was asked for that is not there."""


class RunError(CtrnbError):
    """A training cannot go on, or its result cannot be kept."""


class DivergenceError(RunError):
    """A training's loss or its scores are no longer finite."""


class MetricError(CtrnbError):
    """A metric is undefined for its input."""


class ParameterError(CtrnbError):
    """A chapter or command was given a parameter that it does not take."""


def nearest(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest option, or an empty string where none is close."""
    found = get_close_matches(str(name), list(options), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""
