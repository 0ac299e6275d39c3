"""The graphs on which statements are checked beyond small ones: real training graphs where their data is present."""

import warnings
from functools import cache
from pathlib import Path

from ctrnb.data import BipartiteGraph, Curation, curate, encode, load, training_graph
from ctrnb.data.movielens import ML_1M
from ctrnb.data.raw import data_folder, locate
from ctrnb.errors import CtrnbError


def checked_graphs() -> dict[str, BipartiteGraph]:
    """Return training graphs by name: ml-1m (k = 6) and yelp-small (k = 3) where their files are here, else synthetic
    (k = 3).

    Nothing is downloaded: a dataset whose files are absent or unreadable is left out, with a warning where they are.
    """
    return dict(load_graphs(data_folder(None)))


@cache
def load_graphs(folder: Path | None) -> tuple[tuple[str, BipartiteGraph], ...]:
    """Return names and graphs for a folder of raw data."""
    found = []
    if locate(folder, ML_1M.name, ML_1M.files) is not None:
        found.append(("ml-1m, k = 6", "ml-1m", 6))
    described = Path(__file__).resolve().parents[2] / "book" / "datasets" / "yelp-small.toml"
    if described.is_file() and locate(folder, "yelp-small", ("ratings.csv",)) is not None:
        found.append(("yelp-small, k = 3", str(described), 3))
    graphs = []
    for name, dataset, k in found:
        try:
            graphs.append((name, graph_of_dataset(dataset, k, folder)))
        except CtrnbError as error:
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)
    return tuple(graphs) or (("synthetic, k = 3", graph_of_dataset("synthetic", 3, None)),)


def graph_of_dataset(dataset: str, k: int, folder: Path | None = None) -> BipartiteGraph:
    """Return the training graph of a dataset's k-core, split by seed 0.

    Raises:
        CtrnbError: the dataset is unknown, unreadable or has no k-core.
    """
    return training_graph(encode(curate(load(dataset, data_dir=folder), Curation(k=k))))
