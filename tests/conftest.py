"""Fixtures that several tests share."""

import os
from pathlib import Path

import pytest
import torch

from ctrnb.data import Curation, Encoded, SyntheticConfig, curate, encode, generate

torch.set_num_threads(1)  # the tests' batches are too small to share between cores


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ratings that CTRNB_DATA names; tests that need it are skipped where there is none."""
    named = os.environ.get("CTRNB_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("real ratings are not here: set CTRNB_DATA to a folder with ml-1m, ml-100k and yelp-small")
    return Path(named)


@pytest.fixture(scope="session")
def small() -> Encoded:
    """A small synthetic dataset with every kind of field."""
    config = SyntheticConfig(users=120, items=80, density=0.15, seed=3)
    return encode(curate(generate(config), Curation(k=3)))
