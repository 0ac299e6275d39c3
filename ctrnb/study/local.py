"""Trainings in worker processes of this machine. A worker that dies takes nothing with it but its own training."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from ctrnb.errors import ConfigError
from ctrnb.study.jobs import Failure, Job, Outcome, serve

KILLED = -9  # exit code of a process that the system ended by SIGKILL, as it does where memory ends
ATTEMPTS = 2  # a training whose worker dies is given to another once


class Worker:
    """A spawned process and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads, and hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True, name="ctrnb-worker")
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


@dataclass
class Task:
    """A job on its way: its ticket and how often it was given out."""

    ticket: int
    job: Job
    attempts: int = 0


class LocalEngine:
    """``workers`` processes that share the machine's cores."""

    local = True

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        """Start the workers.

        Args:
            workers: default one.
            threads: of torch in each; default: the cores over the workers.

        Raises:
            ConfigError: fewer than one worker or thread.
        """
        self.slots = 1 if workers is None else workers
        self.threads = max(1, available_cores() // max(self.slots, 1)) if threads is None else threads
        if self.slots < 1 or self.threads < 1:
            raise ConfigError(f"workers={workers}, threads={threads}: at least 1 of each is needed.")
        self.idle = [Worker() for _ in range(self.slots)]
        self.busy: dict[Worker, Task] = {}
        self.queue: deque[Task] = deque()
        self.over: list[tuple[int, Failure]] = []

    def submit(self, ticket: int, job: Job) -> None:
        """Give out a job; :meth:`wait` will return its outcome under ``ticket``."""
        self.queue.append(Task(ticket, job))
        self.give_out()

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Return the outcomes that there are, after at most ``timeout`` seconds."""
        done: list[tuple[int, Outcome]] = [*self.over]
        self.over.clear()
        pipes: dict[Any, Worker] = {worker.pipe: worker for worker in self.busy}
        for pipe in connection.wait(list(pipes), 0 if done else timeout):
            worker = pipes[pipe]
            try:
                outcome = worker.pipe.recv()
            except (EOFError, OSError):
                self.bury(worker)
                continue
            done.append((self.busy.pop(worker).ticket, outcome))
            self.idle.append(worker)
        self.give_out()
        return done

    def give_out(self) -> None:
        """Send queued jobs to idle workers."""
        while self.queue and self.idle:
            worker, task = self.idle.pop(), self.queue.popleft()
            task.attempts += 1
            self.busy[worker] = task
            try:
                worker.pipe.send(task.job)
            except OSError:
                self.bury(worker)

    def bury(self, worker: Worker) -> None:
        """Replace a dead worker; its training is given out again, or has failed."""
        task = self.busy.pop(worker)
        worker.stop()
        self.idle.append(Worker())
        if task.attempts < ATTEMPTS:
            self.queue.append(task)
            return
        code = worker.process.exitcode
        hint = " (out of memory, perhaps: use fewer --workers)" if code == KILLED else ""
        reason = f"its worker process died {task.attempts} times, last with exit code {code}{hint}"
        self.over.append((task.ticket, Failure(reason)))

    def close(self) -> None:
        """End all workers at once."""
        for worker in self.workers():
            worker.stop()

    def workers(self) -> Iterator[Worker]:
        """Yield every worker."""
        yield from self.idle
        yield from self.busy


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
