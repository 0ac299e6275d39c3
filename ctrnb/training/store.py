"""Finished trainings on disk: one folder a run, written whole or not at all.

    RUNS/<run_id>/run.json             the row (settings, metrics, timings), the history and the checksums
    RUNS/<run_id>/model.safetensors    the best epoch's weights
    RUNS/<run_id>/test.safetensors     test probabilities, float32, in the order of the test part

A run is written into a temporary folder and renamed into place, so a killed process leaves no half-written run.
Checkpoints are safetensors: reading one can run no code.
"""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from ctrnb.errors import RunError

FORMAT = 1


@dataclass
class RunResult:
    """A finished training.

    Attributes:
        row: one ledger row, plain JSON values; its keys are listed in :func:`ctrnb.training.tiers.train`.
        history: one dictionary an epoch: epoch, train_loss, valid_auc, valid_logloss, learning_rate, seconds.
        state: the best epoch's weights, on the CPU.
        probabilities: of a click, float32 (test interactions,), in the order of ``encoded.rows("test")``.
    """

    row: dict[str, Any]
    history: list[dict[str, Any]]
    state: dict[str, Tensor]
    probabilities: np.ndarray

    def predictions(self) -> np.ndarray:
        """Return the test probabilities, float32 (test interactions,)."""
        return self.probabilities


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
        except (OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(f"run {folder} is damaged and is trained again: {error}", stacklevel=2)
            return None

    def save(self, result: RunResult) -> None:
        """Write a run. One that is already there intact is left as it is.

        Raises:
            RunError: the folder cannot be written.
        """
        run_id = result.row["run_id"]
        if self.folder is None:
            self.memory[run_id] = result
            return
        final = self.folder / run_id
        try:
            temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.folder))
            try:
                write_run(temporary, result)
                if final.exists():  # damaged, or finished by another process meanwhile
                    final.rename(temporary / "replaced")
                    shutil.rmtree(temporary / "replaced")
                temporary.rename(final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            raise RunError(f"run {final} could not be written: {error.strerror or error}.") from None


def write_run(folder: Path, result: RunResult) -> None:
    """Write the three files of a run and flush them to the disk."""
    files = {
        "model.safetensors": save(result.state),
        "test.safetensors": save({"probability": torch.from_numpy(result.probabilities)}),
    }
    document = {
        "format": FORMAT,
        "row": result.row,
        "history": result.history,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["run.json"] = json.dumps(document, indent=1, sort_keys=True, allow_nan=False).encode()
    for name, content in files.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def read_run(folder: Path) -> RunResult:
    """Return a run.

    Raises:
        ValueError: a file is missing, cut short or altered.
    """
    document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if document["format"] != FORMAT or document["row"]["run_id"] != folder.name:
        raise ValueError(f"run.json is of format {document['format']} and run {document['row'].get('run_id')}")
    contents = {}
    for name, checksum in document["sha256"].items():
        contents[name] = (folder / name).read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != checksum:
            raise ValueError(f"{name} does not match its checksum")
    return RunResult(
        row=document["row"],
        history=document["history"],
        state=load(contents["model.safetensors"]),
        probabilities=load(contents["test.safetensors"])["probability"].numpy(),
    )
