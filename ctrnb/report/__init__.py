"""The book: execute chapters with their parameters and compile them into HTML."""

from typing import Any

import numpy as np

from ctrnb.report.build import build_book


def glue(name: str, value: Any) -> None:
    """Make ``value`` available to the text as ``{glue:text}`name```; NumPy scalars become Python's own."""
    import myst_nb

    myst_nb.glue(name, value.item() if isinstance(value, np.generic) else value, display=False)


__all__ = ["build_book", "glue"]
