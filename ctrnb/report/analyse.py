"""What the chapters on users and on sensitivity show of a study, taken from its finished runs.

Groups need every test prediction, and sensitivity the weights, which a ledger does not keep.
``ctrnb results analyse STUDY --runs RUNS`` trains nothing and writes, under ``book/results`` or ``--out``,

    groups/NAME-effects.csv     one row a dataset, model, grouping, metric, group and comparison
    groups/NAME-spreads.csv     Var(L,M,H) by grouping, metric and tier
    groups/NAME-targets.csv     whether the group served worst changes by more than the others
    sensitivity/NAME.csv        elasticities of the logit's gradient in the degrees of nodes
"""

from collections.abc import Sequence
from pathlib import Path

from ctrnb.errors import ConfigError, RunError
from ctrnb.report import groups, sensitivity
from ctrnb.study.description import read_study
from ctrnb.study.finished import finished_cells
from ctrnb.study.ledger import write_table
from ctrnb.study.results import results_folder


def write_analysis(
    study: Path,
    runs: Path,
    *,
    fields: Sequence[str] = (),
    repeats: int = 100,
    pairs: int = 1500,
    data_dir: Path | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Write what the chapters show of a study's finished runs, and return the files.

    Args:
        fields: of users, to group by as well; those that a dataset lacks are passed over where another has them.
        repeats: draws of users, at least 2.
        pairs: test interactions whose gradients are taken, at least 1.
        out: default: ``book/results``.

    Raises:
        ConfigError: the study is missing or malformed, a number too small, or a field none of users.  DataError: a dataset is.  RunError: nothing has finished.
    """
    if repeats < 2:
        raise ConfigError(f"repeats={repeats}: an interval needs at least 2 draws.")
    if pairs < 1:
        raise ConfigError(f"pairs={pairs}: at least 1 is needed.")
    name, folder = read_study(study).name, results_folder(out)
    cells = list(finished_cells(study, runs, data_dir=data_dir))
    if not cells:
        raise RunError(
            f"{study}: no model has a seed that is finished in every tier in {runs}. Name its --runs. Models whose seeds are of "
            "several splits are passed over: their test parts are not paired."
        )
    if alone := [cell for cell in cells if not groups.comparisons_of(cell.runs)]:
        raise ConfigError(f"{study}: {alone[0].model} has no two tiers to compare. Train base and another tier.")
    known = sorted({str(column) for cell in cells for column in cell.users})
    for field in fields:
        if field not in known:
            raise ConfigError(f"users have no field {field!r}. They have: {', '.join(known) or 'none'}.")
    tables = groups.of_cells(cells, fields=fields, repeats=repeats)
    files = {folder / "groups" / f"{name}-{kind}.csv": t for kind, t in zip(groups.KINDS, tables, strict=True)}
    files[folder / "sensitivity" / f"{name}.csv"] = sensitivity.of_cells(cells, pairs=pairs)
    for path, table in files.items():
        write_table(table, path)
    return list(files)
