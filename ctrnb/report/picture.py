"""The README's picture, drawn from a measured ledger."""

from pathlib import Path

from ctrnb import plots
from ctrnb.errors import RunError
from ctrnb.report.experiments import summarise
from ctrnb.report.tuning import marked
from ctrnb.study.results import book_root, measured, measured_changes

LEDGER = "ml-1m-k6"


def draw() -> Path:
    """Write ``book/images/answer.png`` from the ledger and return its path.

    Raises:
        RunError: there is no such ledger.
    """
    rows, changes = measured(LEDGER), measured_changes(LEDGER)
    if rows is None or changes is None:
        raise RunError(
            f"{LEDGER} is not measured: run ctrnb sweep book/studies/{LEDGER}.toml --out book/results/{LEDGER}.csv."
        )
    path = book_root() / "book" / "images" / "answer.png"
    path.parent.mkdir(exist_ok=True)
    plots.style()
    plots.change_by_model(marked(summarise(rows, changes), LEDGER), "MovieLens-1M, 6-core").savefig(path, dpi=130)
    return path
