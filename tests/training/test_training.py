import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from ctrnb.data.graph import training_graph
from ctrnb.encoders import LightGCNEncoder
from ctrnb.errors import ConfigError, DeviceError, RunError
from ctrnb.evaluation import auc
from ctrnb.models import MODELS, model_config
from ctrnb.settings import build
from ctrnb.training import TIERS, RunResult, RunStore, train
from ctrnb.training.config import (
    EncoderConfig,
    Specification,
    TrainingConfig,
    automatic_batch_size,
    settings,
    shipped_defaults,
)
from ctrnb.training.device import pick_device
from ctrnb.training.loop import Batches, Trainer, predict
from ctrnb.training.network import build_network
from ctrnb.training.tiers import train_many

MEASURED = ("seconds_per_epoch", "train_samples_per_second", "peak_memory_mb")
FAST = {"training.epochs": 2, "training.batch_size": 256, "training.precision": "fp32"}


def quick(small, model="dcnv2", tier="base", **options):
    options = {"seed": 0, "overrides": FAST, "base_overrides": FAST} | options
    return train(small, model, tier, **options)


@pytest.fixture(scope="module")
def once(small) -> Callable[[str, str], RunResult]:
    """Quick trainings that several tests look at."""
    return cache(lambda model, tier: quick(small, model, tier))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", TIERS)
def test_every_model_trains_in_every_tier(small, once, model: str, tier: str) -> None:
    result = once(model, tier)
    assert (result.row["model"], result.row["tier"], result.row["epochs"]) == (model, tier, 2)
    test = small.rows("test")
    assert result.row["auc"] == auc(small.label[test], result.probabilities)
    assert ((result.probabilities >= 0) & (result.probabilities <= 1)).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", TIERS)
def test_two_runs_of_one_specification_give_the_same_bytes(small, once, model: str, tier: str) -> None:
    """On the CPU: the ledger's metrics, the history, the scores and the weights."""
    one, two = once(model, tier), quick(small, model, tier)
    assert repeatable(one) == repeatable(two)
    assert (one.probabilities == two.probabilities).all()
    assert all(torch.equal(one.state[name], value) for name, value in two.state.items())


def test_another_seed_gives_other_scores(small, once) -> None:
    assert not (once("dcnv2", "base").probabilities == quick(small, seed=1).probabilities).all()


def repeatable(result: RunResult) -> bytes:
    """A run's row and history as bytes, less what only the clock and the machine know."""
    row = {key: value for key, value in result.row.items() if key not in MEASURED}
    history = [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in result.history]
    return json.dumps([row, history], sort_keys=True).encode()


def test_a_training_leaves_the_global_generator_alone(small) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    quick(small)
    assert torch.equal(before, torch.get_rng_state())


def test_training_learns_the_planted_signal(small) -> None:
    result = train(small, "dcnv2", "base", seed=0, overrides={"training.precision": "fp32"})
    assert result.row["auc"] > 0.6 and result.row["valid_auc"] == max(e["valid_auc"] for e in result.history)


def test_ft_starts_from_base_and_control_takes_its_budget(small) -> None:
    store = RunStore(None)
    limits = {"training.batch_size": 256, "training.precision": "fp32"}
    options = {"seed": 0, "runs": store, "base_overrides": limits | {"training.epochs": 3}}
    own = limits | {"training.epochs": 4, "training.learning_rate": 1e-12}
    ft = train(small, "dcnv2", "ft", overrides=own, **options)
    base = train(small, "dcnv2", "base", overrides=limits | {"training.epochs": 3}, seed=0, runs=store)
    assert ft.row["parent"] == base.row["run_id"]
    assert all(torch.allclose(ft.state[name], value, atol=1e-6) for name, value in base.state.items())
    assert not np.allclose(ft.probabilities, base.probabilities)  # the encoder differs
    control = train(small, "dcnv2", "control", overrides=own, **options)
    assert control.row["parent"] == ft.row["run_id"] and control.row["epochs"] == ft.row["epochs"]
    assert np.allclose(control.probabilities, base.probabilities, atol=1e-5)  # the same encoder, no step to speak of


def test_tiers_differ_in_the_id_encoder_alone(small) -> None:
    networks = {}
    for tier in ("base", "ts"):
        own = settings("dcnv2", tier, FAST)
        torch.manual_seed(0)
        networks[tier] = build_network(small, Specification("s", "f", "dcnv2", tier, 0, *own))
    one, two = (networks[tier].state_dict() for tier in ("base", "ts"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert isinstance(networks["ts"].ids, LightGCNEncoder) and not isinstance(networks["base"].ids, LightGCNEncoder)


def test_predictions_do_not_depend_on_the_evaluation_batch(small, monkeypatch) -> None:
    network = build_network(small, Specification("s", "f", "afn", "ts", 0, *settings("afn", "ts", FAST)))
    batches = Batches(small, "valid", torch.device("cpu"))
    whole = predict(network, batches)
    monkeypatch.setattr("ctrnb.training.loop.EVALUATION_BATCH", 7)
    assert np.allclose(whole, predict(network, batches), atol=1e-6)


def test_l2_on_embeddings_shrinks_them(small) -> None:
    plain, shrunk = (
        quick(small, overrides=FAST | {"training.l2_embedding": l2}).state["ids.table"].norm() for l2 in (0.0, 1e-2)
    )
    assert shrunk < 0.9 * plain


def test_a_finished_run_is_found_and_not_repeated(small, tmp_path) -> None:
    first = quick(small, runs=tmp_path)
    stamp = (tmp_path / first.row["run_id"] / "run.json").stat().st_mtime_ns
    again = quick(small, runs=tmp_path)
    assert again.row == first.row and (again.probabilities == first.probabilities).all()
    assert (tmp_path / first.row["run_id"] / "run.json").stat().st_mtime_ns == stamp
    assert all(torch.equal(again.state[name], value) for name, value in first.state.items())


@pytest.mark.parametrize("name", ["run.json", "model.safetensors", "test.safetensors", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_a_damaged_run_is_named_and_trained_again(small, tmp_path, name: str, damage: str) -> None:
    first = quick(small, runs=tmp_path)
    path = tmp_path / first.row["run_id"] / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[-1] ^= 1 if damage == "flip" else 0
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again = quick(small, runs=tmp_path)
    assert any(first.row["run_id"] in str(each.message) for each in caught)
    assert (again.probabilities == first.probabilities).all()
    assert RunStore(tmp_path).find(first.row["run_id"]) is not None
    assert [each.name for each in tmp_path.iterdir()] == [first.row["run_id"]]


def test_an_unwritable_runs_folder_is_refused_before_training(small, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        quick(small, runs=tmp_path / "file")


def test_rows_are_plain_json(small) -> None:
    json.dumps(quick(small).row, allow_nan=False)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"training.learning_rat": 1}, "no setting 'learning_rat'.*Did you mean 'learning_rate'"),
        ({"trainig.epochs": 1}, "no setting 'trainig.epochs'.*Did you mean 'training'"),
        ({"training.epochs": 0}, "epochs=0"),
        ({"training.epochs": "many"}, "expected a whole number"),
        ({"training.epochs": True}, "expected a whole number"),
        ({"training.learning_rate": float("nan")}, "learning_rate=nan"),
        ({"encoder.edges": "all"}, "one of 'observed', 'positive'"),
        ({"encoder.readout": [1.0], "encoder.layers": 2}, "needs 3"),
        ({"model.hidden": "wide"}, "expected a list of a whole number"),
        ({"training": 1}, "no setting 'training'. Settings are written SECTION.NAME"),
        ({"encoder.readout": [float("nan"), 0, 0, 0], "encoder.layers": 3}, "readout=.nan, .*from -1e.38 to 1e.38"),
        ({"encoder.readout": [1e300, 0, 0, 0], "encoder.layers": 3}, "each coefficient must be a number from"),
        ({"training.l2_embedding": 1e300}, "l2_embedding=1e.300: it must be 0 or more, and at most 1e.38"),
        ({"training.l2_network": 1e39}, "l2_network=1e.39: it must be"),
        ({"model.dropout": 0.999999}, "dropout=0.999999: .* at most 1 - 1/65536"),
    ],
)
def test_wrong_settings_are_refused(small, overrides: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(small, "dcnv2", "base", seed=0, overrides=overrides)


def test_unknown_tier_and_device_are_refused(small) -> None:
    with pytest.raises(ConfigError, match="no tier 'fft'. Did you mean 'ft'"):
        quick(small, tier="fft")
    with pytest.raises(DeviceError, match="no device 'gpu'"):
        pick_device("gpu")


def test_a_setting_changes_the_identity_of_a_run() -> None:
    def identity(**change) -> str:
        own = settings("dcnv2", "ts", change)
        return Specification("s", "f", "dcnv2", "ts", 0, *own).run_id

    assert len({identity(), identity(**{"encoder.layers": 1}), identity(**{"training.patience": 5})}) == 3


def test_the_classes_have_the_shipped_settings_as_defaults() -> None:
    """Settings of every model and tier, and each model's own; a model or tier may ship others of the rest."""
    shipped = shipped_defaults()
    assert build(EncoderConfig, shipped["encoder"]) == EncoderConfig()
    assert build(TrainingConfig, shipped["training"]) == TrainingConfig()
    for model, tables in shipped["models"].items():
        assert build(model_config(model), tables["model"]) == model_config(model)()
    assert set(shipped["models"]) == set(MODELS)


@pytest.mark.parametrize(("speedup", "precision"), [(1.4, "fp32"), (1.6, "bf16")])
def test_the_identity_says_which_precision_auto_was(small, monkeypatch, speedup: float, precision: str) -> None:
    monkeypatch.setattr("ctrnb.training.device.bf16_speedup", lambda: speedup)
    short = FAST | {"training.epochs": 1, "model.hidden": [8]}
    stated, found = (quick(small, overrides=short | {"training.precision": each}).row for each in (precision, "auto"))
    assert found["run_id"] == stated["run_id"] and found["auc"] == stated["auc"] and found["precision"] == precision
    assert settings("dcnv2", "base", {})[2].precision == "auto"


@pytest.mark.parametrize(("interactions", "size"), [(100, 256), (25_600, 256), (799_532, 4096), (10**9, 4096)])
def test_automatic_batches(interactions: int, size: int) -> None:
    assert automatic_batch_size(interactions) == size


def test_positive_edges_are_a_subset_of_observed_ones(small) -> None:
    observed, positive = (training_graph(small, edges) for edges in ("observed", "positive"))
    assert len(positive.user) == small.label[small.rows("train")].sum() < len(observed.user)


def engine(small, **training) -> Trainer:
    own = settings("dcnv2", "base", FAST | {"model.dropout": 0.0} | {f"training.{k}": v for k, v in training.items()})
    torch.manual_seed(0)
    network = build_network(small, Specification("s", "f", "dcnv2", "base", 0, *own))
    return Trainer(network, small, own[2], precision="fp32", generator=torch.Generator().manual_seed(0))


def test_updates_by_rows_move_the_batch_alone(small) -> None:
    """SparseAdam's first step: rows of the batch move by rate * g / (|g| + eps), eps = 1e-8 / sqrt(1 - beta2)."""
    trained = engine(small, embedding_update="rows", l2_embedding=1e-3, grad_clip=0.0)
    network, table, batch = trained.network.train(), trained.network.ids.table, trained.train
    user, item, label = batch.user[:64], batch.item[:64], batch.label[:64]
    logits = network(user, item, network.ids.nodes())  # nodes given: the gradient is dense
    (gradient,) = torch.autograd.grad(
        torch.nn.functional.binary_cross_entropy_with_logits(logits, label.to(logits.dtype)), table
    )
    used = (gradient != 0).any(dim=1)
    gradient = (gradient + 2e-3 * table.detach()) * used[:, None]
    expected = table.detach() - trained.rate * gradient / (gradient.abs() + 1e-8 / 0.001**0.5)
    trained.step(user, item, label)
    assert torch.allclose(table, expected, atol=1e-6)
    assert 0 < used.sum() <= 128 < len(table)


@pytest.mark.parametrize("update", ["dense", "rows"])
def test_a_long_gradient_is_cut_to_its_limit(small, update: str) -> None:
    trained = engine(small, embedding_update=update, grad_clip=1e-3)
    trained.network.train()
    trained.step(trained.train.user[:64], trained.train.item[:64], trained.train.label[:64])
    gradients = [weight.grad.to_dense() for weight in trained.weights if weight.grad is not None]
    assert sum(each.square().sum() for each in gradients).sqrt().item() == pytest.approx(1e-3, rel=1e-2)


def test_updates_by_rows_learn_as_well_as_dense_ones(small) -> None:
    options = {"training.precision": "fp32", "training.batch_size": 256}
    dense, rows = (
        train(small, "dcnv2", "base", seed=0, overrides=options | {"training.embedding_update": each}).row["auc"]
        for each in ("dense", "rows")
    )
    assert abs(dense - rows) < 0.03


def test_what_updates_by_rows_cannot_do_is_refused(small) -> None:
    with pytest.raises(ConfigError, match="every row"):
        settings("dcnv2", "ts", {"training.embedding_update": "rows"})
    with pytest.raises(ConfigError, match="weight_decay"):
        settings("dcnv2", "base", {"training.embedding_update": "rows", "training.weight_decay": 0.1})
    rows = replace(settings("dcnv2", "base", FAST)[2], embedding_update="rows")
    for tier in ("base", "ts"):
        network = build_network(small, Specification("s", "f", "dcnv2", tier, 0, *settings("dcnv2", tier, FAST)))
        with pytest.raises(ConfigError, match="embedding_update='rows' does not go with this network's"):
            Trainer(network, small, rows, precision="fp32", generator=torch.Generator())
        ids = network.ids(torch.tensor([1]), torch.tensor([1]))
        assert torch.equal(ids[0, 0], network.ids.nodes()[1])  # the network is as it was
    with pytest.raises(ConfigError, match="stacked"):
        train_many(
            small, "dcnv2", "base", seeds=[0], stacked="yes", overrides=FAST | {"training.embedding_update": "rows"}
        )
