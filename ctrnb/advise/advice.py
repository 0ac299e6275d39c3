"""Whether message passing paid on a dataset: for whom, by how much, and how sure that is.

FT is compared with *both* models that one could have without message passing: Base, which one would keep, and the control,
which had FT's further training. With s the smallest effect that matters (in AUC), message passing

* *pays* if FT is better than both: each 95 % interval above zero and each estimate at least s;
* *does not pay* if it is worse than either: its interval below zero and its estimate at most -s;
* *makes no difference that matters* if its whole interval against either lies between -s and s: more data would not make
  it pay;
* is *undecided* otherwise; wherever fewer than FEWEST_USERS users have test interactions, for there is no interval then; and
  with one seed, whose interval knows nothing of how trainings differ.

Asking for both keeps the chance of a false *pays* near 2.5 % without any correction, with two seeds at 5 % or so. The same is
asked within each group of users, with intervals widened for the number of groups.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

import pandas as pd

from ctrnb.advise.place import measured_places, nearest, paper_places
from ctrnb.advise.profile import profile
from ctrnb.advise.trial import Trial
from ctrnb.analysis.groups import EVERYONE, Grouping, by_activity, draws_by_group, effects
from ctrnb.evaluation.groups import group_thresholds
from ctrnb.evaluation.resample import FEWEST_USERS
from ctrnb.models import DISPLAY
from ctrnb.study.changes import LEVEL, has_width

NO_INTERVAL = f"there is no interval: fewer than {FEWEST_USERS} users have test interactions, or they do not differ"
ONE_SEED = "one seed does not tell the effect from how trainings differ; with more minutes there are more"
PAYS, COSTS, EQUAL, UNDECIDED = "pays", "does not pay", "no difference that matters", "undecided"
REFERENCES = {"base": "Base", "control": "the control"}
SMALLEST = 0.001  # AUC: a tenth of a point, about the smallest gain of FT on MovieLens-1M in the paper's Table 3


@dataclass(frozen=True)
class Effect:
    """A change of AUC with its interval: NaN where there are too few test users for one.

    ``detectable`` is the smallest true change that this trial would have found significant with 80 % probability.
    """

    change: float
    low: float
    high: float
    detectable: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is an interval, and draws of users differ: else nothing is decided."""
        return has_width(self.low, self.high)

    def side(self, smallest: float) -> int:
        """Return 1 for a gain that matters, -1 for a loss that matters, and 0 where that is open."""
        if not self.known:
            return 0
        if self.low > 0 and self.change >= smallest:
            return 1
        return -1 if self.high < 0 and self.change <= -smallest else 0

    def negligible(self, smallest: float) -> bool:
        """Return whether every value in the interval is smaller than what matters."""
        return self.known and -smallest < self.low and self.high < smallest


@dataclass(frozen=True)
class Decision:
    """A verdict, the reason for it in words, and the effects against Base and the control behind it."""

    verdict: str
    reason: str
    effects: dict[str, Effect]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values, None for NaN."""
        effects = {
            name: {key: None if value is None or isnan(value) else value for key, value in asdict(effect).items()}
            for name, effect in self.effects.items()
        }
        return {"verdict": self.verdict, "reason": self.reason, "effects": effects}


@dataclass(frozen=True)
class Advice:
    """All that ``ctrnb advise`` says.

    Attributes:
        ft, ts: decisions on fine-tuning with message passing and on training with it from scratch (None: not tried).
        groups: of FT by activity, with the training interactions that bound the group.
        table: :func:`ctrnb.analysis.groups.effects` of everyone and of every group.
    """

    trial: Trial
    smallest: float
    profile: dict[str, Any]
    places: pd.DataFrame
    ft: Decision
    ts: Decision | None
    groups: dict[str, Decision]
    bounds: dict[str, str]
    table: pd.DataFrame

    @property
    def without_interval(self) -> list[str]:
        """The groups that have an AUC and no interval."""
        return [name for name, each in self.groups.items() if not all(effect.known for effect in each.effects.values())]

    @property
    def undefined(self) -> list[str]:
        """The groups that have no AUC: their test part lacks a class."""
        return [name for name in self.bounds if name not in self.groups]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        trial, request = self.trial, self.trial.request
        return {
            "dataset": trial.encoded.name,
            "k": request.k,
            "fingerprint": trial.encoded.fingerprint,
            "profile": self.profile,
            "nearest_measured": nearest(self.places, self.profile["density_percent"]),
            "nearest_in_paper": nearest(paper_places(), self.profile["density_percent"]),
            "model": request.model,
            "budget_minutes": request.minutes,
            "minutes": trial.seconds / 60,
            "trainings": trial.trainings,
            "trained_now": trial.trained,
            "seeds": trial.seeds,
            "most_epochs": trial.epochs,
            "searched": trial.searched,
            "chosen": trial.chosen,
            "smallest_effect": self.smallest,
            "verdict": self.ft.verdict,
            "reason": self.ft.reason,
            "ft": self.ft.as_dict(),
            "ts": self.ts.as_dict() if self.ts else None,
            "groups": {name: each.as_dict() | {"training_interactions": self.bounds[name]} for name, each in self.groups.items()},
            "undefined_groups": self.undefined,
        }  # fmt: skip


def advise(trial: Trial, *, smallest: float = SMALLEST, repeats: int = 200) -> Advice:
    """Return the advice that a trial leads to.

    Args:
        smallest: the smallest effect that matters, in AUC.
        repeats: draws of users behind the intervals.
    """
    grouping = by_activity(trial.encoded)
    draws = draws_by_group(trial.runs, trial.encoded, grouping, repeats=repeats)
    tried = {tier for tier, _ in trial.runs}
    comparisons = [(tier, reference) for tier in ("ft", "ts") if tier in tried for reference in REFERENCES]
    whole = effects(draws, Grouping(grouping.name, (), grouping.code), comparisons)
    groups = effects(draws, grouping, comparisons, level=LEVEL / len(grouping.labels))
    groups = groups[groups["group"] != EVERYONE]
    table = pd.concat([whole, groups], ignore_index=True)
    decisions = {
        (tier, group): decide(effects_of(rows), smallest, seeds=trial.seeds)
        for (tier, group), rows in table[table["metric"] == "auc"].groupby(["tier", "group"], sort=False)
    }
    found = profile(trial.encoded)
    return Advice(
        trial,
        smallest,
        found,
        measured_places(trial.request.model),
        decisions["ft", EVERYONE],
        decisions.get(("ts", EVERYONE)),
        {name: decisions["ft", name] for name in grouping.labels if ("ft", name) in decisions},
        bounds(trial),
        table,
    )


def effects_of(rows: pd.DataFrame) -> dict[str, Effect]:
    """Return the effect against each reference."""
    return {
        str(row.reference): Effect(*map(float, (row.change, row.change_low, row.change_high, row.detectable)))
        for row in rows.itertuples()
    }


def bounds(trial: Trial) -> dict[str, str]:
    """Return which training interactions bound each activity group, in words."""
    low, mid = group_thresholds(trial.encoded.train_degree_user)
    return {"low": f"up to {low:g}", "mid": f"above {low:g}, up to {mid:g}", "high": f"above {mid:g}"}


def decide(found: Mapping[str, Effect], smallest: float, *, seeds: int) -> Decision:
    """Return the verdict on the effects against each reference, means over ``seeds`` seeds, as the module says."""
    if seeds < 2:
        return Decision(UNDECIDED, ONE_SEED, dict(found))
    sides = {name: effect.side(smallest) for name, effect in found.items()}
    if -1 in sides.values():
        losers = " and ".join(REFERENCES[name] for name, side in sides.items() if side == -1)
        return Decision(COSTS, f"worse than {losers}", dict(found))
    if all(side == 1 for side in sides.values()):
        return Decision(PAYS, f"better than {' and '.join(REFERENCES[name] for name in sides)}", dict(found))
    small = [REFERENCES[name] for name, effect in found.items() if effect.negligible(smallest)]
    if small:
        reason = f"against {' and '.join(small)} any effect is smaller than {100 * smallest:g} points"
        return Decision(EQUAL, reason, dict(found))
    reasons = [why_open(found[name], name, smallest) for name, side in sides.items() if side == 0]
    return Decision(UNDECIDED, "; ".join(reasons), dict(found))


def why_open(effect: Effect, reference: str, smallest: float) -> str:
    """Return why an effect decides nothing."""
    against = f"against {REFERENCES[reference]}"
    if not effect.known:
        return f"{against} {NO_INTERVAL}"
    if effect.low <= 0 <= effect.high:
        return f"{against} the interval includes zero"
    return f"{against} the effect is below {100 * smallest:g} points"


def model_name(advice: Advice) -> str:
    """Return the model's name for display."""
    return DISPLAY[advice.trial.request.model]
