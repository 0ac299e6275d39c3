"""The benchmarks' CSVs under ``book/results/benchmarks``, read by the performance chapter."""

from pathlib import Path

import numpy as np
import pandas as pd

from ctrnb.report.experiments import DISPLAY
from ctrnb.report.measured import results_folder

WANTED = ("fuxictr", "dataloader", "tiers", "growth", "stacked", "ceilings", "memory", "yelp-size")
PROVENANCE = ("device", "processor", "torch", "date")


def benchmark(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a benchmark's rows with readable model names; none where it has not been run."""
    path = results_folder(folder) / "benchmarks" / f"{name}.csv"
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    return rows.replace({"model": DISPLAY}) if "model" in rows else rows


def missing(folder: Path | None = None) -> str:
    """Return the benchmarks that have no CSV, in words."""
    return ", ".join(name for name in WANTED if benchmark(name, folder).empty) or "none"


def measured_on(rows: pd.DataFrame) -> str:
    """Return where and when rows were measured, in words."""
    if rows.empty:
        return "not measured"
    places = rows[list(PROVENANCE)].drop_duplicates()
    return "; ".join(f"{row.device}, {row.processor}, torch {row.torch}, {row.date}" for row in places.itertuples())


def ratios(folder: Path | None = None) -> pd.DataFrame:
    """Return our samples a second over another loop's on the same machine: columns model, against, ratio."""
    parts = [
        benchmark(name, folder).assign(against=label)
        for name, label in (("fuxictr", "FuxiCTR"), ("dataloader", "a DataLoader loop"))
    ]
    rows = pd.concat([part for part in parts if len(part) > 0] or [pd.DataFrame(columns=["model", "against", "ratio"])])
    return rows[["model", "against", "ratio"]].reset_index(drop=True)


def exponents(folder: Path | None = None) -> pd.DataFrame:
    """Return the growth exponents, a row each of what grows: columns grows, time_exponent, memory_exponent, factors."""
    rows = benchmark("growth", folder)
    if rows.empty:
        return pd.DataFrame(columns=["grows", "time_exponent", "memory_exponent", "factors"])
    found = rows.groupby("grows", sort=False)[["time_exponent", "memory_exponent"]].first()
    factors = rows.groupby("grows", sort=False)["factor"].agg(
        lambda values: ", ".join(f"×{value:g}" for value in values)
    )
    return found.assign(factors=factors).reset_index()


def span(values: pd.Series, pattern: str = "{:.2f}") -> str:
    """Return the least and the largest value in words; "not measured" where there is none."""
    if values.empty or np.isnan(values).all():
        return "not measured"
    low, high = pattern.format(values.min()), pattern.format(values.max())
    return low if low == high else f"{low} to {high}"
