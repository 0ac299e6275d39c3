"""A loss that is not finite is named with its batch and ends the run, or starts it again at a lower rate."""

import json

import pytest
import torch

from ctrnb.errors import ConfigError, DivergenceError
from ctrnb.training import RunStore, train, train_many
from ctrnb.training.config import Specification, settings
from ctrnb.training.loop import Trainer, raise_unless_finite, raise_unless_scored

FAST = {"training.epochs": 2, "training.batch_size": 256, "training.precision": "fp32"}


@pytest.fixture
def diverging(monkeypatch) -> None:
    """A loss that is not a number in the third batch of the second epoch, at learning rates of 0.01 and more."""
    whole, epochs = Trainer.epoch, []

    def epoch(self: Trainer, progress=None) -> torch.Tensor:
        losses = whole(self, progress)
        epochs.append(self)
        if self.rate >= 0.01 and epochs.count(self) == 2:
            losses[2] = torch.nan
        return losses

    monkeypatch.setattr(Trainer, "epoch", epoch)


def test_a_loss_that_is_not_finite_names_epoch_and_batch() -> None:
    losses = torch.tensor([0.5, float("nan"), float("inf"), 0.1])
    with pytest.raises(DivergenceError, match="nan at epoch 3, batch 2 of 4 in run 1. Lower"):
        raise_unless_finite(losses, 3, where=" in run 1")
    with pytest.raises(
        DivergenceError, match="is inf at epoch 1, batch 1 of 2. No step had been taken: lower encoder.init_std"
    ):
        raise_unless_finite(losses[2:], 1)
    raise_unless_finite(losses[[0, 3]], 1)


def test_scores_that_no_loss_has_seen_are_looked_at_too() -> None:
    with pytest.raises(DivergenceError, match="2 of 3 validation scores .* last batch of epoch 5"):
        raise_unless_scored(torch.tensor([float("nan"), 0.5, float("inf")]), 5)
    raise_unless_scored(torch.tensor([0.0, 1.0]), 1)


def test_weights_that_overflow_stop_the_run(small) -> None:
    """Nothing is patched here: steps of 1e30 do overflow float32."""
    with pytest.raises(DivergenceError, match=r"epoch \d, batch \d of 5|last batch of epoch"):
        train(small, "dcnv2", "base", seed=0, overrides=FAST | {"training.learning_rate": 1e30})
    with pytest.raises(DivergenceError, match="in run 1 of the 2 trained together|last batch of epoch"):
        train_many(
            small, "dcnv2", "base", seeds=[0, 1], stacked="yes", overrides=FAST | {"training.learning_rate": 1e30}
        )


def test_a_run_stops_unless_restarts_are_allowed(small, diverging) -> None:
    with pytest.raises(DivergenceError, match="nan at epoch 2, batch 3 of 5"):
        train(small, "dcnv2", "base", seed=0, overrides=FAST | {"training.learning_rate": 0.05})


def test_a_restart_is_the_training_at_the_lower_rate_and_the_ledger_says_so(small, diverging) -> None:
    rates = FAST | {"training.learning_rate": 0.05, "training.restarts": 2, "training.restart_decay": 0.1}
    with pytest.warns(UserWarning, match=r"dcnv2 base, seed 0: .* epoch 2, batch 3 .* again with learning_rate=0.005"):
        restarted = train(small, "dcnv2", "base", seed=0, overrides=rates)
    plain = train(small, "dcnv2", "base", seed=0, overrides=FAST | {"training.learning_rate": 0.05 * 0.1})
    assert (restarted.probabilities == plain.probabilities).all()
    assert (restarted.row["restarts"], plain.row["restarts"]) == (1, 0)
    assert restarted.row["settings"]["training"]["restarts"] == 2 and len(restarted.history) == 2
    assert restarted.history[0]["learning_rate"] == 0.05 * 0.1
    json.dumps(restarted.row, allow_nan=False)


def test_restarts_are_counted_and_end(small, diverging) -> None:
    rates = FAST | {"training.learning_rate": 10.0, "training.restart_decay": 0.1}
    with pytest.warns(UserWarning), pytest.raises(DivergenceError):
        train(small, "dcnv2", "base", seed=0, overrides=rates | {"training.restarts": 2})  # 10, 1, 0.1
    with pytest.warns(UserWarning):
        result = train(small, "dcnv2", "base", seed=0, overrides=rates | {"training.restarts": 4})
    assert result.row["restarts"] == 4  # 10, 1, 0.1, 0.01, 0.001


def test_ft_restarts_from_its_base_weights(small, diverging) -> None:
    store = RunStore(None)
    own = FAST | {"training.learning_rate": 0.05, "training.restarts": 1, "training.restart_decay": 1e-12}
    with pytest.warns(UserWarning):
        ft = train(small, "dcnv2", "ft", seed=0, runs=store, overrides=own, base_overrides=FAST)
    base = train(small, "dcnv2", "base", seed=0, runs=store, overrides=FAST)
    assert ft.row["parent"] == base.row["run_id"]
    assert all(torch.allclose(ft.state[name], value, atol=1e-6) for name, value in base.state.items())


def test_restarts_are_part_of_an_identity_only_where_they_are_allowed() -> None:
    """The first identity is that of a run from before restarts existed."""

    def identity(**change) -> str:
        change = {"l2_embedding": 1e-5, "precision": "auto"} | change  # as shipped then
        own = settings("dcnv2", "ts", {f"training.{name}": value for name, value in change.items()})
        return Specification("s", "f", "dcnv2", "ts", 0, *own).run_id

    assert identity() == identity(restart_decay=0.5) == "79138a2011c7c0b0"
    assert len({identity(), identity(restarts=1), identity(restarts=2), identity(restarts=1, restart_decay=0.5)}) == 4


@pytest.mark.parametrize("bad", [{"restarts": -1}, {"restart_decay": 1.0}, {"restart_decay": 0.0}])
def test_impossible_restarts_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        settings("dcnv2", "base", {f"training.{name}": value for name, value in bad.items()})


def test_a_stack_takes_no_restarts(small) -> None:
    with pytest.raises(ConfigError, match="restarts"):
        train_many(small, "dcnv2", "base", seeds=[0], stacked="yes", overrides=FAST | {"training.restarts": 1})
