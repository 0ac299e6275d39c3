"""Measure the tiers on a dataset and write a ledger for the book.

    python -m ctrnb.report.measure ml-1m --k 6 --out book/results/ml-1m-k6.csv

One row a training, with its difference to Base and to the control over resampled test users, the device and the
versions. Finished trainings are taken from the runs folder, so an interrupted measurement goes on where it stopped.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from ctrnb.errors import CtrnbError
from ctrnb.models import MODELS
from ctrnb.report.experiments import compare_tiers, prepare
from ctrnb.training import TIERS


def main() -> int:
    """Measure and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--tiers", nargs="+", default=list(TIERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--drop-middle", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=200, help="bootstrap draws of test users")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        encoded = prepare(given.dataset, k=given.k, drop_middle=given.drop_middle)
        rows = compare_tiers(
            encoded, given.models, given.tiers, seeds=given.seeds, runs=given.runs, device=given.device,
            repeats=given.repeats,
        )  # fmt: skip
    except CtrnbError as error:
        print(f"ctrnb: {error}", file=sys.stderr)
        return 2
    rows.insert(1, "k", given.k)
    rows["date"] = datetime.now(UTC).date().isoformat()
    rows["command"] = "python -m ctrnb.report.measure " + " ".join(sys.argv[1:])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(given.out, index=False)
    print(f"{len(rows)} trainings in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
