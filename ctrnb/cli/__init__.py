"""The command line: ``ctrnb curate``, ``train``, ``sweep``, ``advise``, ``verify``, ``book`` and ``results``."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from ctrnb.cli import results
from ctrnb.cli.options import AsJson, DataDir, Dataset, Device, DropMiddle, K, Model, Runs, Settings, parse_settings
from ctrnb.cli.output import emit, progress_bar, reported
from ctrnb.errors import ConfigError, ParameterError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Does message passing over the user-item graph improve CTR prediction?

    **DATASET** is `synthetic`, `ml-1m`, `ml-100k`, `yelp2022`, or the path of a dataset TOML that describes your own
    ratings table (see the chapter on data curation). `ml-1m:thin=0.1` keeps a tenth of the training ratings.

    First steps: `ctrnb curate synthetic --k 3`, then `ctrnb train synthetic --model dcnv2 --tier ft --k 3`,
    then `ctrnb book`.""",
)
app.add_typer(results.app, name="results")


@app.command()
def curate(
    dataset: Dataset,
    k: K = 6,
    drop_middle: DropMiddle = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random 0.8/0.1/0.1 split.")] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Filter a dataset to its k-core, split it, and print its statistics (the paper's Tables 1 and 7).

    Example: `ctrnb curate ml-1m --k 6 --json`
    """
    with reported():
        statistics = curated(dataset, k, drop_middle, seed, data_dir).statistics()
        emit(statistics, as_json)


@app.command()
def train(
    dataset: Dataset,
    model: Model,
    tier: Annotated[
        str,
        typer.Option(
            "--tier",
            help="base (ID table), ft (Base fine-tuned with LightGCN), ts (LightGCN from scratch) or control (Base "
            "trained on for FT's budget, without message passing).",
        ),
    ] = "base",
    k: K = 6,
    seed: Annotated[int, typer.Option("--seed", help="Seed of initialisation, data order and dropout.")] = 0,
    split_seed: Annotated[int, typer.Option("--split-seed", help="Seed of the random split.")] = 0,
    drop_middle: DropMiddle = False,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Most epochs of each stage.")] = None,
    device: Device = "auto",
    set_: Settings = None,
    data_dir: DataDir = None,
    runs: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Train one model in one tier and evaluate it on the test part.

    FT and control train the Base run that they start from when it is not in the runs folder.

    Example: `ctrnb train ml-1m --model dcnv2 --tier ft --k 6 --seed 0`
    """
    with reported():
        from ctrnb.data.encode import encode
        from ctrnb.training import RunStore
        from ctrnb.training import train as train_tier
        from ctrnb.training.config import settings

        overrides = parse_settings(set_ or [])
        limit = {} if epochs is None else {"training.epochs": epochs}
        if limit and "training.epochs" in overrides:
            raise ConfigError(
                f"--epochs {epochs} and --set training.epochs={overrides['training.epochs']}: give one of them."
            )
        settings(model, tier, overrides | limit)  # wrong settings end here, before the data is read
        store = RunStore(runs)
        encoded = encode(curated(dataset, k, drop_middle, split_seed, data_dir))
        with progress_bar(f"{model} {tier}") as progress:
            result = train_tier(
                encoded,
                model,
                tier,
                seed=seed,
                runs=store,
                device=device,
                overrides=overrides | limit,
                base_overrides=limit,
                progress=progress,
            )
        emit(result.row, as_json)


@app.command()
def sweep(
    study: Annotated[Path, typer.Argument(help="A study's TOML, such as book/studies/quick.toml.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="One of the study's models, to measure it in parts; repeatable; default: all."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine", help="local (worker processes here) or ray (a cluster; pip install 'ctrnb[cluster]')."
        ),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trainings at a time; default: 1 here, all CPUs of a cluster.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="CPU threads of a training; default: cores/workers here, 1 on Ray.")
    ] = None,
    gpus: Annotated[
        float, typer.Option("--gpus", help="Share of a GPU that a training takes on Ray; 0.25 puts four on each.")
    ] = 0.0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda, where the trainings run.")] = "auto",
    stacked: Annotated[
        int,
        typer.Option("--stacked", help="Seeds, rates and penalties trained as one, at most; pays on a GPU alone."),
    ] = 1,
    runs: Runs = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", help="The ledger, .csv or .parquet; default: RUNS/<study>.csv.")
    ] = None,
    data_dir: DataDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many trainings are done and left and how long they take.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a study: search its grid, train the best with every seed, and write the ledger.

    Every finished training is kept at once. Stop a sweep at any time; the same command goes on from there. Exit status:
    0, or 1 where a training failed (the others are done and kept).

    A Ray cluster: start it by `ray start --head`, `ray start --address=HOST:6379` on the other machines (each with
    ctrnb installed, none needs the data), then run the sweep with `RAY_ADDRESS=HOST:6379` set. Without RAY_ADDRESS a Ray
    of this machine alone is started.

    Example: `ctrnb sweep book/studies/quick.toml --workers 2`
    """
    with reported():
        from ctrnb.study import engines

        engines.check_engine(engine)
        if dry_run:
            from ctrnb.study import command

            found = command.dry_run(
                study, runs, models=model or (), data_dir=data_dir, device=device,
                workers=1 if workers is None else workers, out=out, stacked=stacked,
            )  # fmt: skip
            emit(found if as_json else command.readable(found), as_json)
            return
        with closing(engines.start(engine, workers=workers, threads=threads, gpus=gpus)) as started:
            from ctrnb.study import command

            outcome = command.sweep(
                study, runs, started, models=model or (), data_dir=data_dir, device=device, out=out, stacked=stacked
            )
        emit(outcome if as_json else command.readable(outcome), as_json)
        if outcome["failed"]:
            raise typer.Exit(1)


@app.command()
def advise(
    dataset: Dataset,
    budget: Annotated[float, typer.Option("--budget", metavar="MINUTES", help="Wall time that it may take.")] = 8.0,
    model: Model = "dcnv2",
    k: Annotated[int, typer.Option("--k", help="Fewest interactions that a user or an item keeps (k-core).")] = 3,
    smallest: Annotated[
        float, typer.Option("--smallest", metavar="AUC", help="The smallest change of AUC that matters to you.")
    ] = 0.001,
    seeds: Annotated[int, typer.Option("--seeds", help="Most training seeds; fewer where the budget ends.")] = 5,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Trainings at a time; default: one a core, four at most.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Most epochs of a training.")] = None,
    device: Device = "auto",
    runs: Runs = Path("runs"),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether message passing pays on a dataset: by how much, how surely, and for which users.

    Trains Base, the control and FT (and TS where the budget allows) with as many seeds as fit into the budget. The answer
    is *pays*, *does not pay*, *no difference that matters* or *undecided*.

    Example: `ctrnb advise shop.toml --budget 8 --k 3`
    """
    with reported():
        from ctrnb.advise import Request, advise_on
        from ctrnb.advise.page import lines
        from ctrnb.study.local import LocalEngine, available_cores
        from ctrnb.training.device import pick_device

        pick_device(device)
        request = Request(dataset, model, k=k, minutes=budget, seeds=seeds, epochs=epochs)
        with closing(LocalEngine(min(available_cores(), 4) if workers is None else workers, threads=1)) as engine:
            found = advise_on(
                request, engine=engine, runs=runs, data_dir=data_dir, device=device, smallest=smallest, shown=True
            )
        print(json.dumps(found.as_dict(), allow_nan=False) if as_json else "\n".join(lines(found)))


@app.command()
def book(
    profile: Annotated[
        str, typer.Option("--profile", help="quick (the chapters' own parameters) or a TOML with a table a chapter.")
    ] = "quick",
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="CHAPTER.NAME=VALUE", help="A chapter's parameter; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the HTML; default: _build/html.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", help="Chapters at a time; default: one a core.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List every chapter's parameters, and build nothing.")] = False,
) -> None:
    """Execute the chapters that changed, build the HTML and print the path to open.

    Example: `ctrnb book -p tiers.dataset=ml-1m -p tiers.k=6`
    """
    with reported():
        try:
            from ctrnb.report.build import build_book, list_parameters
        except ImportError as error:
            raise ConfigError(f"the book needs more packages ({error}). Run: pip install 'ctrnb[book]'") from None
        if list_:
            print(list_parameters())
            return
        parameters = {}
        for text in parameter or []:
            name, equals, value = text.partition("=")
            if not equals:
                raise ParameterError(f"-p {text}: write CHAPTER.NAME=VALUE, for example -p tiers.k=3.")
            parameters[name] = value
        print(build_book(profile=profile, parameters=parameters, out=out, jobs=jobs))


@app.command()
def verify(
    suite: Annotated[
        str, typer.Argument(help="lipschitz, mci, kcore, paper (the audit of its numbers) or all.")
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """Verify the paper's statements: each is proven, refuted by a counterexample, corrected, or observed. Under a minute.

    Observed is what held in every case that was tried and is not proven. Exits with 1 if a statement could not be
    established in any of these ways. The training graphs of ml-1m and yelp-small are used
    where CTRNB_DATA names a folder with them, a synthetic one elsewhere.

    Example: `ctrnb verify mci --json`
    """
    with reported():
        try:
            from ctrnb import verify as checks
        except ImportError as error:
            raise ConfigError(f"verify needs more packages ({error}). Run: pip install 'ctrnb[book]'") from None
        statements = checks.verify(suite)
        checks.show(statements, as_json)
    if not checks.established(statements):
        raise typer.Exit(1)


def curated(dataset: str, k: int, drop_middle: bool, seed: int, data_dir: Path | None) -> Any:
    """Return the curated dataset that the options of a command describe."""
    from ctrnb.data import load
    from ctrnb.data.curate import Curation, curate
    from ctrnb.data.ratings import warn_of_dropped

    curation = Curation(k=k, drop_middle=drop_middle, seed=seed)
    ratings = load(dataset, data_dir=data_dir)
    warn_of_dropped(ratings)
    return curate(ratings, curation)
