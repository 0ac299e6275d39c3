"""What ``ctrnb sweep`` does: a dry run, or a sweep and its ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctrnb.errors import ConfigError
from ctrnb.study.description import read_study
from ctrnb.study.estimate import Timing, estimated_seconds, probe, timings
from ctrnb.study.ledger import (
    changes_path,
    check_replaceable,
    check_suffix,
    check_writable,
    finals_in,
    finals_of,
    refuse_loss,
    tables,
    write_table,
)
from ctrnb.study.plan import Training, sizes, steps, total
from ctrnb.study.progress import duration, observer
from ctrnb.study.sweep import Engine, Splits, Sweep
from ctrnb.training import RunStore
from ctrnb.training.device import pick_device


def dry_run(
    path: Path,
    runs: Path,
    *,
    models: Sequence[str] = (),
    data_dir: Path | None,
    device: str,
    workers: int,
    out: Path | None = None,
    stacked: int = 1,
) -> dict[str, Any]:
    """Return what a sweep would do, without training more than a probe.

    Keys: study; trainings, done (as far as the search has come: what stands behind a candidate that failed is not looked up) and
    left (at most, where the search decides); startable now; estimated_seconds for what
    is left with ``workers`` trainings at a time; probes (how many short ones the estimate needed); cells, the counts by
    dataset, k, drop_middle and model. ``out`` and ``stacked``, of the sweep to come, are checked as it would.

    Raises:
        ConfigError: ``workers`` or ``stacked`` is below 1; or the study, or ``out``, as of :func:`sweep`.
        DeviceError: a probe is needed, and there is no such device.
        DataError: a dataset is missing or malformed.  RunError: a folder cannot be written.
    """
    if workers < 1:
        raise ConfigError(f"workers={workers}: at least 1 is needed.")
    check_stacked(stacked)
    study = read_study(path, models)
    out = out or runs / f"{study.name}.csv"
    check_suffix(out)
    check_writable(out, dry=True)
    sweep = Sweep(study, RunStore(runs), Splits(data_dir), device=device)
    startable = len(sweep.open_steps())
    check_replaceable(sweep, out)
    known, seconds = timings(runs), 0.0
    measured, cells = len(known), []
    done = left = 0
    for group in sweep.groups:
        finished = [step.training.tier for step in steps(study, group, sweep.known) if step.training in sweep.known]
        open_ = {} if sweep.group_complete(group) else sizes(study, group)
        counts = {tier: count - finished.count(tier) for tier, count in open_.items() if count > finished.count(tier)}
        for tier, count in counts.items():
            seconds += count * seconds_of(
                known, sweep, group.training(group.repetitions[0], tier, sweep.study.common())
            )
        cell = {"dataset": group.dataset, "k": group.k, "drop_middle": group.drop_middle, "model": group.model}
        cells.append(cell | {"done": len(finished), "left": sum(counts.values())})
        done, left = done + len(finished), left + sum(counts.values())
    return {
        "study": study.name,
        "trainings": done + left,
        "done": done,
        "left": left,
        "startable": startable,
        "estimated_seconds": seconds / workers,
        "probes": len(known) - measured,
        "cells": cells,
    }


def seconds_of(known: list[Timing], sweep: Sweep, training: Training) -> float:
    """Return what a training will take; where nothing alike is known, it is probed and the probe added to ``known``."""
    encoded = sweep.splits.encoded(training.split)
    found = estimated_seconds(known, encoded, training)
    if found is None:
        known.append(probe(encoded, training, device=sweep.device))
        found = estimated_seconds(known, encoded, training)
    return found or 0.0


def sweep(
    path: Path, runs: Path, engine: Engine, *, models: Sequence[str] = (), data_dir: Path | None, device: str,
    out: Path | None, stacked: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Run a study on an engine, write its ledger (default: RUNS/<study>.csv) and changes, and return the outcome.

    With ``models`` it is the study's part about them. Up to ``stacked`` trainings that differ in their seed, rate or
    penalty on embeddings alone are trained as one.

    Keys: study; trainings (in the end, at most); done; reused (of those done, found finished); failed, a list of
    training and reason; complete (whether every training of the study is done); and, where there is one, ledger and
    changes, paths.

    Raises:
        ConfigError: the study is malformed, ``out`` has another suffix than a ledger's or is a file that would lose
            something, or ``stacked`` is below 1.
        DeviceError: no such device here (a cluster's are its own affair).
        DataError: a dataset is missing or malformed.  RunError: a folder cannot be written.
    """
    check_stacked(stacked)
    study = read_study(path, models)
    out = out or runs / f"{study.name}.csv"
    check_suffix(out)
    check_writable(out)
    if engine.local:
        pick_device(device)
    with observer(total(study)) as shown:
        state = Sweep(study, RunStore(runs), Splits(data_dir), device=device, stacked=stacked, observer=shown)
        state.open_steps()
        check_replaceable(state, out)
        state.run(engine)
    return {
        "study": study.name,
        "trainings": total(study),
        "done": shown.done,
        "reused": shown.reused,
        "failed": [{"training": str(step), "reason": reason} for step, reason in state.failures.items()],
        "complete": state.complete(),
        **write_ledger(state, out),
    }


def check_stacked(stacked: int) -> None:
    """Raise ConfigError unless at least one training may be trained as one."""
    if stacked < 1:
        raise ConfigError(f"stacked={stacked}: at least 1 is needed.")


def write_ledger(state: Sweep, out: Path) -> dict[str, str]:
    """Write what has finished to ``out`` and beside it; return the paths, or nothing where nothing has finished."""
    ledger, changes = tables(state)
    if ledger.empty:
        return {}
    refuse_loss(out, finals_in(out) - finals_of(ledger))
    write_table(ledger, out)
    write_table(changes, changes_path(out))
    return {"ledger": str(out), "changes": str(changes_path(out))}


def readable(values: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome or a dry run for people: times in words, and a line a cell instead of a list."""
    shown = {name: value for name, value in values.items() if not isinstance(value, list)}
    if "estimated_seconds" in shown:
        shown["estimated_time"] = duration(shown.pop("estimated_seconds"))
    if "failed" in values:
        shown["failed"] = len(values["failed"])
    for cell in values.get("cells", ()):
        name = f"{cell['dataset']} k={cell['k']}{' middle removed' if cell['drop_middle'] else ''} {cell['model']}"
        shown[name] = f"{cell['done']} done, {cell['left']} left"
    return shown
