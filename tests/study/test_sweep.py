import json
import os
import signal
import warnings
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from ctrnb.cli import app
from ctrnb.errors import ConfigError, DataError
from ctrnb.study import command, engines
from ctrnb.study.description import read_study
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.jobs import Failure, Job
from ctrnb.study.ledger import tables
from ctrnb.study.local import LocalEngine
from ctrnb.study.progress import Live
from ctrnb.study.sweep import Sweep
from ctrnb.training import RunStore

TRAININGS = (2 + 1) + (2 + 1) + 2 + 2  # base and ft with two candidates each, control, ts; two seeds


def sweep(folder: Path, engine=None, runs: str = "runs", **options) -> dict:
    """Run the folder's study in this process."""
    options = {"data_dir": None, "device": "cpu", "out": None} | options
    return command.sweep(folder / "study.toml", folder / runs, engine or InProcessEngine(threads=1), **options)


class Failing(InProcessEngine):
    """An engine on which the trainings of one tier fail."""

    def __init__(self, tier: str) -> None:
        super().__init__(threads=1)
        self.tier = tier

    def wait(self, timeout: float) -> list:
        failed = [ticket for ticket, job in self.jobs if job.arguments["tier"] == self.tier]
        outcome = super().wait(timeout)
        return [(ticket, Failure("as asked")) for ticket in failed] or outcome


def test_a_study_ends_with_a_row_a_training_and_is_not_repeated(own: Path, ledger) -> None:
    first = sweep(own)
    assert (first["done"], first["reused"], first["complete"], first["failed"]) == (TRAININGS, 0, True, [])
    table = ledger(own)
    assert table["run_id"].is_unique and len(table) == TRAININGS
    final = table[table["stage"] == "final"]
    assert final.groupby("tier")["seed"].apply(sorted).map(tuple).to_dict() == dict.fromkeys(
        ("base", "control", "ft", "ts"), (0, 1)
    )
    assert final.loc[final["tier"] != "base", "delta"].notna().all() and final["fingerprint"].nunique() == 1
    again = sweep(own)
    assert (again["done"], again["reused"]) == (TRAININGS, TRAININGS)
    pd.testing.assert_frame_equal(ledger(own), table)


def test_the_search_takes_the_best_validation_auc(own: Path, ledger) -> None:
    sweep(own)
    table = ledger(own)
    for tier in ("base", "ft"):
        candidates = table[(table["tier"] == tier) & (table["seed"] == 0)]
        best = candidates.loc[candidates["valid_auc"].idxmax()]
        assert len(candidates) == 2 and best["stage"] == "final" and (candidates["stage"] == "final").sum() == 1


def test_a_stopped_sweep_goes_on_to_the_same_ledger(own: Path, ledger) -> None:
    sweep(own, runs="whole")
    path = own / "study.toml"
    text = path.read_text()
    for allowed in (1, 3, 2):
        path.write_text(text + f"\n[budget]\ntrainings = {allowed}\n")
        assert sweep(own)["complete"] is False
    assert len(ledger(own)) == 6
    path.write_text(text)
    assert sweep(own)["reused"] == 6
    pd.testing.assert_frame_equal(ledger(own), ledger(own, "whole"))


def test_a_budget_of_hours_starts_nothing_after_it(own: Path) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text() + "\n[budget]\nhours = 1\n")
    state = Sweep(read_study(path), RunStore(own / "runs"), device="cpu")
    times = iter([0, *[3599] * 4, *[3601] * 1000])
    state.run(InProcessEngine(threads=1), clock=lambda: next(times))
    assert 1 <= len(state.known) < TRAININGS and not state.complete()


def test_one_row_can_be_recomputed_by_the_training_command(own: Path, ledger) -> None:
    sweep(own)
    row = ledger(own).query("tier == 'ts' and seed == 1").iloc[0]
    arguments = ["train", str(own / "own.toml"), "--model", "dcnv2", "--tier", "ts", "--k", "2", "--seed", "1"]
    sets = [f"--set={name}={value}" for name, value in json.loads(row["overrides"]).items()]
    result = CliRunner().invoke(app, [*arguments, *sets, "--device", "cpu", "--runs", str(own / "other"), "--json"])
    assert json.loads(result.stdout)["run_id"] == row["run_id"] and json.loads(result.stdout)["auc"] == row["auc"]


@pytest.mark.parametrize("name", ["run.json", "model.safetensors"])
def test_a_corrupt_row_or_checkpoint_is_named_and_redone(own: Path, ledger, name: str) -> None:
    sweep(own)
    table = ledger(own)
    victim = table[(table["tier"] == "base") & (table["stage"] == "final")]["run_id"].iloc[0]
    path = own / "runs" / victim / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = sweep(own)
    assert any(victim in str(each.message) and "checksum" in str(each.message) for each in caught)
    assert outcome["complete"] and outcome["reused"] == TRAININGS - 1
    pd.testing.assert_frame_equal(ledger(own), table)


def test_a_parent_that_is_damaged_while_the_sweep_runs_is_redone(own: Path, ledger) -> None:
    class Vandal(InProcessEngine):
        done = False

        def wait(self, timeout: float) -> list:
            outcome = super().wait(timeout)
            finished = list((own / "runs").glob("*/model.safetensors"))
            if len(finished) == 2 and not self.done:
                self.done = True
                for path in finished:
                    path.write_bytes(b"")
            return outcome

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sweep(own, Vandal())["complete"]
    sweep(own, runs="whole")
    pd.testing.assert_frame_equal(ledger(own), ledger(own, "whole"))


def test_two_cores_that_hold_the_same_data_have_a_row_each(own: Path, ledger) -> None:
    """Every user and item of the table has more than three ratings; the two cores share their trainings."""
    path = own / "study.toml"
    path.write_text(path.read_text().replace("k = [2]", "k = [3]"))
    alone = sweep(own)
    path.write_text(path.read_text().replace("k = [3]", "k = [3, 2]"))
    assert sweep(own)["complete"] and alone["complete"]
    table = ledger(own)
    three, two = (table[table["k"] == k].drop(columns="k").reset_index(drop=True) for k in (3, 2))
    assert len(three) == TRAININGS
    pd.testing.assert_frame_equal(three, two)


def test_what_the_data_left_out_is_said_once(own: Path) -> None:
    (own / "r.csv").write_text((own / "r.csv").read_text() + "\nu1,i7,3\nu1,i7,4")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sweep(own)
    said = [str(each.message) for each in caught if "duplicate" in str(each.message)]
    assert len(said) == 1 and said[0].startswith("own: ")


def test_a_failed_training_is_reported_and_the_rest_goes_on(own: Path, ledger, capsys) -> None:
    outcome = sweep(own, Failing("ft"))
    assert [each["training"].partition("(")[2] for each in outcome["failed"]] == [
        "search: training.learning_rate=0.001)", "search: training.learning_rate=0.01)"
    ]  # fmt: skip
    assert outcome["failed"][0]["reason"] == "as asked" and not outcome["complete"]
    assert set(ledger(own)["tier"]) == {"base", "ts"}
    assert "failed: as asked" in capsys.readouterr().err


def test_seeds_trained_as_one_give_the_ledger_of_seeds_trained_alone(own: Path, ledger) -> None:
    """Candidates that differ in their rate are trained as one too, those of other widths are not."""
    path = own / "study.toml"
    path.write_text(path.read_text().replace("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    outcome = sweep(own, runs="stacked", stacked=2)
    assert outcome["complete"] and sweep(own)["complete"]
    together, alone = ledger(own, "stacked"), ledger(own)
    assert together.groupby("tier")["stacked"].max().eq(2).all() and alone["stacked"].eq(1).all()
    assert (together["run_id"] == alone["run_id"]).all()
    assert (together["auc"] - alone["auc"]).abs().max() < 2e-3
    assert sweep(own, runs="stacked")["reused"] == outcome["done"]  # found again, however it is asked for


def test_trainings_of_a_stack_that_fails_are_tried_alone(own: Path, ledger) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 1, restarts = 1"))  # not to be stacked
    assert sweep(own, stacked=2)["complete"]
    assert ledger(own)["stacked"].eq(1).all()


def test_an_engine_of_this_process_gives_torch_its_threads_back(monkeypatch) -> None:
    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr("ctrnb.training.train_many", lambda *_, **__: seen.append(torch.get_num_threads()) or [])
    engine = InProcessEngine(threads=before + 1)
    engine.submit(1, Job(None, {}, {}, "cpu", engine.threads))
    assert engine.wait(0) == [(1, [])] and seen == [before + 1] and torch.get_num_threads() == before


def test_the_bar_grows_with_a_study_that_does() -> None:
    shown: list[dict] = []
    bar = Live(0, SimpleNamespace(update=lambda task, **state: shown.append(state)), "task")
    bar.expects(7)
    bar.waited(running=2)
    assert shown[-1]["total"] == 7 and shown[-1]["left"] == 5


def test_a_budget_of_trainings_cuts_a_stack(own: Path) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text() + "\n[budget]\ntrainings = 3\n")
    assert sweep(own, stacked=2)["done"] == 3


def test_the_command_ends_in_1_where_a_training_failed_and_2_where_nothing_could_start(own: Path, monkeypatch) -> None:
    monkeypatch.setattr(engines, "start", lambda *a, **k: Failing("ts"))
    arguments = ["sweep", str(own / "study.toml"), "--runs", str(own / "runs"), "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and len(json.loads(result.stdout)["failed"]) == 2
    assert json.loads(result.stdout)["done"] == TRAININGS - 2
    (own / "r.csv").unlink()
    assert CliRunner().invoke(app, arguments).exit_code == 2
    with pytest.raises(DataError):
        sweep(own)


def test_a_dry_run_counts_and_trains_nothing(own: Path) -> None:
    options = {"data_dir": None, "device": "cpu", "workers": 2}
    before = command.dry_run(own / "study.toml", own / "runs", **options)
    assert (before["trainings"], before["done"], before["left"], before["startable"]) == (TRAININGS, 0, TRAININGS, 4)
    assert before["probes"] == 2 and before["estimated_seconds"] > 0 and not list((own / "runs").iterdir())
    path = own / "study.toml"
    text = path.read_text()
    path.write_text(text + "\n[budget]\ntrainings = 4\n")
    sweep(own)
    after = command.dry_run(path, own / "runs", **options)
    assert (after["trainings"], after["done"], after["left"]) == (TRAININGS, 4, TRAININGS - 4)
    path.write_text(text)
    sweep(own)
    whole = command.dry_run(path, own / "runs", **options)
    assert (whole["done"], whole["left"], whole["estimated_seconds"], whole["probes"]) == (TRAININGS, 0, 0.0, 0)


def test_a_finished_study_has_nothing_left_even_where_its_size_was_a_bound(own: Path, ledger) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text() + "\n[grid.any.control]\ntraining.learning_rate = [1e-3, 1e-2]\n")
    assert sweep(own)["complete"]
    found = command.dry_run(path, own / "runs", data_dir=None, device="cpu", workers=1)
    assert found["left"] == 0 and found["done"] == found["trainings"] == len(ledger(own))


def test_the_ledger_is_written_as_parquet_too(own: Path) -> None:
    sweep(own, out=own / "l.parquet")
    assert len(pd.read_parquet(own / "l.parquet")) == TRAININGS
    assert set(pd.read_parquet(own / "l-changes.parquet")["reference"]) == {"", "base", "control", "ts"}
    result = CliRunner().invoke(app, ["sweep", str(own / "study.toml"), "--out", "l.xls", "--runs", str(own / "runs")])
    assert result.exit_code == 2 and ".csv or .parquet" in result.stderr


def test_seeds_of_the_split_are_paired_too(own: Path, ledger) -> None:
    path = own / "study.toml"
    path.write_text(path.read_text().replace("seeds = [0, 1]", 'seeds = [0, 1]\nvary = "split"'))
    sweep(own)
    final = ledger(own).query("stage == 'final'")
    assert set(zip(final["split_seed"], final["seed"], strict=True)) == {(0, 0), (1, 0)}
    assert final["fingerprint"].nunique() == 2


class Fatal:
    """An object that ends the process that unpickles it, as it does itself or as the system does where memory ends."""

    def __init__(self, by_signal: bool = False) -> None:
        self.by_signal = by_signal

    def __reduce__(self):
        return (signal.raise_signal, (signal.SIGKILL,)) if self.by_signal else (os._exit, (7,))


@pytest.mark.slow
def test_a_worker_that_dies_takes_only_its_own_training(own: Path) -> None:
    engine = LocalEngine(workers=2, threads=1)
    try:
        state = Sweep(read_study(own / "study.toml"), RunStore(None), device="cpu")
        step = state.open_steps()[0]
        good = state.job([step], 1)
        engine.submit(1, Job(Fatal(), {}, {}, "cpu", 1))
        engine.submit(2, good)
        engine.submit(3, Job(Fatal(by_signal=True), {}, {}, "cpu", 1))
        outcomes = {}
        while len(outcomes) < 3:
            outcomes |= dict(engine.wait(timeout=1))
        assert isinstance(outcomes[1], Failure) and outcomes[1].reason.endswith("last with exit code 7")
        assert isinstance(outcomes[3], Failure) and "exit code -9 (out of memory, perhaps" in outcomes[3].reason
        assert "run.json" in outcomes[2][0]
    finally:
        engine.close()


def test_two_datasets_of_one_name_are_refused_before_anything_is_trained(own: Path) -> None:
    (own / "b").mkdir()
    (own / "b" / "own.toml").write_text((own / "own.toml").read_text())
    (own / "b" / "r.csv").write_text((own / "r.csv").read_text())
    path = own / "study.toml"
    path.write_text(path.read_text().replace('["own.toml"]', '["own.toml", "b/own.toml"]'))
    with pytest.raises(ConfigError, match=r"own.toml and .*b/own.toml are both named 'own'"):
        sweep(own)
    assert not list((own / "runs").glob("*/run.json"))


def test_tables_of_nothing_are_empty(own: Path) -> None:
    state = Sweep(read_study(own / "study.toml"), RunStore(None), device="cpu")
    assert all(table.empty for table in tables(state))


def test_a_part_measures_its_models_alone_and_the_whole_study_goes_on_from_it(own: Path, ledger) -> None:
    path = own / "study.toml"
    path.write_text(
        path.read_text()
        .replace('models = ["dcnv2"]', 'models = ["dcnv2", "finalmlp"]\ntiers = ["base"]')
        .replace("[[8], [16]]", "[[8]]")
        .replace("[grid.any.base]", "[grid.dcnv2.base]")
    )
    arguments = ["sweep", str(path), "--runs", str(own / "runs"), "--device", "cpu", "--json"]
    for models, trainings in ((["finalmlp"], 2), (["finalmlp", "dcnv2"], 4)):
        chosen = [word for model in models for word in ("--model", model)]
        assert json.loads(CliRunner().invoke(app, [*arguments, *chosen, "--dry-run"]).stdout)["trainings"] == trainings
        outcome = json.loads(CliRunner().invoke(app, [*arguments, *chosen]).stdout)
        assert (outcome["done"], outcome["reused"], outcome["complete"]) == (trainings, trainings - 2, True)
        assert set(ledger(own)["model"]) == set(models)
