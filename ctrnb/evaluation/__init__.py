"""Evaluation: AUC and logloss, user groups, Var(L,M,H), MCI, and what chance alone would give."""

from ctrnb.evaluation.groups import activity_groups, evaluate, group_thresholds, variance_lmh
from ctrnb.evaluation.mci import mci
from ctrnb.evaluation.metrics import auc, logloss

__all__ = ["activity_groups", "auc", "evaluate", "group_thresholds", "logloss", "mci", "variance_lmh"]
