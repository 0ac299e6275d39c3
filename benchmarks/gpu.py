"""Every benchmark in one run, for a GPU machine without the book's packages; under nine minutes on an H200-class card.

    python -m benchmarks.gpu --out-folder results

FuxiCTR is left out where it is not installed. A benchmark that fails is named, the others go on, and the exit status is 1.
With ``--device cpu --dataset synthetic --k 3 --quick`` it is a test of itself.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

MODELS = ("dcnv2", "autoint", "eulernet", "afn", "finalmlp", "gdcnp")


def commands(given: argparse.Namespace) -> list[list[str]]:
    """Return each benchmark's command line, the most telling first."""
    where = ["--device", given.device, "--dataset", given.dataset, "--k", str(given.k)]
    rounds = ["--rounds", "1", "--threads", "1"] if given.quick else ["--rounds", "3"]
    models = MODELS[:1] if given.quick else MODELS
    rows = ["--rows", "4096" if given.quick else str(100 * 4096)]
    seeds = ["--seeds", "2" if given.quick else "5"]
    made = {
        "stacked_seeds": ["--models", *models, *seeds, *rows],
        "against_dataloader": ["--models", *models[:2], *seeds, *rows],
        "tiers_over_base": ["--models", "dcnv2", "--layers", "3"],
        "ceilings": [],
    }
    return [
        [
            sys.executable,
            "-m",
            f"benchmarks.{name}",
            *where,
            *rounds,
            *more,
            "--out",
            str(given.out_folder / f"gpu-{name}.csv"),
        ]
        for name, more in made.items()
    ]


def main() -> int:
    """Run them all; return the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cuda")
    options.add_argument("--dataset", default="ml-1m")
    options.add_argument("--k", type=int, default=6)
    options.add_argument("--quick", action="store_true", help="smallest sizes, one model: to see that all runs")
    options.add_argument("--out-folder", type=Path, default=Path("book/results/benchmarks"))
    options.add_argument("--minutes", type=float, default=8.5, help="no benchmark is started after this")
    given = options.parse_args()
    start, failed = time.monotonic(), []
    for command in commands(given):
        name = command[2]
        if time.monotonic() - start > 60 * given.minutes:
            print(f"{name}: not started, the time is up")
            failed.append(name)
            continue
        print(f"== {name}, at {time.monotonic() - start:.0f} s", flush=True)
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"done in {time.monotonic() - start:.0f} s; failed: {', '.join(failed) or 'none'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
