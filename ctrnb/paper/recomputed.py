"""What the paper's tables give when recomputed from their own cells, each beside what is printed."""

import numpy as np
import pandas as pd

from ctrnb.paper.printed import GROUPS
from ctrnb.paper.tables import half_unit, table


def possible_statistics(number: int) -> pd.DataFrame:
    """Return Table 1's or 7's statistics and the range that their rounding leaves, a row a curated dataset.

    Columns: value, low and high, each by statistic.
    """
    frame = table(number)
    half = frame["printed"].map(half_unit)
    frame = frame.assign(low=frame["value"] - half, high=frame["value"] + half)
    keys = [name for name in ("dataset", "k", "trained") if name in frame]
    return frame.pivot(index=keys, columns="statistic", values=["value", "low", "high"])


def recomputed_statistics(number: int) -> pd.DataFrame:
    """Return Table 1's or 7's averages and densities beside what their own counts give.

    Columns: dataset, k, (trained,) statistic, printed (a number), possible_low and possible_high (from every count that
    would be rounded as it is printed), agrees.
    """
    wide = possible_statistics(number)
    ratios = {
        "interactions_per_user": ("interactions", "users", None),
        "interactions_per_item": ("interactions", "items", None),
        "density_percent": ("interactions", "users", "items"),
    }
    found = []
    for statistic, (above, *below) in ratios.items():
        below = [name for name in below if name]
        scale = 100 if statistic == "density_percent" else 1
        low = scale * wide["low"][above] / wide["high"][below].prod(axis=1)
        high = scale * wide["high"][above] / wide["low"][below].prod(axis=1)
        agrees = (wide["low"][statistic] <= high) & (wide["high"][statistic] >= low)
        columns = {"printed": wide["value"][statistic], "possible_low": low, "possible_high": high, "agrees": agrees}
        found.append(pd.DataFrame(columns).assign(statistic=statistic).reset_index())
    return pd.concat(found, ignore_index=True)


def implied_items() -> pd.DataFrame:
    """Return Table 1's item counts beside what users, averages and density imply, as intervals.

    Columns: dataset, k, printed, low, high (users x interactions per user / interactions per item), agrees.
    """
    wide = possible_statistics(1)
    low = wide["low"]["users"] * wide["low"]["interactions_per_user"] / wide["high"]["interactions_per_item"]
    high = wide["high"]["users"] * wide["high"]["interactions_per_user"] / wide["low"]["interactions_per_item"]
    agrees = (wide["low"]["items"] <= high) & (wide["high"]["items"] >= low)
    return pd.DataFrame({"printed": wide["value"]["items"], "low": low, "high": high, "agrees": agrees}).reset_index()


def recomputed_changes(number: int) -> pd.DataFrame:
    """Return Table 2's to 6's and 8's printed relative changes beside those that their own cells give.

    Cells are rounded, so the true change lies in an interval: ``possible_low`` to ``possible_high``, in percent, and
    ``agrees`` says whether some change in it would be printed as it is.
    """
    joined = with_base(table(number)).dropna(subset=["value", "change_percent"])
    half = {5: 5e-5, 6: 5e-5}.get(number, 5e-3)  # half a unit of the last place of a cell
    low = 100 * ((joined["value"] - half) / (joined["base"] + half) - 1)
    high = 100 * ((joined["value"] + half) / (joined["base"] - half) - 1)
    slack = 5e-3 + 1e-9
    agrees = joined["change_percent"].between(low - slack, high + slack)
    return joined.assign(possible_low=low, possible_high=high, agrees=agrees)


def recomputed_variances() -> pd.DataFrame:
    """Return Table 4's printed Var(L,M,H) beside the sample variance that its cells give, in percent squared.

    ``possible_low`` and ``possible_high`` bound what the unrounded cells can give; ``agrees`` says whether the printed
    one can be among that.
    """
    frame = table(4)
    keys = ["dataset", "k", "model", "tier"]
    printed = frame[frame["group"] == "Var"].set_index(keys)["value"].rename("printed")
    wide = frame[frame["group"].isin(GROUPS[1:])].pivot(index=keys, columns="group", values="value")
    corners = np.stack(np.meshgrid(*[[-5e-3, 0, 5e-3]] * 3), axis=-1).reshape(-1, 3)
    moved = (wide[["Low", "Mid", "High"]].to_numpy()[:, None, :] + corners).var(axis=2, ddof=1)
    found = wide.join(printed).assign(recomputed=wide.var(axis=1, ddof=1))
    found["possible_low"], found["possible_high"] = moved.min(axis=1), moved.max(axis=1)
    found["agrees"] = found["printed"].between(found["possible_low"] - 5e-3, found["possible_high"] + 5e-3)
    return found.reset_index()


def repeated_cells() -> pd.DataFrame:
    """Return every value that two AUC tables (2, 3, 4, 8) or two logloss tables (5, 6) give for the same thing.

    Columns: dataset, k, model, tier, evaluated, first and second (table numbers), value_first, value_second, equal.
    """
    keys = ["dataset", "k", "model", "tier", "evaluated"]
    frames = {number: headline(table(number)).set_index(keys)["value"] for number in (2, 3, 4, 5, 6, 8)}
    pairs = [(2, 3), (2, 4), (2, 8), (3, 4), (3, 8), (4, 8), (5, 6)]
    found = []
    for first, second in pairs:
        joined = pd.concat([frames[first], frames[second]], axis=1, join="inner", keys=["value_first", "value_second"])
        found.append(joined.reset_index().assign(first=first, second=second))
    both = pd.concat(found, ignore_index=True)
    return both.assign(equal=both["value_first"] == both["value_second"])


def with_base(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of FT and TS beside their Base: with base, absolute (value less base) and relative_percent."""
    keys = [name for name in ("table", "dataset", "k", "model", "group", "trained", "evaluated") if name in frame]
    base = frame[frame["tier"] == "Base"].set_index(keys)["value"].rename("base")
    joined = frame[frame["tier"] != "Base"].join(base, on=keys)
    absolute = joined["value"] - joined["base"]
    return joined.assign(absolute=absolute, relative_percent=100 * absolute / joined["base"])


def headline(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of all users and of models trained on all ratings."""
    if "group" in frame:
        frame = frame[frame["group"] == "Overall"]
    if "trained" in frame:
        frame = frame[frame["trained"] == "all"]
    return frame.dropna(subset=["value"])


def activity_groups(tiers: tuple[str, ...] = ("FT", "TS")) -> pd.DataFrame:
    """Return Table 4's groups (Low, Mid, High) with their Base: what Figure 5 is drawn from.

    Columns: dataset, k, model, tier, group, base and value (AUC in percent), absolute and relative_percent.
    """
    joined = with_base(table(4))
    kept = joined["tier"].isin(tiers) & joined["group"].isin(GROUPS[1:])
    columns = ["dataset", "k", "model", "tier", "group", "base", "value", "absolute", "relative_percent"]
    return joined.loc[kept, columns].reset_index(drop=True)
