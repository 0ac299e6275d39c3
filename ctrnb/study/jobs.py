"""Trainings as a job that any process or machine can do: arrays and parents in, the files of the runs out."""

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a worker starts at once and loads torch beside the sweep, which is loading it too
    from ctrnb.data import Encoded

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Job:
    """What a worker needs: nothing of the sweep's disk, and not the raw data.

    Attributes:
        arguments: of :func:`ctrnb.training.train_many`, less the data, the store and the device.
        parents: the finished runs that it starts from, by run_id.
    """

    encoded: Any  # Encoded, or what an engine puts in its place
    arguments: Mapping[str, Any]
    parents: Mapping[str, Files]
    device: str
    threads: int


@dataclass(frozen=True)
class Failure:
    """Why a job gave no run."""

    reason: str


Outcome = list[Files] | Failure


def do(job: Job, encoded: "Encoded") -> Outcome:
    """Train on the job's threads and return each run's files, in the order of the seeds, or why there are none."""
    from ctrnb.errors import CtrnbError
    from ctrnb.training import RunStore, train_many
    from ctrnb.training.device import on_threads
    from ctrnb.training.store import pack, unpack

    try:
        store = RunStore(None)
        for run_id, files in job.parents.items():
            store.save(unpack(files, run_id))
        with on_threads(job.threads):
            return list(map(pack, train_many(encoded, runs=store, device=job.device, **job.arguments)))
    except CtrnbError as error:
        return Failure(str(error))
    except Exception as error:  # one training's accident must not end the others
        return Failure(f"{type(error).__name__}: {error}")


def serve(pipe: connection.Connection) -> None:
    """Do the jobs that come down a pipe until it closes; end at once when the process that started this one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep decides what an interrupt means
    threading.Thread(target=end_with_parent, daemon=True).start()
    import ctrnb.training  # noqa: F401 (seconds, spent before the first job comes)

    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(do(job, job.encoded))


def end_with_parent() -> None:
    """Wait for the parent process to end, however it does, and end this one."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
