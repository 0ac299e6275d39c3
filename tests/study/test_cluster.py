"""The same sweep as Ray tasks, on a cluster of several nodes on this machine."""

import builtins
from pathlib import Path

import pandas as pd
import pytest

from ctrnb.errors import ConfigError
from ctrnb.study import command
from ctrnb.study.cluster import RayEngine, room
from ctrnb.study.description import read_study
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.ledger import tables
from ctrnb.study.sweep import Observer, Sweep
from ctrnb.training import RunStore


def test_without_ray_the_engine_says_what_to_install(monkeypatch) -> None:
    original = builtins.__import__

    def without_ray(name: str, *rest, **options):
        if name == "ray":
            raise ImportError(name)
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(ConfigError, match=r"pip install 'ctrnb\[cluster\]'"):
        RayEngine()


def test_trainings_fit_the_scarcest_resource() -> None:
    assert room({"CPU": 8}, 2, 0) == 4 and room({"CPU": 64, "GPU": 2}, 1, 0.25) == 8
    with pytest.raises(ConfigError, match="no room"):
        room({"CPU": 8}, 1, 0.5)
    with pytest.raises(ConfigError, match="at least 1"):
        RayEngine(threads=0)


class NodeKiller(Observer):
    """Kill a node of the cluster, without notice, once some trainings have finished."""

    def __init__(self, cluster, node, after: int) -> None:
        self.cluster, self.node, self.after, self.finished_runs = cluster, node, after, []

    def finished(self, step, result) -> None:
        self.finished_runs.append(result.row["run_id"])

    def started(self, step) -> None:
        if self.node is not None and len(self.finished_runs) >= self.after:
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = None


@pytest.mark.slow
def test_a_node_killed_in_a_sweep_loses_nothing_and_the_ledger_is_the_local_one(own: Path, ledger, monkeypatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctrnb[cluster]'")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False} | memory)
    try:
        nodes = [cluster.add_node(num_cpus=1, **memory) for _ in range(2)]
        cluster.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        killer = NodeKiller(cluster, nodes[1], after=3)
        state = Sweep(read_study(own / "study.toml"), RunStore(own / "runs"), device="cpu", observer=killer)
        engine = RayEngine()
        assert engine.slots == 2
        try:
            state.run(engine)
        finally:
            engine.close()
    finally:
        cluster.shutdown()
    assert killer.node is None and not state.failures and state.complete()
    assert len(killer.finished_runs) == len(set(killer.finished_runs)) == 10
    outcome = command.sweep(
        own / "study.toml", own / "alone", InProcessEngine(threads=1), data_dir=None, device="cpu", out=None
    )
    assert outcome["complete"]
    table, changes = tables(state)
    table.to_csv(own / "runs" / "study.csv", index=False)
    changes.to_csv(own / "changes.csv", index=False)
    pd.testing.assert_frame_equal(ledger(own), ledger(own, "alone"))
    expected = own / "alone" / "study-changes.csv"
    pd.testing.assert_frame_equal(pd.read_csv(own / "changes.csv"), pd.read_csv(expected))
