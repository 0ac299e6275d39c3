"""The audit as HTML for a chapter: findings by section, and the paper's tables with what their cells give instead."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from ctrnb import paper
from ctrnb.audit.claims import (
    BY_PROOF,
    BY_READING,
    DOES_NOT_HOLD,
    HOLDS,
    ON_AVERAGE,
    TYPO,
    UNCHECKED,
    Finding,
    section_name,
)
from ctrnb.audit.rules import LEVELS, TINY, text
from ctrnb.theory.claims import CORRECTED, PROVEN, REFUTED

MARKS = {
    HOLDS: "✔", ON_AVERAGE: "◐", DOES_NOT_HOLD: "✘", TYPO: "✎", PROVEN: "∎", REFUTED: "⊥", CORRECTED: "≠", UNCHECKED: "?",
}  # fmt: skip
AGREES, ROUNDING, CONTRADICTS = "", "≈", "≠"
# what names a part, a row and a column of a table on the page: at most four columns, to fit a phone
LAYOUTS = {
    1: (["dataset"], ["statistic"], ["k"]),
    2: (["dataset"], ["model", "tier"], ["k"]),
    3: (["dataset", "evaluated"], ["model", "tier"], ["k"]),
    4: (["dataset"], ["model", "group"], ["tier"]),
    5: (["dataset"], ["model", "tier"], ["k"]),
    6: (["dataset", "evaluated"], ["model", "tier"], ["k"]),
    7: (["dataset"], ["statistic"], ["k", "trained"]),
    8: (["dataset", "evaluated"], ["model", "tier"], ["k", "trained"]),
}


def findings_table(findings: Iterable[Finding], *, folded: bool = False) -> str:
    """Return findings as HTML, a table a section: verdict as mark and text, then claim, place, evidence and cells."""
    sections: dict[str, list[Finding]] = {}
    for found in findings:
        sections.setdefault(found.section, []).append(found)
    tables = "".join(section_table(name, rows, folded) for name, rows in sections.items())
    return tables or "<p>No claim is chosen by these parameters.</p>"


def section_table(name: str, findings: list[Finding], folded: bool) -> str:
    """Return one section's findings as an HTML table with two columns, narrow enough for a phone."""
    body = "".join(
        f'<tr><td style="width:6.2em;text-align:left;vertical-align:top">{verdict_of(found)}</td>'
        f'<td style="text-align:left;vertical-align:top;white-space:normal"><strong>{escape(found.statement)}</strong> '
        f"<em>{escape(found.source)}.</em><br>{escape(sentence(found.evidence))}{cells_of(found)}</td></tr>"
        for found in findings
    )
    marks = " ".join(MARKS[found.verdict] for found in findings)
    table = f'<table class="table" style="width:100%;font-size:0.9em"><tbody>{body}</tbody></table>'
    heading = f"<strong>{escape(section_name(name))}</strong> {marks}"
    return f"<details><summary>{heading}</summary>{table}</details>" if folded else f"<p>{heading}</p>{table}"


def verdict_of(found: Finding) -> str:
    """Return a finding's verdict as mark and words, and whether it depends on how the sentence is read."""
    return f"{MARKS[found.verdict]} {found.verdict}" + (f" ({BY_READING})" if found.by_reading else "")


def sentence(evidence: str) -> str:
    """Return evidence with a capital first letter."""
    return evidence[:1].upper() + evidence[1:]


def cells_of(found: Finding) -> str:
    """Return a finding's cells, folded, with what they are to its verdict."""
    if not found.cells:
        return ""
    role = "deciding" if found.verdict not in (*BY_PROOF, UNCHECKED) else "illustrating"
    listed = "<br>".join(escape(cell) for cell in found.cells)
    return f"<details><summary>{len(found.cells)} {role} cells</summary>{listed}</details>"


def recomputed(number: int) -> pd.DataFrame:
    """Return a table's printed numbers that follow from other cells of it, beside what those give.

    Relative changes and variances follow from AUC or logloss, averages and densities from counts, and counts of items
    from users and averages. Columns: those that name a cell, printed (a number), given (as text) and mark: "" where the
    cells as printed give it, "≈" where only unrounded cells can, "≠" where not even they can.
    """
    found = statistics_given(number) if number in (1, 7) else changes_given(number)
    frame = pd.concat(found, ignore_index=True)
    return frame[[name for name in LEVELS if name in frame] + ["printed", "given", "mark"]]


def statistics_given(number: int) -> list[pd.DataFrame]:
    """Return Table 1's or 7's statistics; what counts give is an interval, so a cell agrees or contradicts it."""
    found = paper.recomputed_statistics(number).rename(columns={"possible_low": "low", "possible_high": "high"})
    items = [paper.implied_items().assign(statistic="items")] if number == 1 else []
    frame = pd.concat([found, *items], ignore_index=True)
    given = [f"{row.low:.4g}–{row.high:.4g}" for row in frame.itertuples()]
    return [frame.assign(given=given, mark=frame["agrees"].map({True: AGREES, False: CONTRADICTS}))]


def changes_given(number: int) -> list[pd.DataFrame]:
    """Return the relative changes of Tables 2 to 6 and 8, and the variances of Table 4."""
    found = paper.recomputed_changes(number)
    frames = [found.assign(printed=found["change_percent"], value=found["relative_percent"])]
    if number == 4:
        variances = paper.recomputed_variances()
        frames.append(variances.assign(value=variances["recomputed"], group="Var", evaluated="all"))
    for at, frame in enumerate(frames):
        alike = (frame["printed"] - frame["value"]).abs() <= 0.005 + TINY
        mark = alike.map({True: AGREES, False: ROUNDING}).mask(~frame["agrees"], CONTRADICTS)
        given = [f"{value:.3f}" for value in frame["value"]]
        frames[at] = frame.assign(given=given, mark=mark)
    return frames


def agreement() -> pd.DataFrame:
    """Return how many numbers of each table were recomputed, and how many agree, agree by rounding and contradict."""
    marks = {number: recomputed(number)["mark"].value_counts() for number in LAYOUTS}
    names = {AGREES: "agree", ROUNDING: ROUNDING, CONTRADICTS: CONTRADICTS}
    table = pd.DataFrame(marks).T.reindex(columns=list(names), fill_value=0).fillna(0).astype(int).rename(columns=names)
    return table.assign(all=table.sum(axis=1)).rename_axis(index="table", columns=None)


def paper_table(number: int) -> str:
    """Return one of the paper's tables as HTML, in parts, with our number under each printed one that disagrees."""
    parts, rows, columns = LAYOUTS[number]
    frame = paper.table(number)
    levels = [name for name in LEVELS if name in frame]
    noted = notes(number, levels)
    keys = frame[levels].itertuples(index=False, name=None)
    lines = [[text(row), *noted.get(key, [])] for (_, row), key in zip(frame.iterrows(), keys, strict=True)]
    frame = frame.assign(
        text=["<br>".join(line.replace(" ", "&nbsp;") for line in each) for each in lines],
        row=[label(row, rows) for _, row in frame.iterrows()],
        column=[label(row, columns) for _, row in frame.iterrows()],
    )
    return "".join(part_table(number, part, parts) for _, part in frame.groupby(parts))


def part_table(number: int, part: pd.DataFrame, names: list[str]) -> str:
    """Return one part of a table as HTML, rows and columns in the paper's order."""
    wide = part.pivot(index="row", columns="column", values="text").rename_axis(index=None, columns=None)
    wide = wide.reindex(index=part["row"].unique(), columns=part["column"].unique())
    title = label(part.iloc[0], names)
    body = wide.to_html(escape=False, border=0)
    name = escape(f"Table {number}, {title}", quote=True)
    box = f'<div style="font-size:0.8em;overflow-x:auto" tabindex="0" role="region" aria-label="{name}">'
    return f"{box}<p><strong>Table {number}</strong>, {title}</p>{body}</div>"


def label(row: pd.Series, names: list[str]) -> str:
    """Return what names a part, a row or a column of a table in words."""
    before = {"k": "k = ", "evaluated": "evaluated: ", "trained": "trained: "}
    return ", ".join(f"{before.get(name, '')}{row[name]}".replace("_", " ") for name in names)


def notes(number: int, levels: list[str]) -> dict[tuple, list[str]]:
    """Return, by cell, what is to stand under it: a mark and what other cells give instead."""
    given = recomputed(number)
    found: dict[tuple, list[str]] = {}
    for _, row in given[given["mark"] != AGREES].iterrows():
        found.setdefault(tuple(row[name] for name in levels), []).append(f"{row['mark']} {row['given']}")
    return found
