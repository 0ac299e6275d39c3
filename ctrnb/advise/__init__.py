"""Advice on a dataset of one's own: train Base, control and FT within a budget and say whether message passing paid."""

from contextlib import nullcontext
from pathlib import Path

from ctrnb.advise.advice import SMALLEST, Advice, advise
from ctrnb.advise.trial import Request, Trial, try_tiers
from ctrnb.errors import ConfigError
from ctrnb.study.progress import observer
from ctrnb.study.sweep import Engine
from ctrnb.training import RunStore

__all__ = ["SMALLEST", "Advice", "Request", "Trial", "advise", "advise_on", "try_tiers"]


def advise_on(
    request: Request,
    *,
    engine: Engine,
    runs: Path | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    smallest: float = SMALLEST,
    repeats: int = 200,
    shown: bool = False,
) -> Advice:
    """Try the tiers within the request's budget and return the advice.

    Args:
        engine: where trainings are done; the caller closes it.
        runs: folder of finished trainings, which are not repeated; None keeps them in memory.
        smallest: the smallest effect that matters, in AUC.
        shown: whether progress is shown on standard error.

    Raises:
        ConfigError: the request cannot be met; see :func:`ctrnb.advise.trial.try_tiers`, which says what else is raised.
    """
    if not 0 <= smallest < 1:
        raise ConfigError(
            f"smallest={smallest}: it is a change of AUC, from 0 to below 1; 0.001 is a tenth of a point."
        )
    with observer(0) if shown else nullcontext() as watching:
        trial = try_tiers(request, engine, RunStore(runs), data_dir=data_dir, device=device, observer=watching)
    return advise(trial, smallest=smallest, repeats=repeats)
