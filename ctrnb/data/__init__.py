"""Data: sources of ratings, curation, encoding and the training graph.

``load`` gives the canonical :class:`~ctrnb.data.ratings.Ratings`, ``curate`` filters and splits them, ``encode``
makes arrays of them and ``training_graph`` the graph for message passing.
"""

from collections.abc import Callable
from pathlib import Path

from ctrnb.data.curate import Curated, Curation, curate
from ctrnb.data.encode import Encoded, encode
from ctrnb.data.graph import BipartiteGraph, training_graph
from ctrnb.data.movielens import load_ml_1m, load_ml_100k
from ctrnb.data.ratings import Ratings
from ctrnb.data.synthetic import SyntheticConfig, generate
from ctrnb.data.table import load_table
from ctrnb.data.variant import split_variant, varied
from ctrnb.data.yelp import load_yelp2022
from ctrnb.errors import DataError, nearest

SOURCES: dict[str, Callable[[Path | None], Ratings]] = {
    "synthetic": lambda data_dir: generate(SyntheticConfig()),
    "ml-1m": load_ml_1m,
    "ml-100k": load_ml_100k,
    "yelp2022": load_yelp2022,
}


def load(dataset: str | Path, *, data_dir: Path | None = None) -> Ratings:
    """Return a dataset by name, from the path of a dataset TOML (:mod:`ctrnb.data.table`), or a variant of either.

    Args:
        dataset: ``ml-1m``, ``shop.toml``, or with settings after a colon, ``ml-1m:thin=0.1`` (:mod:`ctrnb.data.variant`).
        data_dir: folder of the raw data; default: the environment variable CTRNB_DATA.

    Raises:
        DataError: no such dataset, or its files are missing or malformed.
        ConfigError: an unknown setting of a variant, or one out of range.
    """
    name, settings = split_variant(str(dataset))
    if settings:
        return varied(name, settings, lambda: load(name, data_dir=data_dir))
    if name in SOURCES:
        return SOURCES[name](data_dir)
    if Path(name).suffix.lower() == ".toml":
        return load_table(Path(name), data_dir)
    raise DataError(
        f"no dataset {str(dataset)!r}.{nearest(str(dataset), SOURCES)} Datasets: {', '.join(SOURCES)}, or the path of "
        "a dataset TOML."
    )


__all__ = [
    "SOURCES",
    "BipartiteGraph",
    "Curated",
    "Curation",
    "Encoded",
    "Ratings",
    "SyntheticConfig",
    "curate",
    "encode",
    "generate",
    "load",
    "training_graph",
]
