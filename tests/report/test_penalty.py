import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctrnb.cli import app
from ctrnb.errors import ConfigError, RunError
from ctrnb.report import join, penalty
from ctrnb.study.inprocess import InProcessEngine
from ctrnb.study.jobs import Failure
from ctrnb.study.penalties import sweep_penalties
from ctrnb.training import RunStore

PENALTIES = [1e-2, 1e-5]


@pytest.fixture(scope="module")
def toml(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("own")
    lines = [f"u{n % 40},i{n * 7 % 31},{1 + (n * n + n // 7) % 5}" for n in range(1200)]
    (folder / "r.csv").write_text("user,item,stars\n" + "\n".join(lines))
    (folder / "own.toml").write_text('[ratings]\npath = "r.csv"\nuser = "user"\nitem = "item"\nrating = "stars"\n')
    return str(folder / "own.toml")


@pytest.fixture(scope="module")
def measured(toml: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return sweep(toml, PENALTIES)


def sweep(toml: str, penalties: list[float], engine=None, **options) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    engine, store = engine or InProcessEngine(threads=1), RunStore(None)
    options = {"k": 2, "seeds": [0, 1], "epochs": 1, "device": "cpu"} | options
    return sweep_penalties(toml, "dcnv2", penalties, engine=engine, store=store, **options)


def test_every_tier_is_trained_at_every_penalty(measured) -> None:
    rows, changes, _ = measured
    assert rows.groupby(["penalty", "tier"]).size().eq(2).all() and len(rows) == 2 * 4 * 2
    used = rows["overrides"].map(lambda text: json.loads(text)["training.l2_embedding"])
    assert (used == rows["penalty"]).all()  # FT and the control included
    strong, weak = (rows.query("tier == 'base' and penalty == @p").sort_values("seed") for p in (1e-2, 1e-5))
    assert (strong["auc"].to_numpy() != weak["auc"].to_numpy()).all() and set(changes["penalty"]) == set(PENALTIES)


def test_moves_are_differences_of_the_same_runs(measured) -> None:
    rows, changes, moves = measured
    assert moves[["penalty", "least", "of"]].to_numpy().tolist() == [[1e-2, 1e-5, "base"], [1e-2, 1e-5, "gain"]]
    base = rows[rows["tier"] == "base"].groupby("penalty")["auc"].mean()
    gain = penalty.gains(changes).set_index("penalty")["change"]
    expected = [base[1e-2] - base[1e-5], gain[1e-2] - gain[1e-5]]
    assert moves["change"].to_numpy() == pytest.approx(np.array(expected), abs=1e-12)
    assert (moves["low"] < moves["change"]).all() and (moves["change"] < moves["high"]).all()


@pytest.mark.parametrize("penalties", [[], [1e-3, 1e-3], [-1.0]])
def test_penalties_that_cannot_be_are_refused(toml: str, penalties: list[float]) -> None:
    with pytest.raises(ConfigError):
        sweep(toml, penalties)


def test_a_failed_training_is_named(toml: str) -> None:
    class Failing(InProcessEngine):
        def wait(self, timeout: float) -> list:
            return [(self.jobs.popleft()[0], Failure("as asked"))] if self.jobs else []

    with pytest.raises(RunError, match="penalty 1e-05: .*: as asked"):
        sweep(toml, [1e-5], engine=Failing(threads=1))


def table(gain: dict[float, float], valid: dict[float, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows and changes in which FT's gain over the control and Base's validation AUC are given by penalty."""
    rows, changes = [], []
    head = {"dataset": "d", "k": 3, "drop_middle": False, "model": "dcnv2", "model_name": "DCNv2"}
    for value in gain:
        for tier in ("base", "control", "ft", "ts"):
            rows.append(head | {"penalty": value, "tier": tier, "seed": 0, "valid_auc": valid[value], "device": "CPU", "precision": "fp32", "torch": "2+cpu"})  # fmt: skip
            changes.append(
                head | {"penalty": value, "tier": tier, "reference": "", "metric": "auc", "mean": 0.8 + value}
            )
        change = {"change": gain[value], "low": gain[value] - 0.001, "high": gain[value] + 0.001}
        changes.append(
            head | {"penalty": value, "tier": "ft", "reference": "control", "metric": "auc", "mean": 0.8} | change
        )
    return pd.DataFrame(rows), pd.DataFrame(changes)


def test_the_statement_compares_the_smallest_penalty_with_bases_best(tmp_path) -> None:
    rows, changes = table({1e-5: 0.004, 1e-3: 0.0, 1e-2: -0.001}, {1e-5: 0.70, 1e-3: 0.72, 1e-2: 0.71})
    assert penalty.statement(rows, changes) == (
        "FT gains +0.40 points (+0.30 to +0.50) over the control at a penalty of 1e-05 and +0.00 points (-0.10 to +0.10) "
        "at 0.001, which validation prefers for Base"
    )
    assert penalty.best(rows).to_dict() == dict.fromkeys(("base", "control", "ft", "ts"), 1e-3)
    edge = table({1e-5: 0.004, 1e-3: 0.0}, {1e-5: 0.70, 1e-3: 0.72})
    assert penalty.statement(*edge).endswith("prefers for Base, the largest tried")
    first = table({1e-5: 0.004, 1e-3: 0.0}, {1e-5: 0.72, 1e-3: 0.70})
    assert penalty.statement(*first).endswith("at 1e-05, the smallest penalty and the best for Base")
    moves = pd.DataFrame(
        {"penalty": 1e-3, "of": ["base", "gain"], "change": [0.001, -0.004], "low": -0.005, "high": [0.002, -0.003]}
    )
    parts = [penalty.Kept("d", *each, moves) for each in ((rows, changes), first)]
    gained = "On d, with one penalty for all tiers, FT gains +0.40 (+0.30 to +0.50) points over the control at 1e-05"
    assert penalty.falls([penalty.Kept("d, 3-core", *each[1:]) for each in parts], tmp_path).replace("\u00a0", " ") == (
        f"Whether the penalty explains FT's gain is undecided on d (3-core) and on d (3-core). {gained} and +0.00 (-0.10 to +0.10) at "
        f"0.001, the best for Base, a change of -0.40 (-0.50 to -0.30). {gained}."
    )
    assert "a change of -0.40 (-0.50 to -0.30)." in penalty.told(rows, changes, moves, tmp_path).replace("\u00a0", " ")
    assert penalty.here(rows) == "d, 1 seed"
    assert penalty.base_raised(parts).replace("\u00a0", " ") == (
        "the best one instead of the smallest changes Base's test AUC by +0.10 (-0.50 to +0.20) points on d (0.001 for 1e-05) and "
        "nothing on d, where the smallest is the best"
    )
    assert penalty.base_raised([]) == "what the best one changes is not measured"
    assert penalty.falls([]) == "Not measured on real ratings yet."


def searched(folder, rows: pd.DataFrame, control: float, low: float) -> None:
    """Write a ledger of the cell of ``rows`` in which the control has this AUC, and FT 0.0037 more, the interval from ``low``."""
    cell = {"dataset": "d", "k": 3, "drop_middle": False, "model": "dcnv2", "metric": "auc", "seeds": 5}
    change = {"tier": "ft", "reference": "control", "change": 0.0037, "low": low, "high": 0.0052}
    means = {"mean": control + 0.0037, "reference_mean": control}
    pd.DataFrame([cell | change | means]).to_csv(folder / "s-changes.csv", index=False)
    rows.assign(auc=0.7).to_csv(folder / "s.csv", index=False)


def test_a_cell_that_was_also_searched_tier_by_tier_is_set_beside(tmp_path) -> None:
    rows, changes = table({1e-5: 0.004, 1e-3: 0.0}, {1e-5: 0.70, 1e-3: 0.72})
    assert penalty.told_apart(rows, changes, tmp_path) == ""
    searched(tmp_path, rows, 0.8, 0.0022)
    assert penalty.told_apart(rows, changes, tmp_path).replace("\u00a0", " ") == (
        "Where penalty and learning rate are searched for each tier by itself (5 seeds), FT gains +0.37 (+0.22 to +0.52); but the "
        "control of that search has an AUC of 0.80000, 0.10 points below the best control of this page (0.80100 at 0.001, 1 seed), "
        "over which FT of that search gains +0.27, of which no interval was kept."
    )
    searched(tmp_path, rows, 0.802, 0.0022)
    assert "; the control of that search has an AUC of 0.80200, 0.10 points above" in penalty.told_apart(
        rows, changes, tmp_path
    )
    assert penalty.told_apart(rows.assign(k=4), changes, tmp_path) == ""


@pytest.mark.parametrize(
    ("control", "low", "moved", "concluded"),
    [
        (0.8, 0.0022, -0.001, penalty.UNDECIDED),  # a gain is left, over a control worse than the best here
        (0.802, 0.0022, -0.001, penalty.NOT_ALL),
        (0.8, -0.0022, -0.001, penalty.ALL),
        (0.8, -0.0022, 0.001, penalty.UNDECIDED),  # the drop may be chance
    ],
)
def test_whether_the_penalty_explains_the_gain(
    tmp_path, control: float, low: float, moved: float, concluded: str
) -> None:
    rows, changes = table({1e-5: 0.004, 1e-3: 0.0}, {1e-5: 0.70, 1e-3: 0.72})
    moves = pd.DataFrame([{"penalty": 1e-3, "of": "gain", "change": -0.004, "low": -0.007, "high": moved}])
    part = penalty.Kept("d, 3-core", rows, changes, moves)
    assert penalty.conclusion(part, tmp_path) == penalty.UNDECIDED
    searched(tmp_path, rows, control, low)
    assert penalty.conclusion(part, tmp_path) == concluded
    said = penalty.falls([part], tmp_path).replace("\u00a0", " ")
    assert said.startswith(
        penalty.CONCLUSIONS[concluded] + " on d (3-core). On d, with one penalty for all tiers, FT gains"
    )
    assert said.endswith(f"points {'below' if control < 0.801 else 'above'} the best of this page.")


def test_tables_put_what_validation_prefers_in_brackets() -> None:
    rows, changes = table({1e-5: 0.004, 1e-3: 0.0}, {1e-5: 0.70, 1e-3: 0.72})
    shown = penalty.readable(rows, changes)
    assert shown["AUC, Base"].tolist() == ["0.8000", "[0.8010]"]
    assert shown.index.tolist() == ["1e-05", "0.001"] and shown["FT to control, points"].iloc[0].startswith("+0.40")
    assert penalty.tuned(rows, changes)["penalty"].tolist() == ["0.001"] * 4


def test_a_dataset_measured_again_replaces_its_rows_alone(tmp_path, measured) -> None:
    rows, *_ = measured
    other = rows.assign(dataset="other")
    path = tmp_path / "penalty.csv"
    pd.concat([rows.assign(auc=0.0), other]).to_csv(path, index=False)
    join.put({path: rows}, join.replaced)
    kept = pd.read_csv(path)
    assert len(kept) == 2 * len(rows) and (kept["auc"] > 0).all()
    with pytest.raises(RunError, match="penalty.csv and the rows .* has the columns auc"):
        join.put({path: rows.drop(columns="auc")}, join.replaced)


def test_the_command_measures_and_the_chapter_reads_it(toml: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(penalty, "results_folder", lambda folder=None: tmp_path)
    monkeypatch.setattr(penalty, "LocalEngine", lambda workers: InProcessEngine(threads=1))
    arguments = [
        "results",
        "penalty",
        toml,
        "--penalty",
        "1e-4",
        "--k",
        "2",
        "--seeds",
        "1",
        "--device",
        "cpu",
        "--runs",
        str(tmp_path / "runs"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    ((title, rows, changes, moves),) = penalty.kept()
    assert moves.empty  # one penalty moves nothing
    assert (
        title == "own, 2-core, DCNv2"
        and len(rows) == 4
        and penalty.said(title, rows, changes, moves).startswith("**own, 2-core")
    )
    assert np.isfinite(penalty.gains(changes)["change"]).all()
