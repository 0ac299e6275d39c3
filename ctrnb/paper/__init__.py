"""The paper as data: its tables 1 to 8 and the numbers of its prose, and what they give when recomputed.

:mod:`~ctrnb.paper.printed` holds every cell as it is printed, :mod:`~ctrnb.paper.tables` makes tidy tables of them, and
:mod:`~ctrnb.paper.recomputed` sets printed numbers beside what their own cells give.
"""

from ctrnb.paper.printed import (
    CORES,
    DATASETS,
    GROUPS,
    MODELS,
    STATISTICS,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_6,
    TABLE_7,
    TABLE_8,
    TEXT,
)
from ctrnb.paper.recomputed import (
    activity_groups,
    implied_items,
    possible_statistics,
    recomputed_changes,
    recomputed_statistics,
    recomputed_variances,
    repeated_cells,
    with_base,
)
from ctrnb.paper.tables import half_unit, number, place, table

__all__ = [
    "CORES",
    "DATASETS",
    "GROUPS",
    "MODELS",
    "STATISTICS",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "TABLE_4",
    "TABLE_5",
    "TABLE_6",
    "TABLE_7",
    "TABLE_8",
    "TEXT",
    "activity_groups",
    "half_unit",
    "implied_items",
    "number",
    "place",
    "possible_statistics",
    "recomputed_changes",
    "recomputed_statistics",
    "recomputed_variances",
    "repeated_cells",
    "table",
    "with_base",
]
