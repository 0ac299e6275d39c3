"""Finished trainings on disk: one folder a run, written whole or not at all.

    RUNS/<run_id>/run.json             the row (settings, metrics, timings), the history, date and command
    RUNS/<run_id>/model.safetensors    the best epoch's weights
    RUNS/<run_id>/test.safetensors     test probabilities, float32, in the order of the test part
    RUNS/<run_id>/SHA256SUMS           checksums of the three; ``sha256sum -c SHA256SUMS`` checks them by hand

A run is written into a temporary folder and renamed into place, so a killed process leaves no half-written run.
Checkpoints are safetensors: reading one can run no code. :func:`pack` and :func:`unpack` are the same four files as
bytes, which is how a run travels between processes and machines.
"""

import hashlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ctrnb.errors import RunError

FORMAT = 2
CONTENTS = ("run.json", "model.safetensors", "test.safetensors")
SUMS = "SHA256SUMS"
UNFINISHED = ".unfinished-"  # prefix of the folders of runs being written
Files = Mapping[str, bytes]


@dataclass
class RunResult:
    """A finished training.

    Attributes:
        row: one ledger row, plain JSON values; its keys are listed in :func:`ctrnb.training.tiers.train`.
        history: one dictionary an epoch: epoch, train_loss, valid_auc, valid_logloss, learning_rate, seconds.
        state: the best epoch's weights, on the CPU.
        probabilities: of a click, float32 (test interactions,), in the order of ``encoded.rows("test")``.
        origin: ``date`` (UTC) and ``command`` of the training; filled in when it is kept.
    """

    row: dict[str, Any]
    history: list[dict[str, Any]]
    state: dict[str, Tensor]
    probabilities: np.ndarray
    origin: dict[str, str] = field(default_factory=dict)


@runtime_checkable
class Store(Protocol):
    """What a training asks of the place of finished runs: a :class:`RunStore`, or what looks up in one."""

    def find(self, run_id: str) -> RunResult | None:
        """Return a finished run, or None where there is none: it is trained then."""

    def save(self, result: RunResult) -> None:
        """Keep a run that has been trained."""


class RunStore:
    """Runs by ``run_id`` in a folder; without a folder, in memory for the life of the store.

    Raises:
        RunError: on construction, when the folder cannot be created or written: before any training starts.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.memory: dict[str, RunResult] = {}
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise RunError(f"runs folder {folder} cannot be written: {error.strerror}. Name another one.") from None

    def find(self, run_id: str) -> RunResult | None:
        """Return a finished run, or None where there is none or its files fail their checksums (with a warning)."""
        if self.folder is None:
            return self.memory.get(run_id)
        folder = self.folder / run_id
        if not folder.exists():
            return None
        try:
            return read_run(folder)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            warnings.warn(f"run {folder} is damaged and is trained again: {error}", stacklevel=2)
            return None

    def save(self, result: RunResult) -> None:
        """Keep a run with its date and command. One that is already there intact is left as it is.

        Raises:
            RunError: the folder cannot be written.
        """
        run_id = result.row["run_id"]
        result.origin = result.origin or origin()
        if self.folder is None:
            self.memory.setdefault(run_id, result)
            return
        final = self.folder / run_id
        try:
            with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=self.folder, ignore_cleanup_errors=True) as folder:
                written = Path(folder) / run_id
                write_files(written, pack(result))
                if final.exists() and not self.intact(run_id):
                    final.rename(Path(folder) / "damaged")
                try:
                    written.rename(final)
                except OSError:
                    if not self.intact(run_id):  # else another process has finished the same run meanwhile
                        raise
                sync(self.folder)
        except OSError as error:
            raise RunError(f"run {final} could not be written: {error.strerror or error}.") from None

    def intact(self, run_id: str) -> bool:
        """Return whether a run is there and passes its checksums, without a warning where it does not."""
        with warnings.catch_warnings(action="ignore"):
            return self.find(run_id) is not None

    def tidy(self, older_than_seconds: float = 3600) -> None:
        """Remove what killed processes left half-written; what is younger may still be in the making."""
        for folder in self.folder.glob(f"{UNFINISHED}*") if self.folder else ():
            with suppress(FileNotFoundError):  # another process has finished it, or removed it, meanwhile
                if time.time() - folder.stat().st_mtime > older_than_seconds:
                    shutil.rmtree(folder, ignore_errors=True)


def origin() -> dict[str, str]:
    """Return now, in UTC, and the command line of this process."""
    program = Path(sys.argv[0])
    name = "ctrnb" if program.stem in ("ctrnb", "cli") else program.name
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "command": shlex.join([name, *sys.argv[1:]])}


def pack(result: RunResult) -> Files:
    """Return a run as its files: names and contents."""
    document = {"format": FORMAT, "row": result.row, "history": result.history, "origin": result.origin}
    files = {
        "model.safetensors": save(result.state),
        "test.safetensors": save({"probability": torch.from_numpy(result.probabilities)}),
        "run.json": json.dumps(document, indent=1, sort_keys=True, allow_nan=False).encode(),
    }
    return {**files, SUMS: sums(files)}


def unpack(files: Files, run_id: str) -> RunResult:
    """Return the run that :func:`pack` made files of.

    Raises:
        ValueError: a file is cut short, altered or of another format, or is of another run.  KeyError: one is missing.
    """
    if files[SUMS] != sums(files):
        kept = files[SUMS].splitlines()
        wrong = [name for name in CONTENTS if sums({name: files[name]}).strip() not in kept]
        raise ValueError(f"{', '.join(wrong) or SUMS} does not match its checksum")
    document = json.loads(files["run.json"])
    if document["format"] != FORMAT or document["row"]["run_id"] != run_id:
        raise ValueError(f"run.json is of format {document['format']} and run {document['row'].get('run_id')}")
    return RunResult(
        row=document["row"],
        history=document["history"],
        state=tensors(files, "model.safetensors"),
        probabilities=tensors(files, "test.safetensors")["probability"].numpy(),
        origin=document["origin"],
    )


def tensors(files: Files, name: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        ValueError: it is of another format, or a number in it is not finite.
    """
    try:
        found = load(files[name])
    except SafetensorError as error:
        raise ValueError(f"{name} is not safetensors: {error}") from None
    for key, tensor in found.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: {key} is not finite")
    return found


def sums(files: Files) -> bytes:
    """Return the lines that ``sha256sum`` would print for the contents of a run."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in CONTENTS if name in files]
    return "".join(lines).encode()


def write_files(folder: Path, files: Files) -> None:
    """Write files into a new folder and flush them to the disk."""
    folder.mkdir()
    for name, content in files.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Flush a folder's list of names to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_run(folder: Path) -> RunResult:
    """Return the run in a folder.

    Raises:
        ValueError: a file is cut short or altered.  OSError: a file cannot be read.
    """
    return unpack({name: (folder / name).read_bytes() for name in (*CONTENTS, SUMS)}, folder.name)
