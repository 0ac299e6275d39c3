"""Training: the tiers Base, control, FT and TS as one loop with other encoders and starting weights."""

from ctrnb.training.config import TIERS
from ctrnb.training.store import RunResult, RunStore
from ctrnb.training.tiers import train, train_many

__all__ = ["TIERS", "RunResult", "RunStore", "train", "train_many"]
