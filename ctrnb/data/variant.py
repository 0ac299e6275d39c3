"""Variants of a dataset, for experiments on density: ``DATASET:name=value,name=value``.

``ml-1m:thin=0.1`` and ``shop.toml:interactions=50000`` set how the curated ratings are sampled
(:class:`ctrnb.data.ratings.Sample`); ``synthetic:density=0.02,users=600,signal=0.5`` sets the generator
(:class:`ctrnb.data.synthetic.SyntheticConfig`) as well. The variant's text is the dataset's name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace

from ctrnb.data.ratings import Ratings, Sample
from ctrnb.data.synthetic import SyntheticConfig, generate
from ctrnb.errors import ConfigError, nearest
from ctrnb.settings import build

SAMPLING = tuple(field.name for field in fields(Sample))
GENERATOR = tuple(field.name for field in fields(SyntheticConfig))


def split_variant(dataset: str) -> tuple[str, dict[str, str]]:
    """Return ``("ml-1m", {"thin": "0.1"})`` for ``"ml-1m:thin=0.1"``, and no settings for a plain name or path.

    Raises:
        ConfigError: a setting is given twice or is not NAME=VALUE.
    """
    base, _, rest = parts(dataset)
    settings: dict[str, str] = {}
    for text in rest.split(",") if rest else ():
        name, equals, value = text.partition("=")
        if not equals or not value or name in settings:
            raise ConfigError(f"dataset {dataset!r}: {text!r} must be NAME=VALUE, each name once, such as thin=0.1.")
        settings[name] = value
    return base, settings


def parts(dataset: str) -> tuple[str, str, str]:
    """Return ``("shop.toml", ":", "thin=0.5")`` for ``"shop.toml:thin=0.5"``; a plain name has empty ones."""
    found = re.fullmatch(r"(.+?)(:)(\w+=.*)", dataset)
    return (found[1], found[2], found[3]) if found else (dataset, "", "")


def varied(name: str, settings: Mapping[str, str], source: Callable[[], Ratings]) -> Ratings:
    """Return a variant of a dataset, named by its settings.

    Raises:
        ConfigError: a setting that the dataset does not have, or a value out of range.
    """
    known = SAMPLING + (GENERATOR if name == "synthetic" else ())
    for setting in settings:
        if setting not in known:
            raise ConfigError(
                f"dataset {name!r} has no setting {setting!r}.{nearest(setting, known)} It has: {', '.join(known)}."
            )
    where = f"dataset {name}"
    sample = build(Sample, {key: value for key, value in settings.items() if key in SAMPLING}, where=where)
    drawn = {key: value for key, value in settings.items() if key not in SAMPLING}
    ratings = generate(build(SyntheticConfig, drawn, where=where)) if drawn else source()
    text = ",".join(f"{key}={value}" for key, value in settings.items())
    return replace(ratings, name=f"{ratings.name}:{text}", sample=sample)
