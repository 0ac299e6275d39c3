"""Checks that the settings of several models share."""

from collections.abc import Sequence

from ctrnb.errors import ConfigError
from ctrnb.models.layers import DROPOUT_RANGE


def require_positive(owner: str, **values: int) -> None:
    """Raise ConfigError unless each value is at least 1."""
    for name, value in values.items():
        if value < 1:
            raise ConfigError(f"{owner}.{name}={value}: it must be at least 1.")


def require_not_negative(owner: str, **values: int) -> None:
    """Raise ConfigError unless each value is at least 0."""
    for name, value in values.items():
        if value < 0:
            raise ConfigError(f"{owner}.{name}={value}: it must be 0 or more.")


def require_widths(owner: str, *, allow_empty: bool = False, **widths: Sequence[int]) -> None:
    """Raise ConfigError unless each is a sequence of layer widths, all at least 1."""
    for name, value in widths.items():
        if (not value and not allow_empty) or any(width < 1 for width in value):
            raise ConfigError(f"{owner}.{name}={list(value)}: give layer widths, each at least 1.")


def require_probability(owner: str, **values: float) -> None:
    """Raise ConfigError unless each value is a dropout probability, at least 0 and below 1 by what a mask can tell."""
    for name, value in values.items():
        if not 0 <= value <= 1 - 1 / DROPOUT_RANGE:
            raise ConfigError(
                f"{owner}.{name}={value}: a dropout probability is at least 0 and below 1, at most 1 - 1/{DROPOUT_RANGE}."
            )
