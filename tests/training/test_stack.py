from dataclasses import replace

import numpy as np
import pytest
import torch

from ctrnb.errors import ConfigError
from ctrnb.models import MODELS
from ctrnb.training import RunStore, train, train_many
from ctrnb.training.config import Specification, settings
from ctrnb.training.loop import Trainer
from ctrnb.training.network import build_network
from ctrnb.training.stack import Stack

FAST = {"training.epochs": 2, "training.batch_size": 256, "training.precision": "fp32"}


def networks_of(small, model: str, tier: str, seeds: list[int]):
    own = settings(model, tier, FAST)
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        found.append(build_network(small, Specification("s", "f", model, tier, seed, *own)).double())
    return found, own[2], [torch.Generator().manual_seed(seed) for seed in seeds]


on_gpu = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"))


@pytest.mark.parametrize("device", ["cpu", on_gpu])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tier", ["base", "ts"])
def test_a_stacked_epoch_equals_each_run_alone(small, model: str, tier: str, device: str) -> None:
    """In float64, where rounding stays far below what a wrong step would do. Dropout is in: masks come from a key.

    On a GPU, where a step is a replayed graph, as on a CPU: the runs alone are trained on the CPU.
    """
    seeds = [3, 4, 5]
    networks, config, generators = networks_of(small, model, tier, seeds)
    networks = [network.to(device) for network in networks]
    stack = Stack(networks, small, [config] * 3, precision="fp32", generators=generators)
    together = stack.epoch()
    found = stack.unflattened(stack.flat)
    alone, config, generators = networks_of(small, model, tier, seeds)
    for place, (network, generator) in enumerate(zip(alone, generators, strict=True)):
        losses = Trainer(network, small, config, precision="fp32", generator=generator).epoch()
        assert torch.allclose(together[place].cpu(), losses, atol=1e-6)
        for name, weight in network.named_parameters():
            if weight.numel():
                assert torch.allclose(found[name][place].cpu(), weight, atol=1e-6), name


@pytest.mark.parametrize(("model", "left_out"), [("afn", 1), ("dcnv2", 0)])
def test_a_last_batch_of_one_is_left_out_where_there_is_batch_normalisation(small, model: str, left_out: int) -> None:
    total = len(small.rows("train"))
    networks, config, generators = networks_of(small, model, "base", [3])
    config = replace(config, batch_size=next(size for size in range(50, total) if total % size == 1))
    together = Stack(networks, small, [config], precision="fp32", generators=generators).epoch()
    networks, _, generators = networks_of(small, model, "base", [3])
    losses = Trainer(networks[0], small, config, precision="fp32", generator=generators[0]).epoch()
    assert len(losses) == total // config.batch_size + 1 - left_out
    assert torch.allclose(together[0], losses, atol=1e-6)


def test_batches_of_one_are_refused_where_there_is_batch_normalisation(small) -> None:
    with pytest.raises(ConfigError, match="batch_size=1 with .* needs batches of 2 or more"):
        train(small, "afn", "base", seed=0, overrides=FAST | {"training.batch_size": 1})


@pytest.mark.parametrize("tier", ["base", "ft", "control"])
def test_runs_trained_together_equal_runs_trained_alone(small, tier: str) -> None:
    options = {"overrides": FAST, "base_overrides": FAST}
    together = train_many(small, "dcnv2", tier, seeds=[1, 2], stacked="yes", **options)
    for seed, result in zip([1, 2], together, strict=True):
        alone = train(small, "dcnv2", tier, seed=seed, **options)
        assert result.row["run_id"] == alone.row["run_id"]
        assert result.row["epochs"] == alone.row["epochs"] and result.row["stacked"] == 2
        assert np.allclose(result.probabilities, alone.probabilities, atol=2e-3)


def test_runs_of_other_rates_and_penalties_trained_together_equal_runs_trained_alone(small) -> None:
    own = [
        FAST | {"training.learning_rate": rate, "training.l2_embedding": l2} for rate, l2 in ((1e-3, 0.0), (3e-3, 0.1))
    ]
    together = train_many(small, "dcnv2", "ft", seeds=[1, 1], overrides=own, base_overrides=FAST, stacked="yes")
    for overrides, result in zip(own, together, strict=True):
        alone = train(small, "dcnv2", "ft", seed=1, overrides=overrides, base_overrides=FAST)
        assert result.row["run_id"] == alone.row["run_id"]
        assert np.allclose(result.probabilities, alone.probabilities, atol=2e-3)
    assert not np.allclose(together[0].probabilities, together[1].probabilities, atol=1e-2)


def test_runs_of_other_shapes_are_not_trained_together(small) -> None:
    own = [FAST | {"model.hidden": [width]} for width in (8, 16)]
    with pytest.raises(ConfigError, match="differ in more than their seeds"):
        train_many(small, "dcnv2", "base", seeds=[0, 0], overrides=own, stacked="yes")
    assert len(train_many(small, "dcnv2", "base", seeds=[0, 0], overrides=own)) == 2
    with pytest.raises(ConfigError, match="2 overrides for 1 seeds"):
        train_many(small, "dcnv2", "base", seeds=[0], overrides=own)


def test_a_run_that_stalls_leaves_the_others_going(small) -> None:
    """Each run stops early by itself, and the stack that goes on without it is not disturbed."""
    own = {
        "training.batch_size": 256,
        "training.precision": "fp32",
        "training.learning_rate": 0.02,
        "training.l2_embedding": 1e-5,
        "training.epochs": 12,
    }
    together = train_many(small, "dcnv2", "base", seeds=[0, 1, 2, 3], stacked="yes", overrides=own)
    alone = [train(small, "dcnv2", "base", seed=seed, overrides=own) for seed in range(4)]
    assert [each.row["epochs"] for each in together] == [each.row["epochs"] for each in alone]
    assert len({each.row["epochs"] for each in together}) > 1  # the case that is tested does occur
    assert np.allclose([e.row["auc"] for e in together], [e.row["auc"] for e in alone], atol=5e-3)


def test_only_unfinished_runs_are_trained(small) -> None:
    store = RunStore(None)
    first = train(small, "dcnv2", "base", seed=1, runs=store, overrides=FAST)
    results = train_many(small, "dcnv2", "base", seeds=[0, 1], runs=store, stacked="yes", overrides=FAST)
    assert results[1] is first and results[0].row["seed"] == 0


def test_a_long_gradient_of_one_run_does_not_shorten_anothers(small) -> None:
    networks, config, generators = networks_of(small, "dcnv2", "base", [0, 1])
    stack = Stack(networks, small, [config] * 2, precision="fp32", generators=generators)
    stack.penalties.zero_()
    gradient = torch.ones_like(stack.flat)
    gradient[0] *= 1e-6
    stack.descend(gradient)
    small_one, long_one = stack.first
    assert torch.allclose(small_one, 0.1 * 1e-6 * torch.ones((), dtype=torch.float64), rtol=1e-2, atol=1e-8)
    assert long_one.max() < 0.1
