"""Every figure of the book: tidy tables in, matplotlib figures out, one style, colours safe for colour-blind readers.

seaborn draws them; it knows tidy tables, confidence bands and a colour-blind palette.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

TIER_COLOURS = dict(zip(("Base", "Control", "FT", "TS"), sns.color_palette("colorblind", 4), strict=True))


def style() -> None:
    """Set the book's style: once, at the top of a chapter."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.95)
    plt.rcParams.update({"figure.dpi": 110, "figure.figsize": (7, 4), "figure.constrained_layout.use": True})


def reach(rows: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Return how far the intervals of changes reach below and above them, in points of 0.01: matplotlib's error bars (2, n)."""
    return 100 * np.abs(rows[[low, high]].to_numpy().T - rows[value].to_numpy())


def change_by_model(summary: pd.DataFrame, title: str) -> Figure:
    """Draw the change in AUC to Base, in points (hundredths), of each model and tier with its interval."""
    shown = summary[summary["tier_name"] != "Base"].dropna(subset=["delta"])
    models = list(dict.fromkeys(shown["model_name"]))
    tiers = list(dict.fromkeys(shown["tier_name"]))
    figure, axis = plt.subplots(figsize=(7, 1.6 + 0.62 * len(models)))
    for offset, tier in zip(np.linspace(-0.24, 0.24, len(tiers)), tiers, strict=True):
        rows = shown[shown["tier_name"] == tier]
        y = np.array([models.index(name) for name in rows["model_name"]]) + offset
        spread = reach(rows, "delta", "delta_low", "delta_high")
        axis.errorbar(
            100 * rows["delta"], y, xerr=spread, fmt="o", capsize=3, label=tier, color=TIER_COLOURS[tier], ms=5
        )
    axis.axvline(0, color="0.3", lw=1)
    axis.set(yticks=range(len(models)), yticklabels=models, ylim=(-0.5, len(models) - 0.5), title=title)
    axis.set_xlabel("change in test AUC to Base, points of 0.01 (bar: 95 % interval)")
    axis.invert_yaxis()
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=len(tiers))
    return figure


def catplot(table: pd.DataFrame, *, title: str, **options: Any) -> sns.FacetGrid:
    """Return seaborn's grid of panels in the tiers' colours, with a title above it."""
    with plt.rc_context({"figure.constrained_layout.use": False}):  # the grid lays its panels out itself
        grid = sns.catplot(table, palette=TIER_COLOURS, **options)
    grid.legend.set_title("tier")
    grid.figure.suptitle(title, y=1.03)
    return grid


def bound_by_degree(table: pd.DataFrame, title: str) -> Figure:
    """Draw constants against degree: columns degree, constant, name; the degrees themselves as a rug below."""
    figure, axis = plt.subplots()
    sns.lineplot(table, x="degree", y="constant", hue="name", style="name", lw=2, ax=axis)
    axis.set(xscale="log", ylim=(0, None), xlabel="degree of the node, edges (log scale)", ylabel="Lipschitz constant")
    sns.rugplot(x=table["degree"].unique(), height=0.03, color="0.4", lw=0.6, ax=axis)
    axis.legend(title="", loc="lower center", ncols=1)
    axis.set_title(title)
    return figure


def whole_map_constants(table: pd.DataFrame, title: str) -> Figure:
    """Draw what is known of a whole map's constant as ranges, one row a name: columns name, low, high."""
    figure, axis = plt.subplots(figsize=(7, 0.9 + 0.6 * len(table)))
    rows = np.arange(len(table))
    axis.hlines(rows, table["low"], table["high"], color=sns.color_palette()[0], lw=6, alpha=0.5)
    axis.plot(table["low"], rows, "|", color=sns.color_palette()[0], ms=16, mew=2)
    axis.plot(table["high"], rows, "|", color=sns.color_palette()[0], ms=16, mew=2)
    axis.set(yticks=rows, yticklabels=table["name"], ylim=(len(table) - 0.5, -0.5), xlim=(0, None), title=title)
    axis.set_xlabel("Lipschitz constant of the whole map, $W = 1$")
    return figure


def node_constants(table: pd.DataFrame, title: str) -> Figure:
    """Draw LightGCN's per-node constants against own degree and against H: columns own, harmonic, constant, low, high."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.4), sharey=True)
    names = (
        ("own", "the node's own degree (log scale)"),
        ("harmonic", "harmonic mean $H$ of its neighbours' degrees (log scale)"),
    )
    for axis, (column, label) in zip(axes, names, strict=True):
        sns.scatterplot(table, x=column, y="constant", s=22, ax=axis)
        axis.set(xscale="log", xlabel=label, ylabel="constant of $z_i$")
    bounds = table.sort_values("harmonic")
    axes[1].fill_between(
        bounds["harmonic"], bounds["low"], bounds["high"], color="0.6", alpha=0.35, label="proven bounds"
    )
    axes[1].legend()
    axes[0].set_title(title)
    return figure


def level_sets(values: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], title: str) -> Figure:
    """Draw the size of costs over baseline and change, a panel a cost: name to (base, change, |cost|) grids.

    Condition (iii) asks that |cost| falls from left to right: then the level lines lean right as they leave c = 0.
    """
    figure, axes = plt.subplots(1, len(values), figsize=(3.7 * len(values), 4.2), sharey=True, squeeze=False)
    for axis, (name, (base, change, size)) in zip(axes[0], values.items(), strict=True):
        levels = np.nanquantile(size, np.linspace(0.05, 0.97, 9))
        axis.contourf(base, change, size, levels=24, cmap="cividis", vmax=np.nanquantile(size, 0.98))
        axis.contour(base, change, size, levels=np.unique(levels), colors="white", linewidths=1.2)
        axis.axhline(0, color="0.8", lw=0.8)
        axis.set(title=name, xlabel="baseline AUC $p$")
        axis.annotate(
            "(iii): must fall this way", (0.94, 0.05), (0.06, 0.05), xycoords="axes fraction", textcoords="axes fraction",
            va="center", fontsize=9, arrowprops={"arrowstyle": "->", "color": "black"},
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.9},
        )  # fmt: skip
    axes[0, 0].set_ylabel("change $c$ of AUC")
    figure.suptitle(title)
    return figure


def cost_by_baseline(values: pd.DataFrame, title: str) -> Figure:
    """Draw |cost| against the baseline for fixed changes: columns base, change, cost (a surface in cuts)."""
    figure, axis = plt.subplots()
    shown = values.assign(size=values["cost"].abs(), change=values["change"].map("{:+.2f}".format))
    sns.lineplot(shown, x="base", y="size", hue="change", style="change", lw=2, ax=axis)
    axis.set(xlabel="baseline AUC $p$", ylabel="|cost|", title=title)
    axis.legend(title="change $c$")
    return figure


def effort_by_group(table: pd.DataFrame, title: str) -> Figure:
    """Draw MCI of Table 4's groups with what rounding allows: columns dataset, model, tier, group, MCI, MCI_low, MCI_high."""
    datasets = list(dict.fromkeys(table["dataset"]))
    figure, axes = plt.subplots(len(datasets), 1, figsize=(7, 3.3 * len(datasets)))
    markers = dict(zip(dict.fromkeys(table["group"]), "osD", strict=False))
    for axis, dataset in zip(np.atleast_1d(axes), datasets, strict=True):
        part = table[table["dataset"] == dataset]
        places = list(dict.fromkeys(part["model"] + "\n" + part["tier"]))
        for number, (group, rows) in enumerate(part.groupby("group", sort=False)):
            x = np.array([places.index(name) for name in rows["model"] + "\n" + rows["tier"]]) + 0.2 * (number - 1)
            spread = np.abs(rows[["MCI_low", "MCI_high"]].to_numpy().T - rows["MCI"].to_numpy())
            axis.errorbar(x, rows["MCI"], yerr=spread, fmt=markers[group], ms=6, capsize=3, label=group)
        axis.axhline(0, color="0.3", lw=1)
        axis.set(xticks=range(len(places)), xticklabels=places, ylabel="MCI, nats", title=dataset)
        axis.tick_params(axis="x", labelsize=9)
    figure.legend(
        *np.atleast_1d(axes)[0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=3,
        title="activity of users",
    )
    figure.suptitle(title, x=0.02, ha="left")
    return figure


def pairs_by_supervision(rows: pd.DataFrame, title: str) -> Figure:
    """Draw AUC with and without middle ratings in the evaluation, by what was trained on and tier."""
    shown = rows.melt(
        id_vars=["training", "k", "tier_name"],
        value_vars=["auc", "auc_strong"],
        var_name="evaluated",
        value_name="value",
    )
    shown["evaluated"] = shown["evaluated"].map({"auc": "all ratings", "auc_strong": "middle removed"})
    shown["trained"] = shown["training"] + "\nk = " + shown["k"].astype(str)
    keep = ~((shown["training"] == "middle removed") & (shown["evaluated"] == "all ratings"))
    grid = catplot(
        shown[keep],
        x="trained",
        y="value",
        hue="tier_name",
        col="evaluated",
        kind="point",
        linestyle="none",
        dodge=0.3,
        height=3.4,
        errorbar=None,
        title=title,
    )
    grid.set_axis_labels("", "test AUC")
    grid.set_titles("evaluated on {col_name}")
    return grid.figure


def claims_by_section(findings: pd.DataFrame, verdicts: list[str], title: str) -> Figure:
    """Draw how many claims of each section have each verdict: columns section, verdict; counts stand in the bars."""
    counts = pd.crosstab(findings["section"], findings["verdict"]).reindex(columns=verdicts, fill_value=0)
    counts = counts.loc[list(dict.fromkeys(findings["section"]))]
    verdicts = [verdict for verdict in verdicts if counts[verdict].any()]
    figure, axis = plt.subplots(figsize=(5, 1.8 + 0.3 * len(counts)))
    left = np.zeros(len(counts))
    hatches = ("", "//", "xx", "..", "\\\\", "--", "++", "")
    for verdict, hatch, colour in zip(verdicts, hatches, sns.color_palette("colorblind", len(verdicts)), strict=False):
        bars = axis.barh(
            counts.index, counts[verdict], left=left, label=verdict, color=colour, hatch=hatch, edgecolor="white"
        )
        labels = [str(value) if value else "" for value in counts[verdict]]
        axis.bar_label(
            bars, labels, label_type="center", fontsize=9, bbox={"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.85}
        )
        left += counts[verdict].to_numpy()
    axis.set(xlabel="claims", ylabel="section", title=title)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


MANY = 12  # points of a panel from which on it is cut to the precise ones
REFERENCE_STYLES = {"base": ("Base", "o"), "control": ("Control", "s")}


def effects_by_group(table: pd.DataFrame, title: str) -> Figure:
    """Draw changes of AUC in points, a row a group: columns group, reference, change, change_low, change_high."""
    groups = list(dict.fromkeys(table["group"]))
    figure, axis = plt.subplots(figsize=(5.2, 1.7 + 0.5 * len(groups)))
    references = list(dict.fromkeys(table["reference"]))
    for offset, reference in zip(np.linspace(-0.14, 0.14, len(references)), references, strict=True):
        rows = table[table["reference"] == reference]
        name, marker = REFERENCE_STYLES[reference]
        spread = reach(rows, "change", "change_low", "change_high")
        y = np.array([groups.index(group) for group in rows["group"]]) + offset
        axis.errorbar(
            100 * rows["change"], y, xerr=spread, fmt=marker, ms=6, capsize=3, color=TIER_COLOURS[name],
            label=f"to {name}",
        )  # fmt: skip
    axis.axvline(0, color="0.3", lw=1)
    axis.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.5, -0.5), title=title)
    axis.set_xlabel("change in test AUC, points of 0.01")
    axis.grid(axis="y", visible=False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def effects_by_density(places: pd.DataFrame, density_percent: float, title: str) -> Figure:
    """Draw measured changes in points, a row a dataset and core from sparse to dense, and a line where one density lies.

    Columns: dataset, k, density_percent, reference, change, low, high, open; open cells are drawn hollow.
    """
    rows = places.sort_values("density_percent", kind="stable")
    names = (rows["dataset"] + ", k = " + rows["k"].astype(str)).to_numpy()
    order = list(dict.fromkeys(names))
    figure, axis = plt.subplots(figsize=(5.2, 1.8 + 0.45 * len(order)))
    for (reference, unsure), part in rows.assign(row=[order.index(name) for name in names]).groupby(
        ["reference", "open"]
    ):
        name, marker = REFERENCE_STYLES[str(reference)]
        y = part["row"] + (-0.15 if reference == "base" else 0.15)
        axis.errorbar(
            100 * part["change"], y, xerr=reach(part, "change", "low", "high"), fmt=marker, ms=6, capsize=3,
            color=TIER_COLOURS[name], markerfacecolor="white" if unsure else TIER_COLOURS[name],
            label=f"to {name}{', open' if unsure else ''}",
        )  # fmt: skip
    axis.axvline(0, color="0.3", lw=1)
    densities = dict(zip(names, rows["density_percent"], strict=True))
    here = sum(density <= density_percent for density in densities.values()) - 0.5
    axis.axhline(here, color="0.3", ls="--", lw=1.2, label=f"this dataset, {density_percent:.3g} %")
    axis.set(
        yticks=range(len(order)), yticklabels=[f"{name} ({densities[name]:.2g} %)" for name in order],
        ylim=(len(order) - 0.3, -0.7), title=title, xlabel="change in test AUC, points of 0.01",
    )  # fmt: skip
    axis.grid(axis="y", visible=False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def dose_responses(panels: Sequence[dict[str, Any]]) -> Figure:
    """Draw effects in points against a dose with their intervals, and a fitted line with its band: a panel an experiment.

    Args:
        panels: for each ``effects`` (columns change, low, high, open and the dose; open ones are drawn hollow), ``dose``,
            ``label`` (of its axis), ``title``, ``hue`` (a column that marks and colours the points, or None) and ``line``
            (arrays of dose, middle, low, high; or None).
    """
    figure, axes = plt.subplots(len(panels), 1, figsize=(5.2, 0.6 + 3.0 * len(panels)), squeeze=False)
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        one_dose_response(axis, **panel)
    handles = {
        text: handle for axis in axes[:, 0] for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=2)
    return figure


def one_dose_response(
    axis: Axes, effects: pd.DataFrame, dose: str, label: str, title: str, hue: str | None, line: Any
) -> None:
    """Draw one panel of :func:`dose_responses`; where there are many points it is cut by :func:`cut_to_the_sharp`."""
    values, places = list(dict.fromkeys(effects[hue])) if hue else [None], effects.assign(x=effects[dose])
    span = np.log(effects[dose].max() / effects[dose].min())
    for number, value in enumerate(values):
        part = effects if value is None else effects[effects[hue] == value]
        aside = np.exp(
            0.025 * span * (number - (len(values) - 1) / 2)
        )  # so that points of one dose do not hide each other
        colour = sns.color_palette("colorblind")[number % 10]
        places.loc[part.index, "x"] *= aside
        for unsure, rows in part.groupby("open"):
            what = "gain" if value is None else f"{hue} {value:g}"
            axis.errorbar(
                rows[dose] * aside, 100 * rows["change"], yerr=reach(rows, "change", "low", "high"),
                fmt="osD^vP*X"[number % 8], ms=6, capsize=3, color=colour, markerfacecolor="white" if unsure else colour,
                label=f"{what}, open" if unsure else what,
            )  # fmt: skip
    if line is not None:
        x, middle, low, high = line
        axis.plot(x, middle, color="0.25", lw=1.6, label="fit")
        axis.fill_between(x, low, high, color="0.5", alpha=0.25, label="95 % interval of the fit")
    axis.axhline(0, color="0.3", lw=1)
    axis.set(xscale="log", xlabel=f"{label} (log scale)", ylabel="points of 0.01 AUC", title=title)
    if len(effects) >= MANY:
        cut_to_the_sharp(axis, places)
    ticks = apart(sorted(effects[dose].unique()), max(0.1, span / 10))
    axis.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def cut_to_the_sharp(axis: Axes, places: pd.DataFrame) -> None:
    """Cut a panel to the intervals of the more precise half of its points; arrows stand at its edge for all that leaves it.

    A small arrow is the end of a bar, a large one a whole point. Columns: x (where it is drawn), change, low, high (fractions).
    """
    seen = 100 * places[["change", "low", "high"]]
    width = seen["high"] - seen["low"]
    sharp = seen[width <= width.median()]
    least, most = sharp["low"].min(), sharp["high"].max()
    room = 0.06 * (most - least)
    axis.set_ylim(least - room, most + room)
    for edge, marker, ends in ((most + room, "^", "high"), (least - room, "v", "low")):
        up = 1 if marker == "^" else -1
        for column, size in ((ends, 4), ("change", 9)):
            beyond = places["x"][up * (seen[column] - edge) > 0]
            axis.plot(
                beyond, np.full(len(beyond), edge - up * room / 2), marker, ms=size, color="0.35", ls="", zorder=4
            )


def apart(values: Sequence[float], least: float) -> list[float]:
    """Return, of ascending numbers, the first and each whose logarithm is at least so far from the last one returned."""
    kept = list(values[:1])
    for value in values[1:]:
        if np.log(value / kept[-1]) >= least:
            kept.append(value)
    return kept


def changes_by_tier(table: pd.DataFrame, column: str, label: str) -> Figure:
    """Draw a change to Base by group of users, in hundredths, a panel a model, a colour and marker a tier.

    Columns: model_name, group, tier, reference, and the column with ``_low`` and ``_high``.
    """
    shown = table[table["reference"] == "base"]
    models, names = list(dict.fromkeys(shown["model_name"])), list(dict.fromkeys(shown["group"]))
    styles = {"control": ("Control", "s"), "ft": ("FT", "o"), "ts": ("TS", "^")}
    height = 1.5 + (0.5 + 0.5 * len(names)) * len(models)
    figure, axes = plt.subplots(len(models), 1, figsize=(5.2, height), sharex=True, squeeze=False)
    for axis, model in zip(axes[:, 0], models, strict=True):
        for offset, (tier, (name, marker)) in zip((-0.22, 0, 0.22), styles.items(), strict=True):
            rows = shown[(shown["model_name"] == model) & (shown["tier"] == tier)]
            spread = reach(rows, column, f"{column}_low", f"{column}_high")
            y = np.array([names.index(group) for group in rows["group"]]) + offset
            axis.errorbar(
                100 * rows[column], y, xerr=spread, fmt=marker, ms=5, capsize=2.5, color=TIER_COLOURS[name], label=name
            )
        axis.axvline(0, color="0.3", lw=1)
        axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), title=model)
        axis.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel(label)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, title="tier, to Base")
    return figure


def changes_by_case(table: pd.DataFrame, label: str, legend: str, *, one_scale: bool = False) -> Figure:
    """Draw changes by model, a panel a case, a colour and marker a series; one without an interval is hollow.

    Args:
        one_scale: whether the panels share the axis of changes, so that a small change looks small.

    Columns: case, model_name, series, change, low, high.
    """
    cases, names = list(dict.fromkeys(table["case"])), list(dict.fromkeys(table["series"]))
    counts = [table.loc[table["case"] == case, "model_name"].nunique() for case in cases]
    figure, axes = plt.subplots(
        len(cases), 1, figsize=(5.2, 1.2 + sum(0.7 + 0.42 * count for count in counts)), squeeze=False,
        height_ratios=[count + 0.6 for count in counts], sharex=one_scale,
    )  # fmt: skip
    for axis, case in zip(axes[:, 0], cases, strict=True):
        part = table[table["case"] == case]
        models = list(dict.fromkeys(part["model_name"]))
        styles = zip(np.linspace(-0.24, 0.24, len(names)), names, "osD^", sns.color_palette("colorblind"), strict=False)
        for offset, name, marker, colour in styles:
            rows = part[part["series"] == name]
            y = np.array([models.index(model) for model in rows["model_name"]]) + offset
            sure = rows["low"].notna().to_numpy()
            spread = reach(rows[sure], "change", "low", "high") / 100
            axis.errorbar(
                rows["change"][sure], y[sure], xerr=spread, fmt=marker, ms=5, capsize=2.5, color=colour, label=name
            )
            axis.plot(rows["change"][~sure], y[~sure], marker, ms=5, color=colour, mfc="white")
        axis.axvline(0, color="0.3", lw=1)
        axis.set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5), title=case)
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axis.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel(label)
    columns = 2 if len(names) == 4 else 3
    figure.legend(*axes[-1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, title=legend)
    return figure


def sensitivity_by_degree(nodes: pd.DataFrame, column: str, label: str) -> Figure:
    """Draw a part of the sensitivity against degree, both logarithmic, a panel a side on one scale of degree, a colour and
    marker a tier.

    Columns: side, tier_name, bin (degree), and the column; bands are 95 % over nodes. Base and FT are drawn wide and
    pale, so that they are seen where Control and TS lie on them.
    """
    sides, markers = list(dict.fromkeys(nodes["side"])), dict(zip(TIER_COLOURS, "oXsP", strict=True))
    figure, axes = plt.subplots(len(sides), 1, figsize=(5.2, 2.9 * len(sides)), sharex=True)
    for axis, side in zip(np.atleast_1d(axes), sides, strict=True):
        for wide in (True, False):
            sns.lineplot(
                nodes[(nodes["side"] == side) & (nodes["tier_name"].isin(["Base", "FT"]) == wide)], x="bin", y=column,
                hue="tier_name", style="tier_name", markers=markers, dashes=False, palette=TIER_COLOURS, estimator="median",
                errorbar=("ci", 95), n_boot=200, seed=0, lw=6 if wide else 1.5, ms=12 if wide else 6,
                alpha=0.5 if wide else 1, ax=axis,
            )  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel=f"degree of the {side} (log scale)", ylabel=f"{label} (log scale)")
        for places in (axis.xaxis, axis.yaxis):
            places.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            places.set_major_formatter(StrMethodFormatter("{x:g}"))
            places.set_minor_formatter(NullFormatter())
        axis.tick_params(labelbottom=True)
        axis.xaxis.label.set_visible(True)  # seaborn hides it where the scale is shared
        handles = axis.get_legend_handles_labels()
        axis.get_legend().remove()
    figure.legend(*handles, loc="outside upper center", ncols=4, title="tier")
    return figure


def speed_ratios(table: pd.DataFrame, title: str) -> Figure:
    """Draw speed ratios by model: columns model, against, ratio."""
    figure, axis = plt.subplots(figsize=(7, 1.6 + 0.45 * table["model"].nunique()))
    sns.barplot(table, y="model", x="ratio", hue="against", ax=axis, errorbar=None)
    for bars in axis.containers:
        axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)  # type: ignore[arg-type]
    axis.axvline(1, color="0.3", lw=1)
    axis.set(xlabel="samples a second of ctrnb over the other's", ylabel="", title=title)
    axis.margins(x=0.12)
    axis.legend(
        title="against", loc="upper center", bbox_to_anchor=(0.5, -0.18 - 0.3 / table["model"].nunique()), ncols=2
    )
    return figure


def growth(table: pd.DataFrame, title: str) -> Figure:
    """Draw relative time against relative size: columns grows, factor, seconds."""
    shown = table.assign(relative=table["seconds"] / table.groupby("grows")["seconds"].transform("first"))
    figure, axis = plt.subplots()
    sns.lineplot(shown, x="factor", y="relative", hue="grows", style="grows", markers=True, dashes=False, ax=axis)
    ends = [table["factor"].min(), table["factor"].max()]
    axis.plot(ends, ends, color="0.4", ls="--", lw=1, label="linear")
    axis.set(
        xscale="log", yscale="log", xlabel="size, times the smallest", ylabel="time, times the smallest", title=title
    )
    ticks = sorted(table["factor"].unique())
    for each in (axis.xaxis, axis.yaxis):
        each.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        each.set_ticks([], minor=True)
    axis.legend(title="what grows")
    return figure


def by_penalty(levels: pd.DataFrame, gains: pd.DataFrame, title: str) -> Figure:
    """Draw test AUC by penalty, a line a tier, and below it FT's gain over the control in points with its interval.

    Args:
        levels: columns penalty, tier_name, auc.
        gains: columns penalty, change, low, high (fractions).
    """
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6.2), sharex=True, height_ratios=[3, 2])
    sns.lineplot(
        levels, x="penalty", y="auc", hue="tier_name", style="tier_name", markers=True, dashes=False,
        hue_order=list(TIER_COLOURS), style_order=list(TIER_COLOURS), palette=TIER_COLOURS, ax=above,
    )  # fmt: skip
    above.set(xscale="log", ylabel="test AUC", title=title)
    above.legend(title="tier")
    spread = reach(gains, "change", "low", "high")
    below.errorbar(gains["penalty"], 100 * gains["change"], yerr=spread, fmt="o-", capsize=3, color=TIER_COLOURS["FT"])
    below.axhline(0, color="0.3", lw=1)
    below.set(
        xlabel="penalty on embeddings, the same for all tiers", ylabel="FT to control, points\n(bar: 95 % interval)"
    )
    return figure
