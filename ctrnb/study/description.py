"""What a study is: datasets, models, tiers, seeds, the hyper-parameter grid and the budget, read from a TOML.

    name = "ml-1m-k6"
    about = "Six models, four tiers, five seeds."

    [[cells]]                       # everything in a cell is combined with everything else in it
    datasets = ["ml-1m"]            # names, dataset TOMLs relative to this file, or variants such as "ml-1m:thin=0.1"
    k = [6]
    models = ["dcnv2", "afn"]       # default: all six
    tiers = ["base", "ft"]          # default: all four
    seeds = [0, 1, 2, 3, 4]
    drop_middle = [false]
    vary = "training"               # what the seeds are of: training, split, or both

    [fixed]                         # settings of every training
    training.epochs = 30

    [grid.any.ft]                   # grid.MODEL.TIER; "any" stands for every model, and MODEL's own lines win over it
    training.learning_rate = [3e-4, 1e-3]

    [budget]
    hours = 8

The grid is searched with the first seed by validation AUC, as in Section 4.1, tier after tier: FT starts from the best
Base and inherits its model and embedding size. The best configuration is then trained with all seeds. The control takes
the best settings of FT, unless it has a grid of its own; it is then trained for as many epochs as an FT with *its*
settings takes, which is trained for that purpose where the search has not done so already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any, Literal

import torch

from ctrnb.data.variant import split_variant
from ctrnb.errors import ConfigError, nearest
from ctrnb.models import MODELS
from ctrnb.settings import build, check_name, read_toml
from ctrnb.training.config import SECTIONS, TIERS, check_tier, settings
from ctrnb.training.device import pick_precision
from ctrnb.training.tiers import shared_with_base

ANY = "any"
PRECISION = "training.precision"
Repetition = tuple[int, int]  # seed of the split, seed of the training
Pairs = tuple[tuple[str, Any], ...]  # settings as sorted (name, value), hashable


@dataclass(frozen=True)
class Cell:
    """One block of a study: every combination of its entries is trained."""

    datasets: tuple[str, ...]
    k: tuple[int, ...]
    models: tuple[str, ...] = tuple(MODELS)
    tiers: tuple[str, ...] = TIERS
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    drop_middle: tuple[bool, ...] = (False,)
    split_seed: int = 0  # of the split, where the seeds vary the training alone
    vary: Literal["training", "split", "both"] = "training"

    def __post_init__(self) -> None:
        for name in ("datasets", "k", "models", "tiers", "seeds", "drop_middle"):
            values = getattr(self, name)
            if not values:
                raise ConfigError(f"Cell.{name} is empty: a cell needs at least one of them.")
            if len(set(values)) < len(values):
                raise ConfigError(f"Cell.{name}={list(values)} has an entry twice.")
        for model in self.models:
            if model not in MODELS:
                raise ConfigError(f"no model {model!r}.{nearest(model, MODELS)} Models: {', '.join(MODELS)}.")
        for tier in self.tiers:
            check_tier(tier)
        if min(self.k) < 1 or min((*self.seeds, self.split_seed)) < 0:
            raise ConfigError("a cell's k must be at least 1, and its seeds 0 or more.")
        if self.split_seed and self.vary != "training":
            raise ConfigError(
                f"Cell.split_seed={self.split_seed} has no effect where vary={self.vary!r}: the seeds are of the split. "
                "Leave it out."
            )

    def repetitions(self) -> tuple[Repetition, ...]:
        """Return the seeds of each repetition."""
        of = {"training": lambda s: (self.split_seed, s), "split": lambda s: (s, 0), "both": lambda s: (s, s)}
        return tuple(of[self.vary](seed) for seed in self.seeds)


@dataclass(frozen=True)
class Budget:
    """When a sweep starts no further training; what is running then is finished."""

    trainings: int | None = None
    hours: float | None = None

    def __post_init__(self) -> None:
        for name in ("trainings", "hours"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"Budget.{name}={value}: it must be above 0.")


@dataclass(frozen=True)
class Study:
    """A study, whole. ``fixed`` and ``grid`` are as in the TOML; :meth:`points` and :meth:`common` read them."""

    name: str
    cells: tuple[Cell, ...]
    about: str = ""
    fixed: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)
    budget: Budget = Budget()
    repeats: int = 200  # bootstrap draws of users

    def __post_init__(self) -> None:
        if not self.cells:
            raise ConfigError("Study.cells is empty: a study needs at least one [[cells]].")
        check_name(self.name, "Study.name")
        if self.repeats < 2:
            raise ConfigError(f"Study.repeats={self.repeats}: an interval needs at least 2 draws.")
        self.check_cells()
        self.check_grid()
        for model in {model for cell in self.cells for model in cell.models} | (set(self.grid) - {ANY}):
            for tier in TIERS:
                for point in self.points(model, tier):
                    settings(model, "ft" if tier == "control" else tier, dict(self.common()) | dict(point))
                    if dict(point).get(PRECISION) == "auto":
                        raise ConfigError(
                            f"grid.{model}.{tier}.{PRECISION}: 'auto' is one of 'fp32' and 'bf16': write which."
                        )

    def with_precision(self, device: torch.device) -> "Study":
        """Return the study with the precision that ``auto`` means on a device among its settings, if they leave it open.

        A timing decides (:func:`ctrnb.training.device.pick_precision`): asked once, so that no two trainings differ in it.
        """
        if dict(self.common()).get(PRECISION, "auto") != "auto":
            return self
        training = self.fixed.get("training", {}) | {"precision": pick_precision("auto", device)}
        return replace(self, fixed=self.fixed | {"training": training})

    def check_cells(self) -> None:
        """Raise ConfigError for a model on a dataset in two cells of other tiers or seeds: it would be compared twice."""
        found: dict[tuple, tuple] = {}
        for cell in self.cells:
            own = cell.tiers, cell.repetitions()
            for key in product(cell.datasets, cell.k, cell.drop_middle, cell.models):
                if found.setdefault(key, own) != own:
                    raise ConfigError(
                        f"Study.cells: {key[3]} on {key[0]} k={key[1]} is in two cells with other tiers or seeds, and "
                        "would be compared twice: write all its tiers and seeds into one cell."
                    )

    def check_grid(self) -> None:
        """Raise ConfigError for a grid that names no model or tier, or searches what its tier inherits."""
        for model, tiers in self.grid.items():
            if model not in (*MODELS, ANY):
                names = [*MODELS, ANY]
                raise ConfigError(f"grid.{model}: no such model.{nearest(model, names)} It takes: {', '.join(names)}.")
            if not isinstance(tiers, dict):
                raise ConfigError(f"grid.{model}={tiers!r}: write [grid.{model}.TIER] with a list for each setting.")
            for tier, lines in tiers.items():
                if tier not in TIERS:
                    raise ConfigError(
                        f"grid.{model}.{tier}: no such tier.{nearest(tier, TIERS)} Tiers: {', '.join(TIERS)}."
                    )
                check_lines(flatten(lines, f"grid.{model}.{tier}"), tier, f"grid.{model}.{tier}")

    def common(self) -> Pairs:
        """Return the settings of every training."""
        return pairs(flatten(self.fixed, "fixed"))

    def points(self, model: str, tier: str) -> tuple[Pairs, ...]:
        """Return the candidates of one model and tier in the order of the grid; an empty one for no search."""
        lines: dict[str, list] = {}
        for name in (ANY, model):
            lines |= flatten(self.grid.get(name, {}).get(tier, {}), "grid")
        return tuple(pairs(dict(zip(lines, values, strict=True))) for values in product(*lines.values()))


def read_study(path: Path, models: Sequence[str] = ()) -> Study:
    """Return a study from its TOML, or the part of it that is about ``models``.

    Raises:
        ConfigError: the file is missing or malformed, a name or value in it is unknown, or it has none of ``models``.
    """
    table = read_toml(path)
    try:
        study = build(Study, {"name": path.stem} | table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    cells = (replace(cell, datasets=tuple(relative(name, path) for name in cell.datasets)) for cell in study.cells)
    study = replace(study, cells=tuple(cells))
    return about_models(study, models, path) if models else study


def about_models(study: Study, models: Sequence[str], path: Path) -> Study:
    """Return a study with these of its models alone.

    Raises:
        ConfigError: it has none of one of them.
    """
    present = list(dict.fromkeys(model for cell in study.cells for model in cell.models))
    for model in models:
        if model not in present:
            raise ConfigError(
                f"{path} has no model {model!r}.{nearest(model, present)} Its models: {', '.join(present)}."
            )
    kept = ((cell, tuple(model for model in cell.models if model in models)) for cell in study.cells)
    return replace(study, cells=tuple(replace(cell, models=own) for cell, own in kept if own))


def relative(dataset: str, study: Path) -> str:
    """Return a dataset's name, or the path of its TOML as seen from the current folder, with a variant's settings."""
    return str(study.parent / dataset) if Path(split_variant(dataset)[0]).suffix.lower() == ".toml" else dataset


def flatten(table: Any, where: str) -> dict[str, Any]:
    """Return ``{"training": {"epochs": 3}}`` as ``{"training.epochs": 3}``.

    Raises:
        ConfigError: something other than SECTION.NAME = value.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where}={table!r}: write a table of SECTION.NAME = value lines.")
    flat: dict[str, Any] = {}
    for section, lines in table.items():
        if section not in SECTIONS or not isinstance(lines, dict):
            raise ConfigError(
                f"{where} has no section {section!r}.{nearest(section, SECTIONS)} Write SECTION.NAME = value with a "
                f"section of {', '.join(SECTIONS)}, for example training.learning_rate = [1e-3]."
            )
        flat |= {f"{section}.{name}": value for name, value in lines.items()}
    return flat


def check_lines(lines: dict[str, Any], tier: str, where: str) -> None:
    """Raise ConfigError unless a grid's lines are lists of candidates for settings that the tier has to itself."""
    for name, values in lines.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where}: {name}={values!r} must be a list of one or more candidates.")
        if any(one == other for one, other in combinations(values, 2)):
            raise ConfigError(f"{where}: {name}={values!r} has a candidate twice.")
        if tier in ("ft", "control") and shared_with_base(name):
            raise ConfigError(
                f"{where}: {name} is inherited from Base, whose weights {tier} starts from. Search it there."
            )
        if tier == "control" and not name.startswith("training."):
            raise ConfigError(f"{where}: {name} has no effect on the control; search settings of training there.")


def pairs(table: dict[str, Any]) -> Pairs:
    """Return settings sorted by name, lists as tuples."""
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in table.items()))
