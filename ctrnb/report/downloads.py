"""What each page offers to take away: its notebook, and an archive with its tables as CSV and the data that it read."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ctrnb.report.cache import PACKAGE, READS, data_of, modules_of
from ctrnb.report.chapters import Chapter
from ctrnb.spreadsheet import harmless


def write_downloads(chapter: Chapter, executed: Path, root: Path, folder: Path) -> None:
    """Write ``NAME.ipynb``, not executed, and ``NAME-data.zip`` into a folder.

    The archive holds the executed notebook, every table of its outputs as a CSV, and the book's data files that the
    chapter's modules read.
    """
    folder.mkdir(exist_ok=True)
    (folder / f"{chapter.name}.ipynb").write_bytes((executed / f"{chapter.name}.input.ipynb").read_bytes())
    with zipfile.ZipFile(folder / f"{chapter.name}-data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        put(archive, f"{chapter.name}.ipynb", (executed / f"{chapter.name}.ipynb").read_bytes())
        for number, table in enumerate(tables(executed / f"{chapter.name}.ipynb"), start=1):
            put(archive, f"tables/{number:02}.csv", table.encode())
        for path in read_by(chapter, root):
            put(archive, path.relative_to(root / "book").as_posix(), path.read_bytes())


def put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file with a fixed date, so that equal contents make equal archives."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def read_by(chapter: Chapter, root: Path) -> list[Path]:
    """Return the data files of the book that a chapter's modules read."""
    names = {path.relative_to(PACKAGE).as_posix() for path in modules_of(chapter.code)}
    return sorted(path for name in READS if name in names for path in data_of(name, root))


def tables(notebook: Path) -> Iterator[str]:
    """Yield every HTML table among a notebook's outputs as CSV text, cells as they are shown."""
    import nbformat
    from bs4 import BeautifulSoup

    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            for table in BeautifulSoup(html, "html.parser").find_all("table"):
                text = io.StringIO()
                rows = [row.find_all(["th", "td"]) for row in table.find_all("tr")]
                csv.writer(text).writerows([[harmless(cell.get_text(" ", strip=True)) for cell in row] for row in rows])
                yield text.getvalue()
