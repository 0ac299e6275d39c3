"""The user-item graph that message passing runs on, built from training interactions alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ctrnb.data.encode import Encoded
from ctrnb.errors import ConfigError


@dataclass(frozen=True)
class BipartiteGraph:
    """Edges between id codes; code 0 of each side (out of vocabulary) never has an edge.

    Attributes:
        user, item: int64 (edges,), the ends of each edge; no edge is repeated.
        num_users, num_items: sizes of the id vocabularies, their 0 entries included.
    """

    user: np.ndarray
    item: np.ndarray
    num_users: int
    num_items: int

    @property
    def degree_user(self) -> np.ndarray:
        """Edges of each user code, int64 (num_users,)."""
        return np.bincount(self.user, minlength=self.num_users)

    @property
    def degree_item(self) -> np.ndarray:
        """Edges of each item code, int64 (num_items,)."""
        return np.bincount(self.item, minlength=self.num_items)


def training_graph(encoded: Encoded, edges: Literal["observed", "positive"] = "observed") -> BipartiteGraph:
    """Return the graph of the training interactions.

    ``observed`` makes every training interaction an edge and tells nothing of its label. ``positive`` keeps the
    clicks alone: then a training pair's label can be read off its edge, which validation and test pairs do not
    have, so a model may learn from the edge what it cannot use later.

    Raises:
        ConfigError: another kind of edge was asked for.
    """
    if edges not in ("observed", "positive"):
        raise ConfigError(f"edges={edges!r}: edges are 'observed' or 'positive'.")
    rows = encoded.rows("train")
    if edges == "positive":
        rows = rows[encoded.label[rows] > 0]
    return BipartiteGraph(
        encoded.user_side.id_code[encoded.user[rows]],
        encoded.item_side.id_code[encoded.item[rows]],
        encoded.user_side.num_ids,
        encoded.item_side.num_ids,
    )
