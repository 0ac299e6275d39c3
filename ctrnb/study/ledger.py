"""The ledger: tables made of the finished runs of a study.

    NAME.csv           one row a training: settings, seeds, metrics, timings, device, versions, date, command
    NAME-changes.csv   one row a comparison of two tiers: see :mod:`ctrnb.study.changes`

Both are derived from the runs folder and can be made again at any time; a suffix of .parquet gives Parquet.
"""

import json
import os
import stat
import tempfile
from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from typing import Any

import pandas as pd

from ctrnb.data import Encoded
from ctrnb.errors import ConfigError, RunError
from ctrnb.models import DISPLAY
from ctrnb.spreadsheet import harmless_table
from ctrnb.study.changes import Draws, Runs, changes, delong_p, over_users, resample, with_holm
from ctrnb.study.plan import Group, Step, Training, steps
from ctrnb.study.results import CELL, CHANGES
from ctrnb.study.sweep import Sweep
from ctrnb.training import RunResult
from ctrnb.training.config import TIER_NAMES, TIERS

GAINS = (("delta", "base"), ("gain", "control"))
SUFFIXES = (".csv", ".parquet")
Key = tuple[str, int, bool, str]
FINAL = [*CELL, "tier", "seed", "split_seed"]  # which final training a row is


def flat_row(result: RunResult) -> dict[str, Any]:
    """Return a run's row without its nested entries, with names for display and versions."""
    row = {key: value for key, value in result.row.items() if not isinstance(value, dict)}
    return row | {"model_name": DISPLAY[row["model"]], "tier_name": TIER_NAMES[row["tier"]]} | result.row["versions"]


def tables(sweep: Sweep) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ledger and the changes of what has finished, in the order of the study.

    The ledger has, for every final training but Base, ``delta``: its AUC less Base's with the same seeds, with
    ``delta_low`` and ``delta_high``, a 95 % interval over test users, and ``delong_p``; and ``gain``, the same over the
    control. Rows with ``stage`` other than final are the search's.
    """
    rows: dict[Key, dict] = {}
    compared: list[pd.DataFrame] = []
    for group in sweep.groups:
        found = [(step, result) for step, result in finished(sweep, group)]
        for step, result in found:
            if (key := row_of(group, result)) not in rows or step.stage == "final":
                rows[key] = training_row(sweep, step, result)
        compared.append(compare(sweep, group, found, rows))
    table = with_holm(pd.concat(compared, ignore_index=True)) if any(map(len, compared)) else pd.DataFrame()
    return pd.DataFrame(rows.values()), table


def row_of(group: Group, result: RunResult) -> Key:
    """Return which row of the ledger a group's run is: two cores may hold the same data, and then share their runs."""
    return group.dataset, group.k, group.drop_middle, result.row["run_id"]


def finished(sweep: Sweep, group: Group) -> list[tuple[Step, RunResult]]:
    """Return the finished trainings of a group, by tier, seed and stage rather than by when they finished."""
    found = []
    for step in steps(sweep.study, group, sweep.known):
        if sweep.known.get(step.training) is not None and (result := sweep.result(step.training)) is not None:
            found.append((step, result))
    order = {repetition: number for number, repetition in enumerate(group.repetitions)}
    stages = ("final", "search", "support")

    def place(entry: tuple[Step, RunResult]) -> tuple:
        training = entry[0].training
        return (
            TIERS.index(training.tier),
            stages.index(entry[0].stage),
            order[training.repetition],
            repr(training.overrides),
        )

    return sorted(found, key=place)


def training_row(sweep: Sweep, step: Step, result: RunResult) -> dict[str, Any]:
    """Return one row of the ledger, less its comparisons."""
    encoded, split = sweep.splits.encoded(step.training.split), step.training.split
    row = flat_row(result)
    first = {
        "run_id": row.pop("run_id"),
        "dataset": row.pop("dataset"),
        "model": row.pop("model"),
        "tier": row.pop("tier"),
        "seed": row.pop("seed"),
        "k": split.k,
        "drop_middle": split.drop_middle,
        **densities(encoded),
        "split_seed": split.seed,
        "stage": step.stage,
        "candidate": json.dumps(dict(step.candidate)),
        "overrides": json.dumps(dict(step.training.overrides)),
    }
    return first | row | {"date": result.origin["date"], "command": result.origin["command"]}


def densities(encoded: Encoded) -> dict[str, float]:
    """Return size and density.

    ``density_percent``, interactions over users times items (Table 1); the same of the training part alone; its
    interactions; and those that a user and an item have of it on average.

    Where a dataset was thinned, its training part alone was.
    """
    users, items = len(encoded.user_side.id_code), len(encoded.item_side.id_code)
    train = len(encoded.rows("train"))
    return {
        "density_percent": 100 * len(encoded.user) / (users * items),
        "train_density_percent": 100 * train / (users * items),
        "train_interactions": train,
        "train_per_user": train / users,
        "train_per_item": train / items,
    }


def compare(sweep: Sweep, group: Group, found: list[tuple[Step, RunResult]], rows: dict[Key, dict]) -> pd.DataFrame:
    """Return the changes of a group, and write each run's own into its row."""
    runs = final_runs(group, found)
    if not runs:
        return pd.DataFrame()
    encoded = [sweep.splits.encoded(group.training(each, "base", ()).split) for each in group.repetitions]
    draws = resample(runs, encoded, repeats=sweep.study.repeats)
    for (tier, number), result in runs.items():
        rows[row_of(group, result)] |= own_changes(runs, draws, tier, number, encoded[number])
    keys = {
        "dataset": encoded[0].name,
        "k": group.k,
        "drop_middle": group.drop_middle,
        **densities(encoded[0]),
        "model": group.model,
        "model_name": DISPLAY[group.model],
    }
    found_tiers = {tier for tier, _ in runs}
    return pd.DataFrame([keys | row for row in changes(draws, found_tiers)])


def final_runs(group: Group, found: list[tuple[Step, RunResult]]) -> Runs:
    """Return the final trainings among a group's :func:`finished` ones, by tier and number of the repetition."""
    return {
        (step.training.tier, group.repetitions.index(step.training.repetition)): result
        for step, result in found
        if step.stage == "final"
    }


def own_changes(runs: Runs, draws: Draws, tier: str, number: int, encoded: Encoded) -> dict[str, float]:
    """Return one run's change of AUC to Base and to the control, with intervals over test users."""
    values: dict[str, float] = {}
    for name, reference in GAINS:
        if tier in ("base", reference) or (reference, number) not in runs:
            continue
        moved = draws.resampled["auc", tier, number] - draws.resampled["auc", reference, number]
        low, high, _ = over_users(moved)
        change = draws.values["auc", tier, number] - draws.values["auc", reference, number]
        values |= {name: change, f"{name}_low": low, f"{name}_high": high}
        values[f"{name}_delong_p"] = delong_p(encoded, runs[tier, number], runs[reference, number])
    return values


def changes_path(ledger: Path) -> Path:
    """Return where the changes of a ledger stand."""
    return ledger.with_name(f"{ledger.stem}{CHANGES}{ledger.suffix}")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all.

    Raises:
        ConfigError: the suffix is neither .csv nor .parquet.  RunError: the file cannot be written.
    """
    check_suffix(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path, delete=False) as file:
            temporary = Path(file.name)
        try:
            if path.suffix == ".csv":
                harmless_table(table).to_csv(temporary, index=False)
            else:
                table.to_parquet(temporary, index=False)
            temporary.chmod(0o666 & ~umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}.") from None


def check_writable(ledger: Path, *, dry: bool = False) -> None:
    """Raise RunError unless a ledger and its changes can be written: before hours of training rather than after them.

    Args:
        dry: create nothing, and find only what can be seen without: a folder of that name, or a file in place of its folder.
    """
    for path in (ledger, changes_path(ledger)):
        try:
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(path.stat().st_mode):
                    raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
            if not dry:
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporary_file(path, delete=True):
                    pass
        except OSError as error:
            raise RunError(
                f"{path} cannot be written: {error.strerror or error}. Name another place by --out."
            ) from None


def temporary_file(path: Path, *, delete: bool) -> Any:
    """Open a new file beside a table, which is renamed to it once it is whole."""
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=delete)


def check_replaceable(sweep: Sweep, ledger: Path) -> None:
    """Raise ConfigError where a sweep, which has looked up what has finished, would overwrite what it cannot write again.

    That is a file that is no ledger or no table of changes, and a ledger with final trainings that are not of the study,
    or more of them than its budget allows for.
    """
    for path, columns in ((ledger, [*FINAL, "stage"]), (changes_path(ledger), ["metric", "tier", "reference"])):
        if path.exists() and not set(columns) <= set(table := read_table(path)) and len(table.columns):
            raise ConfigError(f"{path} is no table of a sweep's, and would be overwritten. Name another file by --out.")
    planned = {
        final_of(sweep, group.training(repetition, tier, ()))
        for group in sweep.groups
        for tier in group.tiers
        for repetition in group.repetitions
    }
    finals = (step.training for step in sweep.steps() if step.stage == "final")
    there = {final_of(sweep, training) for training in finals if sweep.known.get(training) is not None}
    lost, most = finals_in(ledger) - planned, sweep.study.budget.trainings
    if most is not None and len(to_train := finals_in(ledger) - there) > most:
        lost = to_train
    refuse_loss(ledger, lost)


def refuse_loss(ledger: Path, lost: set[tuple[str, ...]]) -> None:
    """Raise ConfigError if there are final trainings that a ledger would lose."""
    if lost:
        example = ", ".join(f"{name}={value}" for name, value in zip(FINAL, min(lost), strict=True))
        raise ConfigError(
            f"{ledger} has {len(lost)} finished trainings that this sweep would leave out, such as {example}. "
            "Name another file by --out; finished runs are kept."
        )


def final_of(sweep: Sweep, training: Training) -> tuple[str, ...]:
    """Return what stands of a training under FINAL, as text."""
    split = training.split
    name = sweep.splits.names[split.dataset]
    values = (name, split.k, split.drop_middle, training.model, training.tier, training.seed, split.seed)
    return tuple(map(str, values))


def finals_in(ledger: Path) -> set[tuple[str, ...]]:
    """Return the final trainings of a ledger, none where there is no such file."""
    return finals_of(read_table(ledger)) if ledger.exists() else set()


def finals_of(table: pd.DataFrame) -> set[tuple[str, ...]]:
    """Return the final trainings of a ledger."""
    if table.empty:
        return set()
    return set(table.loc[table["stage"] == "final", FINAL].astype(str).itertuples(index=False, name=None))


def read_table(path: Path) -> pd.DataFrame:
    """Return a table that :func:`write_table` may have written, a CSV as text.

    One that is empty has no columns, and one that cannot be read has the column "unreadable".
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False) if path.suffix == ".csv" else pd.read_parquet(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except ValueError:
        return pd.DataFrame(columns=["unreadable"])


def umask() -> int:
    """Return the process's mask of file permissions."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_suffix(path: Path) -> None:
    """Raise ConfigError unless a table can be written under this name."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a ledger is written as {' or '.join(SUFFIXES)}.")
