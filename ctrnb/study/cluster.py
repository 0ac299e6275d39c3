"""Trainings as Ray tasks, on this machine or a cluster.

Only the sweep's own process touches the runs folder: a task gets arrays and the finished runs that it starts from, and
returns the files of its run. A node that dies takes the tasks on it along; Ray gives them to another node, and what had
finished is kept here already. The tasks need ctrnb on every node, and neither the raw data nor a shared disk.

    ray start --head --port 6379                  # on one machine
    ray start --address HOST:6379                 # on each of the others
    RAY_ADDRESS=HOST:6379 ctrnb sweep STUDY --engine ray --gpus 0.25
"""

import os
from typing import Any

from ctrnb.errors import ConfigError
from ctrnb.study.jobs import Failure, Job, Outcome, do

RETRIES = 3  # of a task whose node or worker died
KEPT = 6  # datasets held in the cluster's memory


class RayEngine:
    """Ray tasks of ``threads`` CPUs and ``gpus`` GPUs each, at most ``workers`` at a time."""

    local = False

    def __init__(self, workers: int | None = None, threads: int | None = None, gpus: float = 0.0) -> None:
        """Connect to the cluster that RAY_ADDRESS names, or start Ray on this machine.

        Args:
            workers: default: as many as the cluster's CPUs (and GPUs, where a training takes some) allow.
            threads: default 1.
            gpus: a fraction shares a GPU between trainings.

        Raises:
            ConfigError: Ray is not installed, no cluster answers, or it has room for no training.
        """
        self.threads = 1 if threads is None else threads
        if self.threads < 1 or gpus < 0 or (workers is not None and workers < 1):
            raise ConfigError(f"workers={workers}, threads={threads}, gpus={gpus}: at least 1, 1 and 0 are needed.")
        try:
            import ray
        except ImportError:
            raise ConfigError(
                "engine 'ray' needs Ray. Run: pip install 'ctrnb[cluster]', or use --engine local."
            ) from None
        self.ray = ray
        self.started = not ray.is_initialized()
        if self.started:
            connect(ray)
        self.slots = workers or room(ray.cluster_resources(), self.threads, gpus)
        task = ray.remote(num_cpus=self.threads, num_gpus=gpus, max_retries=RETRIES)
        self.task = task(do)
        self.tickets: dict[Any, int] = {}
        self.datasets: dict[str, Any] = {}  # fingerprint: reference

    def submit(self, ticket: int, job: Job) -> None:
        """Give out a job; its dataset travels to each node once."""
        fingerprint = job.encoded.fingerprint
        if fingerprint not in self.datasets:
            if len(self.datasets) == KEPT:
                self.datasets.pop(next(iter(self.datasets)))
            self.datasets[fingerprint] = self.ray.put(job.encoded)
        light = Job(None, job.arguments, job.parents, job.device, job.threads)
        self.tickets[self.task.remote(light, self.datasets[fingerprint])] = ticket

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """Return the outcomes that there are, after at most ``timeout`` seconds."""
        if not self.tickets:
            return []
        ready, _ = self.ray.wait(list(self.tickets), num_returns=1, timeout=timeout)
        return [(self.tickets.pop(reference), self.outcome(reference)) for reference in ready]

    def outcome(self, reference: Any) -> Outcome:
        """Return what a finished task gave."""
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            return Failure(f"lost after {RETRIES} retries: {str(error).splitlines()[0]}")

    def close(self) -> None:
        """Cancel what is running and leave the cluster; one that was started here ends."""
        for reference in self.tickets:
            self.ray.cancel(reference, force=True)
        self.tickets.clear()
        self.datasets.clear()
        if self.started:
            self.ray.shutdown()


def connect(ray: Any) -> None:
    """Join the cluster of RAY_ADDRESS or start Ray here, without its usage reports.

    Raises:
        ConfigError: no cluster answers at RAY_ADDRESS.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError) as error:
        where = f"at RAY_ADDRESS={address}" if address else "on this machine"
        raise ConfigError(f"no Ray {where}: {str(error).splitlines()[0]} Start it by ray start --head.") from None


def room(resources: dict[str, float], threads: int, gpus: float) -> int:
    """Return how many trainings fit a cluster at a time.

    Raises:
        ConfigError: none does.
    """
    places = resources.get("CPU", 0) // threads
    if gpus:
        places = min(places, resources.get("GPU", 0) // gpus)
    if places < 1:
        raise ConfigError(
            f"the cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs: no room for a "
            f"training that takes {threads} and {gpus:g}. Use fewer --threads or a smaller share of --gpus."
        )
    return int(places)
