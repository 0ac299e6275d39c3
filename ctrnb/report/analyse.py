"""What the chapters on users and on sensitivity show of a study, taken from its finished runs.

Groups need every test prediction, and sensitivity the weights, which a ledger does not keep.
``python -m ctrnb.report.analyse STUDY --runs RUNS`` trains nothing and writes, under ``book/results`` or ``--out``,

    groups/NAME-effects.csv     one row a dataset, model, grouping, metric, group and comparison
    groups/NAME-spreads.csv     Var(L,M,H) by grouping, metric and tier
    groups/NAME-targets.csv     whether the group served worst changes by more than the others
    sensitivity/NAME.csv        elasticities of the logit's gradient in the degrees of nodes
"""

from pathlib import Path
from typing import Annotated

import typer

from ctrnb.errors import RunError
from ctrnb.report import groups, sensitivity
from ctrnb.report.measured import results_folder
from ctrnb.study.description import read_study
from ctrnb.study.finished import finished_cells
from ctrnb.study.ledger import write_table


def main(
    study: Annotated[Path, typer.Argument(help="A study whose runs have finished.")],
    runs: Annotated[Path, typer.Option("--runs", help="Folder of its finished runs.")] = Path("runs"),
    field: Annotated[
        list[str] | None, typer.Option("--field", help="A field of users to group by; repeatable.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Draws of test users.")] = 100,
    pairs: Annotated[int, typer.Option("--pairs", help="Test interactions whose gradients are taken.")] = 1500,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Folder of the raw data.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; default: book/results.")] = None,
) -> None:
    """Write what the chapters show of a study's finished runs."""
    from ctrnb.cli import reported

    with reported():
        name, folder = read_study(study).name, results_folder(out)
        cells = list(finished_cells(study, runs, data_dir=data_dir))
        if not cells:
            raise RunError(f"{study}: no model has a seed that is finished in every tier in {runs}. Name its --runs.")
        tables = groups.of_cells(cells, fields=field or ("gender", "age"), repeats=repeats)
        files = {folder / "groups" / f"{name}-{kind}.csv": t for kind, t in zip(groups.KINDS, tables, strict=True)}
        files[folder / "sensitivity" / f"{name}.csv"] = sensitivity.of_cells(cells, pairs=pairs)
        for path, table in files.items():
            write_table(table, path)
            print(path)


if __name__ == "__main__":
    typer.run(main)
