"""What a training is: every choice that moves a number, as frozen settings with an identity."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ctrnb.errors import ConfigError, nearest
from ctrnb.models import model_config
from ctrnb.settings import build, check_seed, read_toml

TIER_NAMES = {"base": "Base", "control": "Control", "ft": "FT", "ts": "TS"}
TIERS = tuple(TIER_NAMES)
PROTOCOL = 2  # raised whenever the training code changes a result for the same settings
SECTIONS = ("model", "encoder", "training")
LARGEST = 1e38  # of a coefficient, as float32 holds 3.4e38 and a penalty's gradient has twice the coefficient


@dataclass(frozen=True)
class EncoderConfig:
    """Settings of the embeddings; the defaults are the shipped ones. ``layers``, ``readout`` and ``edges`` matter to LightGCN alone."""

    dim: int = 16  # d, the width of every field's embedding
    init_std: float = 0.01  # standard deviation of the tables' normal initialisation
    layers: int = 2  # L of Equation 8
    readout: tuple[float, ...] | None = None  # a_0 .. a_L of Equation 8; None: uniform, 1/(L+1)
    edges: Literal["observed", "positive"] = "observed"  # which training interactions become edges

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"EncoderConfig.dim={self.dim}: an embedding needs at least 1 entry.")
        if not 0 < self.init_std < math.inf:
            raise ConfigError(f"EncoderConfig.init_std={self.init_std}: it must be above 0.")
        if self.layers < 0:
            raise ConfigError(f"EncoderConfig.layers={self.layers}: it must be 0 or more.")
        if self.readout is not None and len(self.readout) != self.layers + 1:
            raise ConfigError(
                f"EncoderConfig.readout has {len(self.readout)} coefficients: "
                f"layers={self.layers} needs {self.layers + 1}, a_0 first."
            )
        if not all(abs(coefficient) <= LARGEST for coefficient in self.readout or ()):
            raise ConfigError(
                f"EncoderConfig.readout={list(self.readout or ())}: each coefficient must be a number from -{LARGEST:g} "
                f"to {LARGEST:g}."
            )


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of the loop, the defaults those shipped for Base: AdamW on binary cross-entropy with L2 penalties (of Equation 3's form), early stopping."""

    learning_rate: float = 3e-3
    batch_size: int = 0  # interactions a step; 0 for automatic_batch_size
    epochs: int = 30  # at most
    patience: int = 2  # epochs without a better validation AUC before stopping
    min_improvement: float = 1e-5  # in AUC; less counts as no improvement
    lr_decay: float = 0.1  # factor on the learning rate after an epoch without improvement; 1 leaves it
    l2_embedding: float = 1e-3  # lambda of Equation 3, whose form is applied here to the embedding tables
    l2_network: float = 0.0  # lambda of Equation 3 on the rating function's weights
    weight_decay: float = 0.0  # AdamW's own decoupled decay
    grad_clip: float = 10.0  # largest gradient norm; 0 leaves gradients alone
    beta1: float = 0.9
    beta2: float = 0.999
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # of the rating function in training; see pick_precision
    embedding_update: Literal["dense", "rows"] = "dense"  # of the ID table: every row a step, or the batch's alone
    restarts: int = 0  # how often a training that is no longer finite starts again, slower; 0 stops it with an error
    restart_decay: float = 0.1  # factor on the learning rate at each restart

    def __post_init__(self) -> None:
        if self.batch_size < 0:
            raise ConfigError(
                f"TrainingConfig.batch_size={self.batch_size}: it must be at least 1, or 0 for automatic."
            )
        for name in ("epochs", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"TrainingConfig.{name}={getattr(self, name)}: it must be at least 1.")
        if self.restarts < 0:
            raise ConfigError(f"TrainingConfig.restarts={self.restarts}: it must be 0 or more.")
        if not 0 < self.restart_decay < 1:
            raise ConfigError(f"TrainingConfig.restart_decay={self.restart_decay}: it must be above 0 and below 1.")
        for name in ("weight_decay", "grad_clip", "min_improvement"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"TrainingConfig.{name}={getattr(self, name)}: it must be 0 or more.")
        for name in ("l2_embedding", "l2_network"):
            if not 0 <= getattr(self, name) <= LARGEST:
                raise ConfigError(
                    f"TrainingConfig.{name}={getattr(self, name)}: it must be 0 or more, and at most {LARGEST:g}."
                )
        if self.embedding_update == "rows" and self.weight_decay:
            raise ConfigError(
                "TrainingConfig.weight_decay reaches every row in every step, embedding_update='rows' does not: "
                "leave it 0."
            )
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"TrainingConfig.learning_rate={self.learning_rate}: it must be above 0.")
        if not 0 < self.lr_decay <= 1:
            raise ConfigError(f"TrainingConfig.lr_decay={self.lr_decay}: it must be above 0 and at most 1.")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"TrainingConfig.{name}={getattr(self, name)}: it must be at least 0 and below 1.")

    def sized(self, batch_size: int) -> "TrainingConfig":
        """Return these settings with ``batch_size`` where theirs is automatic."""
        return self if self.batch_size else replace(self, batch_size=batch_size)


@dataclass(frozen=True)
class Specification:
    """One training, whole: two with one ``run_id`` give the same numbers, up to rounding.

    They do to the last digit on one CPU with one version of torch and one number of threads, trained alone. The precision of
    one that is made by :func:`ctrnb.training.train` is that used, never ``auto``.
    """

    dataset: str
    fingerprint: str  # of the curated split
    model: str
    tier: str
    seed: int  # of initialisation, data order and dropout
    model_config: Any
    encoder: EncoderConfig
    training: TrainingConfig
    parent: str | None = None  # run_id of the training this one starts from or takes its budget from

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @property
    def run_id(self) -> str:
        """Return 16 hexadecimal digits that identify the settings and the data.

        Restarts count only where they are allowed: otherwise they change no number, and runs from before they existed
        keep their identity.
        """
        settings = asdict(self)
        if not self.training.restarts:
            del settings["training"]["restarts"], settings["training"]["restart_decay"]
        text = json.dumps({"protocol": PROTOCOL, **settings}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def shipped_defaults() -> dict[str, Any]:
    """Return the settings that ship with the package; the file says where each comes from.

    What it says of every model and tier alike, and of a model's own settings, the classes have as defaults too.
    """
    return read_toml(Path(__file__).with_name("defaults.toml"))


def settings(model: str, tier: str, overrides: Mapping[str, Any]) -> tuple[Any, EncoderConfig, TrainingConfig]:
    """Return model, encoder and training settings.

    Later ones win: common, the model's, the tier's, the model's for that tier, ``overrides``.

    Args:
        overrides: ``{"training.learning_rate": 1e-3, "model.hidden": [200], "encoder.layers": 2}``.

    Raises:
        ConfigError: an unknown model, tier, section or setting, or an ill-typed value.
    """
    config_class = model_config(model)
    check_tier(tier)
    merged: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    defaults = shipped_defaults()
    per_model = defaults.get("models", {}).get(model, {})
    for layer in (defaults, per_model, defaults.get("tiers", {}).get(tier, {}), per_model.get(tier, {})):
        for section in SECTIONS:
            merged[section].update(layer.get(section, {}))
    for key, value in overrides.items():
        section, _, name = key.partition(".")
        if section not in SECTIONS or not name:
            raise ConfigError(
                f"no setting {key!r}.{nearest(section, SECTIONS) if name else ''} Settings are written SECTION.NAME with a section "
                f"of {', '.join(SECTIONS)}, for example training.learning_rate."
            )
        merged[section][name] = value
    training = build(TrainingConfig, merged["training"], where="training")
    if training.embedding_update == "rows" and tier in ("ft", "ts"):
        raise ConfigError(
            f"training.embedding_update='rows' in tier {tier}: LightGCN's gradient reaches every row; use 'dense'."
        )
    return (
        build(config_class, merged["model"], where=f"model {model}"),
        build(EncoderConfig, merged["encoder"], where="encoder"),
        training,
    )


def check_tier(tier: str) -> None:
    """Raise ConfigError unless ``tier`` is one of TIERS."""
    if tier not in TIERS:
        raise ConfigError(f"no tier {tier!r}.{nearest(tier, TIERS)} Tiers: {', '.join(TIERS)}.")


def automatic_batch_size(interactions: int) -> int:
    """Return the power of two, 256 to 4096, that gives about 200 steps an epoch.

    Learning rates and penalties found on one dataset then mean much the same on another: an epoch takes about as
    many steps.
    """
    return 2 ** min(max(round(math.log2(max(interactions, 1) / 200)), 8), 12)
