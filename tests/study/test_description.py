from pathlib import Path

import pytest
import torch

from ctrnb.errors import ConfigError
from ctrnb.study.description import Budget, Cell, Study, read_study
from ctrnb.study.sweep import Sweep
from ctrnb.training import RunStore

CELL = '[[cells]]\ndatasets = ["synthetic"]\nk = [3]\n'


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "s.toml").write_text(text)
    return tmp_path / "s.toml"


def test_a_study_is_read_with_defaults_and_paths_relative_to_it(own: Path) -> None:
    study = read_study(own / "study.toml")
    assert study.name == "study" and study.cells[0].tiers == ("base", "control", "ft", "ts")
    assert study.cells[0].datasets == (str(own / "own.toml"),) and study.budget == Budget()
    assert study.common() == (("training.epochs", 1), ("training.precision", "fp32"))


def test_a_dataset_toml_in_capitals_is_relative_to_the_study_too(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, CELL.replace("synthetic", "Own.TOML:thin=0.5")))
    assert study.cells[0].datasets == (str(tmp_path / "Own.TOML:thin=0.5"),)


def test_a_models_own_grid_wins_over_any(tmp_path: Path) -> None:
    text = (
        CELL + "[grid.any.ts]\nencoder.layers = [1, 2]\ntraining.patience = [3]\n[grid.afn.ts]\nencoder.layers = [0]\n"
    )
    study = read_study(written(tmp_path, text))
    assert [dict(point) for point in study.points("dcnv2", "ts")] == [
        {"encoder.layers": 1, "training.patience": 3},
        {"encoder.layers": 2, "training.patience": 3},
    ]
    assert [dict(point) for point in study.points("afn", "ts")] == [{"encoder.layers": 0, "training.patience": 3}]
    assert study.points("afn", "base") == ((),)


def test_a_study_may_be_cut_down_to_some_of_its_models(tmp_path: Path) -> None:
    path = written(tmp_path, CELL + 'models = ["afn", "dcnv2"]\n' + CELL + 'models = ["gdcnp"]\n')
    part = read_study(path, ["dcnv2"])
    assert [cell.models for cell in part.cells] == [("dcnv2",)] and part.name == read_study(path).name
    assert [cell.models for cell in read_study(path, ["gdcnp", "afn"]).cells] == [("afn",), ("gdcnp",)]
    with pytest.raises(ConfigError, match=r"s.toml has no model 'autoint'.* Its models: afn, dcnv2, gdcnp"):
        read_study(path, ["dcnv2", "autoint"])


@pytest.mark.parametrize(
    ("device", "speedup", "picked"), [("cpu", 2.0, "bf16"), ("cpu", 1.0, "fp32"), ("cuda", 2.0, "fp32")]
)
def test_a_study_that_leaves_the_precision_open_gets_one_for_all(
    monkeypatch, device: str, speedup: float, picked: str
) -> None:
    monkeypatch.setattr("ctrnb.training.device.bf16_speedup", lambda: speedup)
    cells = (Cell(("synthetic",), (3,)),)
    for fixed in ({}, {"training": {"epochs": 2}}, {"training": {"precision": "auto"}}):
        study = Study("s", cells, fixed=fixed)
        found = dict(Sweep(study, RunStore(Path("runs")), device=device).study.common())
        assert found.pop("training.precision") == picked and found == {
            name: value for name, value in study.common() if name != "training.precision"
        }
    stated = Study("s", cells, fixed={"training": {"precision": "bf16"}})
    assert stated.with_precision(torch.device("cpu")) is stated


@pytest.mark.parametrize(
    ("vary", "repetitions"), [("training", ((7, 1), (7, 2))), ("split", ((1, 0), (2, 0))), ("both", ((1, 1), (2, 2)))]
)
def test_what_the_seeds_are_of(vary: str, repetitions: tuple) -> None:
    split_seed = 7 if vary == "training" else 0
    assert Cell(("synthetic",), (3,), seeds=(1, 2), split_seed=split_seed, vary=vary).repetitions() == repetitions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks cells"),
        ("cells = []", "needs at least one"),
        (CELL.replace("datasets", "dataset"), "no setting 'dataset'.*Did you mean 'datasets'"),
        ("celsl = 1\n" + CELL, "no setting 'celsl'.*Did you mean 'cells'"),
        (CELL + 'models = ["dcnv"]', "no model 'dcnv'.*Did you mean 'dcnv2'"),
        (CELL + 'tiers = ["fts"]', "no tier 'fts'"),
        (CELL + "seeds = []", "Cell.seeds is empty"),
        (CELL + "seeds = [1, 1]", "entry twice"),
        (CELL + "seeds = [-1]", "0 or more"),
        (CELL + 'vary = "split"\nsplit_seed = 7', "split_seed=7 has no effect where vary='split'"),
        (CELL + 'vary = "both"\nsplit_seed = 1', "split_seed=1 has no effect where vary='both'"),
        (CELL + 'vary = "splits"', "one of 'training', 'split', 'both'"),
        (CELL + "[budget]\nhours = 0", "above 0"),
        (CELL + "[budget]\nhour = 1", "no setting 'hour'.*Did you mean 'hours'"),
        (CELL + "[fixed]\ntraining.epoch = 1", "no setting 'epoch'"),
        (CELL + "[fixed]\ntrainig.epochs = 1", "no section 'trainig'.*Did you mean 'training'"),
        (CELL + "[fixed]\nepochs = 1", "no section 'epochs'"),
        (CELL + "[fixed]\nencoder.layers = 1" + "0" * 21, "EncoderConfig.layers=10* in encoder: a whole number"),
        (
            CELL + "[fixed]\nencoder.layers = 0x" + "f" * 5000,
            "layers=a number of thousands of digits in encoder: a whole number",
        ),
        (CELL.replace("3", "3000000000"), r"Cell.k=\[3000000000\]: a whole number must be below 2\*\*31"),
        (CELL + "[grid.dcn.base]\ntraining.epochs = [1]", "grid.dcn: no such model.*dcnv2"),
        (CELL + "[grid.any.fts]\ntraining.epochs = [1]", "grid.any.fts: no such tier.*Did you mean"),
        (
            CELL + '[grid.any.ts]\ntraining.precision = ["bf16", "auto"]',
            "'auto' is one of 'fp32' and 'bf16': write which",
        ),
        (CELL + "[grid.any.ft]\ntraining.epochs = 1", "must be a list"),
        (CELL + "[grid.any.ft]\ntraining.epochs = []", "must be a list of one or more"),
        (CELL + "[grid.any.ft]\ntraining.epochs = [0]", "epochs=0"),
        (CELL + "[grid.any.ft]\ntraining.epochs = [2, 3, 2]", "epochs=.2, 3, 2. has a candidate twice"),
        (CELL + "[grid.any.base]\nmodel.hidden = [[8], [8]]", "has a candidate twice"),
        (CELL + 'models = ["dcnv2"]\n[grid.afn.base]\ntraining.learning_rat = [1]', "no setting 'learning_rat'"),
        (CELL + 'models = ["dcnv2"]\n[grid.afn.base]\nmodel.hidden = [[-1]]', "hidden=.-1."),
        (CELL + "seeds = [0]\n" + CELL + "seeds = [0, 1]", "dcnv2 on synthetic k=3 is in two cells"),
        (CELL + 'tiers = ["base"]\n' + CELL + 'tiers = ["ft"]', "compared twice"),
        (CELL + "[grid.dcnv2.ft]\nmodel.dropout = [0.1]", "inherited from Base"),
        (CELL + "[grid.any.control]\nencoder.layers = [1]", "no effect on the control"),
        (CELL + "[grid.any.ts]\nmodel.neurons = [1]", "no setting 'neurons'"),
        ("cells = 3", "expected a list"),
        ("cells = [3]", "expected a list of a table"),
        ("repeats = 1\n" + CELL, "at least 2 draws"),
        ('name = "a/b"\n' + CELL, "Study.name='a/b'"),
        ("k = ", "not valid TOML"),
    ],
)
def test_a_wrong_study_is_refused_with_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_study(written(tmp_path, text))


def test_every_shipped_study_is_valid() -> None:
    paths = sorted((Path(__file__).parents[2] / "book" / "studies").glob("*.toml"))
    assert paths and all(isinstance(read_study(path), Study) and read_study(path).name == path.stem for path in paths)
