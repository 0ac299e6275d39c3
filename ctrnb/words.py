"""Numbers as the chapters write them: with their interval, a sign for what it says, and their noun."""

from collections.abc import Iterable
from typing import Any

import numpy as np

NO_BREAK = "\u00a0"  # a space where a line does not break
NO_BREAK_HYPHEN = "\u2011"
NONE = "–"  # in a table, where there is nothing to measure
MARKS = {  # what an interval says of a change, as a sign
    "improved": "▲", "more": "▲", "narrower": "▲", "worse": "▼", "less": "▼", "wider": "▼", "no significant change": "=", "": "",
}  # fmt: skip


def with_interval(value: float, low: float, high: float, *, mark: str = "", scale: float = 1.0, digits: int = 2) -> str:
    """Return a number with its interval to read, as "▲ +0.34 (+0.10 to +0.59)"; empty for NaN, bare without interval.

    It has more digits where an end would round to zero, so that its side is seen. A line breaks before the bracket alone.
    """
    if np.isnan(value):
        return ""
    digits = enough_digits((scale * low, scale * high), digits)
    shown, lower, upper = (f"{scale * number:+z.{digits}f}" for number in (value, low, high))
    if np.isnan(low):
        return f"{shown} (no interval)".replace(" ", NO_BREAK)
    return " ".join([f"{mark} {shown}".strip().replace(" ", NO_BREAK), f"({lower} to {upper})".replace(" ", NO_BREAK)])


def narrower(text: str) -> str:
    """Return a number with its interval so that a line may break within the bracket as well, for a table of many columns."""
    return text.replace(f"{NO_BREAK}to{NO_BREAK}", f" to{NO_BREAK}")


def enough_digits(numbers: Iterable[float], digits: int, more: int = 2) -> int:
    """Return the fewest digits, up to ``more`` above ``digits``, with which no number but zero rounds to zero; else ``digits``."""
    wanted = [number for number in numbers if number != 0]
    enough = (each for each in range(digits, digits + more + 1) if all(float(f"{n:.{each}f}") for n in wanted))
    return next(enough, digits)


def by_chance(p_value: float) -> str:
    """Return a p-value as "p = 0.012" or "p < 0.001"."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def sign(low: float, high: float) -> str:
    """Return what an interval says of a change: ▲ above zero, ▼ below, = neither; empty for NaN."""
    return "" if np.isnan(low) else "▲" if low > 0 else "▼" if high < 0 else "="


def span(values: Iterable[Any], pattern: str = "{}") -> str:
    """Return the least and the greatest of some values in words, "2 to 3", or one where both read alike."""
    found = list(values)
    return " to ".join(dict.fromkeys(map(pattern.format, (min(found), max(found)))))


def middle_and_span(values: Iterable[float], pattern: str = "{:.2f}") -> str:
    """Return the median of some numbers with the least and the greatest, as "1.25 (0.88 to 1.75)"; bare where all read alike. A
    line breaks before the bracket alone."""
    found = list(values)
    middle, ends = pattern.format(np.median(found)), span(found, pattern)
    return middle if middle == ends else f"{middle} ({ends.replace(' ', NO_BREAK)})"


def counted(count: int, of: str) -> str:
    """Return a number of things in words: "1 seed", "3 seeds"."""
    return f"{count} {of}{'' if count == 1 else 's'}"


def core(dataset: str, k: int) -> str:
    """Return a dataset and its core as "yelp-small, k = 3", where a line breaks at the comma alone, for a narrow column."""
    return f"{dataset.replace('-', NO_BREAK_HYPHEN)}, k{NO_BREAK}={NO_BREAK}{k}"
