"""``ctrnb results``: what makes and joins the results that the book keeps under ``book/results``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ctrnb.cli.options import DataDir, Dataset, Device, Model, Runs
from ctrnb.cli.output import reported
from ctrnb.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    help="Make and join the results that the book keeps under `book/results`; their ledgers come from `ctrnb sweep`.",
)

Out = Annotated[Path | None, typer.Option("--out", help="Where to write; default: book/results.")]


@app.command()
def analyse(
    study: Annotated[Path, typer.Argument(help="A study whose runs have finished.")],
    runs: Runs = Path("runs"),
    field: Annotated[
        list[str] | None, typer.Option("--field", help="A field of users to group by, such as gender; repeatable.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Draws of users.")] = 100,
    pairs: Annotated[int, typer.Option("--pairs", help="Test interactions whose gradients are taken.")] = 1500,
    data_dir: DataDir = None,
    out: Out = None,
) -> None:
    """Write the effects by group of users and the sensitivities of a study's finished runs; nothing is trained.

    Example: `ctrnb results analyse book/studies/ml-1m-k6.toml --runs runs --field gender --field age`
    """
    with for_the_book():
        from ctrnb.report.analyse import write_analysis

        paths = write_analysis(
            study, runs, fields=field or (), repeats=repeats, pairs=pairs, data_dir=data_dir, out=out
        )
        print(*paths, sep="\n")


@app.command()
def join(part: Annotated[Path, typer.Argument(help="A folder of tables, laid out as book/results.")]) -> None:
    """Put the results of a part of a study into book/results.

    Example: `ctrnb results join part`
    """
    with for_the_book():
        from ctrnb.report.join import put_part

        put_part(part)


@app.command()
def penalty(
    dataset: Dataset,
    penalties: Annotated[list[float] | None, typer.Option("--penalty", help="Repeatable.")] = None,
    model: Model = "dcnv2",
    k: Annotated[int, typer.Option("--k", help="Fewest interactions that a user or an item keeps (k-core).")] = 3,
    seeds: Annotated[int, typer.Option("--seeds", help="Training seeds: 0 up to one less than this.")] = 3,
    workers: Annotated[int, typer.Option("--workers", help="Trainings at a time.")] = 1,
    device: Device = "auto",
    runs: Runs = Path("runs"),
    data_dir: DataDir = None,
) -> None:
    """Train the four tiers of a dataset at each penalty on embeddings, the same for all of them.

    Example: `ctrnb results penalty ml-100k --k 3 --workers 2`
    """
    with for_the_book():
        from ctrnb.report.penalty import measure

        measure(
            dataset, model, penalties, k=k, seeds=seeds, workers=workers, device=device, runs=runs, data_dir=data_dir
        )


@app.command()
def curation(data_dir: DataDir = None, out: Out = None) -> None:
    """Count the users, items and interactions in the k-cores of real ratings, in a minute or two.

    Example: `ctrnb results curation --data-dir data`
    """
    with for_the_book():
        from ctrnb.report.curation import write_counts

        print(write_counts(data_dir, out))


@app.command()
def picture() -> None:
    """Draw the README's picture from the measured ledgers."""
    with for_the_book():
        from ctrnb.report.picture import draw

        print(draw())


@contextmanager
def for_the_book() -> Iterator[None]:
    """Report errors as every command does, and a package that is missing as one of the book's."""
    with reported():
        try:
            yield
        except ImportError as error:
            raise ConfigError(f"this needs the book's packages ({error}). Run: pip install 'ctrnb[book]'") from None
