"""Trainings in this very process, one after the other: for notebooks, debugging and tests."""

from collections import deque

from ctrnb.study.jobs import Job, Outcome, do


class InProcessEngine:
    """An engine without workers: a job is done when its outcome is asked for.

    A training has ``threads`` threads, by default as many as torch has now; torch has its own again afterwards.
    """

    slots, local = 1, True

    def __init__(self, threads: int | None = None) -> None:
        import torch

        self.threads = threads or torch.get_num_threads()
        self.jobs: deque[tuple[int, Job]] = deque()

    def submit(self, ticket: int, job: Job) -> None:
        """Take a job; :meth:`wait` does it."""
        self.jobs.append((ticket, job))

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Do a job, however long it takes, and return its outcome."""
        if not self.jobs:
            return []
        ticket, job = self.jobs.popleft()
        return [(ticket, do(job, job.encoded))]

    def close(self) -> None:
        """Nothing is left open."""
