"""Numbers as the chapters write them: with their interval, a sign for what it says, and their noun."""

import numpy as np

NO_BREAK = "\u00a0"  # a space where a line does not break
MARKS = {  # what an interval says of a change, as a sign
    "improved": "▲", "more": "▲", "narrower": "▲", "rises": "▲", "worse": "▼", "less": "▼", "wider": "▼", "falls": "▼", "no significant change": "=", "": "",
}  # fmt: skip


def with_interval(value: float, low: float, high: float, *, mark: str = "", scale: float = 1.0, digits: int = 2) -> str:
    """Return a number with its interval to read, as "▲ +0.34 (+0.10 to +0.59)"; empty for NaN, bare without interval.

    A line breaks before the bracket alone.
    """
    if np.isnan(value):
        return ""
    shown, lower, upper = (f"{scale * number:+.{digits}f}" for number in (value, low, high))
    if np.isnan(low):
        return f"{shown} (no interval)".replace(" ", NO_BREAK)
    return " ".join([f"{mark} {shown}".strip().replace(" ", NO_BREAK), f"({lower} to {upper})".replace(" ", NO_BREAK)])


def sign(low: float, high: float) -> str:
    """Return what an interval says of a change: ▲ above zero, ▼ below, = neither; empty for NaN."""
    return "" if np.isnan(low) else "▲" if low > 0 else "▼" if high < 0 else "="


def counted(count: int, of: str) -> str:
    """Return a number of things in words: "1 seed", "3 seeds"."""
    return f"{count} {of}{'' if count == 1 else 's'}"
