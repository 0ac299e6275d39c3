"""How chapters were executed, in words and as a table: time, device, versions, parameters."""

from pathlib import Path

from ctrnb.report.chapters import Chapter
from ctrnb.report.execute import Record, read_record


def account(record: Record) -> str:
    """Return one chapter's execution as a sentence or two."""
    given = ", ".join(f"`{name} = {value!r}`" for name, value in record.parameters.items())
    with_values = f"Parameters given: {given}; the others as above" if given else "All parameters at their defaults"
    return f"Executed in {record.seconds:.1f} s on {when(record)} ({record.device}; {versions(record)}). {with_values}."


def when(record: Record) -> str:
    """Return date and time to the minute."""
    return record.finished[:16].replace("T", " ") + " UTC"


def versions(record: Record) -> str:
    """Return the versions of Python and the packages that compute."""
    return ", ".join(
        f"{name.capitalize() if name == 'python' else name} {text}" for name, text in record.versions.items()
    )


def statistics_table(chapters: list[Chapter], executed: Path) -> str:
    """Return a MyST table of all executed chapters, the sum of their times, and each set of device and versions.

    A page without code has no execution, though it may share its file's name with a chapter that has one.
    """
    records = [record for each in chapters if each.executable and (record := read_record(executed, each.name))]
    lines = ["| chapter | time, s | executed | parameters given |", "|---|---:|---|---|"]
    for record in records:
        given = ", ".join(f"`{name} = {value!r}`" for name, value in record.parameters.items()).replace("|", "\\|")
        lines.append(f"| {{doc}}`{record.chapter}` | {record.seconds:.1f} | {when(record)} | {given or 'defaults'} |")
    lines.append(f"| **all** | **{sum(record.seconds for record in records):.1f}** | | |")
    machines: dict[str, list[str]] = {}
    for record in records:
        machines.setdefault(f"{record.device}; {versions(record)}", []).append(f"{{doc}}`{record.chapter}`")
    used = [
        f"* {machine}: {'all chapters' if len(machines) == 1 else ', '.join(names)}"
        for machine, names in machines.items()
    ]
    return "\n".join([*lines, "", "## Devices and versions", "", *used])
