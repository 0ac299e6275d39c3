"""The audit as HTML for a chapter: findings by section, and the paper's tables with what their cells give instead."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import DOES_NOT_HOLD, HOLDS, ON_AVERAGE, TYPO, UNCHECKED, Finding, section_name
from ctrnb.audit.rules import LEVELS, TINY, text
from ctrnb.audit.setup import implied_items

MARKS = {HOLDS: "✔", ON_AVERAGE: "◐", DOES_NOT_HOLD: "✘", TYPO: "✎", UNCHECKED: "?"}
AGREES, ROUNDING, CONTRADICTS = "", "≈", "≠"
# rows and columns of a table on the page: narrow enough for a phone, a dataset apart
LAYOUTS = {
    1: (["statistic"], ["k"]),
    2: (["model", "tier"], ["k"]),
    3: (["model", "evaluated", "tier"], ["k"]),
    4: (["model", "group"], ["tier"]),
    5: (["model", "tier"], ["k"]),
    6: (["model", "evaluated", "tier"], ["k"]),
    7: (["statistic"], ["trained", "k"]),
    8: (["model", "evaluated", "tier"], ["trained", "k"]),
}


def findings_table(findings: Iterable[Finding]) -> str:
    """Return findings as HTML, a table a section: verdict as mark and text, then claim, place, evidence and cells."""
    sections: dict[str, list[Finding]] = {}
    for found in findings:
        sections.setdefault(found.section, []).append(found)
    return "".join(section_table(name, rows) for name, rows in sections.items()) or "<p>No claim has that verdict.</p>"


def section_table(name: str, findings: list[Finding]) -> str:
    """Return one section's findings as an HTML table with two columns, narrow enough for a phone."""
    body = "".join(
        f'<tr><td style="width:6.2em;text-align:left;vertical-align:top">{MARKS[found.verdict]} {found.verdict}</td>'
        f'<td style="text-align:left;vertical-align:top;white-space:normal"><strong>{escape(found.statement)}</strong> '
        f"<em>{escape(found.source)}.</em><br>{escape(found.evidence)}{cells_of(found)}</td></tr>"
        for found in findings
    )
    return (
        f'<table class="table" style="width:100%;font-size:0.9em"><caption style="caption-side:top;text-align:left">'
        f"{escape(section_name(name))}</caption><tbody>{body}</tbody></table>"
    )


def cells_of(found: Finding) -> str:
    """Return a finding's cells, folded."""
    if not found.cells:
        return ""
    listed = "<br>".join(escape(cell) for cell in found.cells)
    return f"<details><summary>{len(found.cells)} deciding cells</summary>{listed}</details>"


def recomputed(number: int) -> pd.DataFrame:
    """Return a table's printed numbers that follow from other cells of it, beside what those give.

    Relative changes and variances follow from AUC or logloss, averages and densities from counts, and counts of items
    from users and averages. Columns: those that name a cell, printed (a number), given (as text), mark: "" where the cells
    as printed give it, "≈" where only unrounded cells can, "≠" where not even they can.
    """
    found = statistics_given(number) if number in (1, 7) else changes_given(number)
    frame = pd.concat(found, ignore_index=True)
    return frame[[name for name in LEVELS if name in frame] + ["printed", "given", "mark"]]


def statistics_given(number: int) -> list[pd.DataFrame]:
    """Return Table 1's or 7's statistics; what counts give is an interval, so a cell agrees or contradicts it."""
    found = paper.recomputed_statistics(number).rename(columns={"possible_low": "low", "possible_high": "high"})
    items = [implied_items().assign(statistic="items")] if number == 1 else []
    frame = pd.concat([found, *items], ignore_index=True)
    given = [f"{row.low:.4g} to {row.high:.4g}" for row in frame.itertuples()]
    return [frame.assign(given=given, mark=frame["agrees"].map({True: AGREES, False: CONTRADICTS}))]


def changes_given(number: int) -> list[pd.DataFrame]:
    """Return the relative changes of Tables 2 to 6 and 8, and the variances of Table 4."""
    found = paper.recomputed_changes(number)
    frames = [found.assign(printed=found["change_percent"], value=found["relative_percent"], unit=" %")]
    if number == 4:
        variances = paper.recomputed_variances()
        frames.append(variances.assign(value=variances["recomputed"], group="Var", evaluated="all", unit=""))
    for at, frame in enumerate(frames):
        alike = (frame["printed"] - frame["value"]).abs() <= 0.005 + TINY
        mark = alike.map({True: AGREES, False: ROUNDING}).mask(~frame["agrees"], CONTRADICTS)
        given = [f"{row.value:.3f}{row.unit}" for row in frame.itertuples()]
        frames[at] = frame.assign(given=given, mark=mark)
    return frames


def agreement() -> pd.DataFrame:
    """Return, for each table, how many numbers were recomputed, and how many agree, agree by rounding, and contradict."""
    marks = {number: recomputed(number)["mark"].value_counts() for number in LAYOUTS}
    names = {AGREES: "as printed", ROUNDING: "≈ by rounding", CONTRADICTS: "≠ contradicts"}
    table = pd.DataFrame(marks).T.reindex(columns=list(names), fill_value=0).fillna(0).astype(int).rename(columns=names)
    return table.assign(recomputed=table.sum(axis=1)).rename_axis("table")


def paper_table(number: int) -> str:
    """Return one of the paper's tables as HTML, a part a dataset, with our number under each cell that disagrees."""
    rows, columns = LAYOUTS[number]
    frame = paper.table(number)
    frame["text"] = [text(row) for _, row in frame.iterrows()]
    levels = [name for name in LEVELS if name in frame]
    given = recomputed(number)
    given = given[given["mark"] != AGREES]
    notes: dict[tuple, str] = {}
    for _, row in given.iterrows():
        key = tuple(row[name] for name in levels)
        notes[key] = f"{notes.get(key, '')}<br>{row['mark']} {row['given']}"
    keys = frame[levels].itertuples(index=False, name=None)
    frame["text"] = [f"{cell}{notes.get(key, '')}" for cell, key in zip(frame["text"], keys, strict=True)]
    return "".join(
        f"<p>Table {number}, {dataset}</p>{part.pivot(index=rows, columns=columns, values='text').pipe(ordered, part, rows).to_html(escape=False)}"
        for dataset, part in frame.groupby("dataset")
    )


def ordered(wide: pd.DataFrame, part: pd.DataFrame, rows: list[str]) -> pd.DataFrame:
    """Return a pivoted table with its rows in the paper's order."""
    index = list(dict.fromkeys(part[rows].itertuples(index=False, name=None)))
    return wide.reindex(pd.MultiIndex.from_tuples(index, names=rows) if len(rows) > 1 else [key for (key,) in index])
