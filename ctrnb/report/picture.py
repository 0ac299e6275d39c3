"""Draw the README's picture from the measured ledger: ``python -m ctrnb.report.picture``."""

from ctrnb import plots
from ctrnb.report.experiments import book_root, measured, measured_changes, summarise
from ctrnb.report.tuning import marked


def main() -> None:
    """Write ``book/images/answer.png`` from ``book/results/ml-1m-k6.csv``."""
    ledger = measured("ml-1m-k6")
    if ledger is None:
        raise SystemExit("book/results/ml-1m-k6.csv is missing: measure it by ctrnb sweep book/studies/ml-1m-k6.toml.")
    path = book_root() / "book" / "images" / "answer.png"
    path.parent.mkdir(exist_ok=True)
    plots.style()
    summary = marked(summarise(ledger, measured_changes("ml-1m-k6")), "ml-1m-k6")
    plots.change_by_model(summary, "MovieLens-1M, 6-core").savefig(path, dpi=130)
    print(path)


if __name__ == "__main__":
    main()
