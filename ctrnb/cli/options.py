"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ctrnb.cli.output import reported
from ctrnb.errors import ConfigError


def folder(text: str) -> Path:
    """Return the folder that an option names; an empty name would be the current folder."""
    with reported():
        if not str(text):
            raise ConfigError("--runs is empty. Name a folder.")
    return Path(text)


Dataset = Annotated[str, typer.Argument(help="synthetic, ml-1m, ml-100k, yelp2022, or the path of a dataset TOML.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder with the raw data; default: the environment variable CTRNB_DATA."),
]
K = Annotated[int, typer.Option("--k", help="Fewest interactions that a user or an item keeps (k-core).")]
DropMiddle = Annotated[bool, typer.Option("--drop-middle", help="Remove middle ratings before filtering.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.NAME=VALUE",
        help="A setting: training.learning_rate=0.001, model.hidden=[200,200], encoder.layers=2; repeatable.",
    ),
]
Runs = Annotated[
    Path,
    typer.Option("--runs", metavar="PATH", parser=folder, help="Folder of finished runs; one found is not repeated."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Model = Annotated[str, typer.Option("--model", help="dcnv2, autoint, eulernet, afn, finalmlp or gdcnp.")]


def parse_settings(texts: list[str]) -> dict[str, str]:
    """Return ``["training.learning_rate=0.1"]`` as ``{"training.learning_rate": "0.1"}``."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: write SECTION.NAME=VALUE, for example training.learning_rate=0.001.")
        if name in pairs:
            raise ConfigError(f"--set {name} is given twice, as {pairs[name]} and as {value}. Give it once.")
        pairs[name] = value
    return pairs
