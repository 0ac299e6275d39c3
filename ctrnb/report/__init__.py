"""The book: what chapters call, and how they are executed and compiled (:mod:`ctrnb.report.build`)."""

from typing import Any

import numpy as np


def glue(name: str, value: Any) -> None:
    """Make ``value`` available to the text as ``{glue:text}`name```; NumPy scalars become Python's own."""
    import myst_nb

    myst_nb.glue(name, value.item() if isinstance(value, np.generic) else value, display=False)


__all__ = ["glue"]
