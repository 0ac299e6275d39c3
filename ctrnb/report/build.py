"""Execute chapters by papermill and compile them by Jupyter Book.

papermill runs a notebook with injected parameters and keeps what was executed when a cell fails; Jupyter Book makes
the HTML. Both are the field's usual tools. Chapters run side by side, one a core, and only those that changed since
(:mod:`ctrnb.report.cache`).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ctrnb.errors import ConfigError
from ctrnb.report.cache import PACKAGE
from ctrnb.report.chapters import Chapter, assign, read_chapters
from ctrnb.report.downloads import write_downloads
from ctrnb.report.execute import BookError, execute, is_current, page_of, read_record
from ctrnb.report.progress import Lines, observer
from ctrnb.settings import read_toml
from ctrnb.study.local import available_cores
from ctrnb.study.results import book_root

MARK = "objects.inv"  # Sphinx writes it into every book
Values = Mapping[str, dict[str, Any]]


def build_book(
    profile: str = "quick",
    parameters: Mapping[str, Any] | None = None,
    out: Path | None = None,
    root: Path | None = None,
    jobs: int | None = None,
) -> Path:
    """Execute the chapters that changed, compile the book and return the path of its first page.

    Args:
        profile: ``quick`` for the chapters' defaults, or the path of a TOML with one table a chapter.
        parameters: ``{"chapter.name": value}``; they win over the profile.
        out: folder of the HTML; default ``_build/html`` in the checkout, or in the current folder where the book comes
            with an installed package.
        jobs: chapters at a time; default: one a core.

    Raises:
        ParameterError: an unknown chapter or parameter, or an ill-typed value: before anything is executed.
        BookError: a chapter fails (chapter, cell and error are named, what was executed is saved), or the compiler
            warns.
    """
    root = root or book_root()
    chapters = read_chapters(root)
    given = {} if profile == "quick" else flatten(read_toml(Path(profile)))
    values = assign(chapters, given | dict(parameters or {}))
    build = build_folder(root)
    html = out or build / "html"
    check_out(html)
    jobs = available_cores() if jobs is None else jobs
    os.environ.setdefault("CTRNB_RUNS", str(build / "runs"))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the quick runs' batches are too small to share between cores
    start = time.perf_counter()
    work = build / "book"
    executed = work / "executed"
    execute_all(chapters, values, root, executed, jobs)
    compile_html(root, chapters, executed, work)
    publish(work / "_build" / "html", html)
    print(f"Book built in {time.perf_counter() - start:.0f} s. Open:", file=sys.stderr)
    return html / "index.html"


def check_out(html: Path) -> None:
    """Raise BookError where a book may not be written: a file, a folder of other things, or a place that cannot be made.

    A folder may be replaced if it is empty or holds a book, which Sphinx marks by its inventory.
    """
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=html.parent):
            pass
        if html.exists() and any(html.iterdir()) and not (html / MARK).is_file():
            raise BookError(f"{html} holds something other than a book. Name an empty or a new folder by --out.")
    except OSError as error:
        raise BookError(f"{html} cannot be written: {error.strerror or error}. Name another folder by --out.") from None


def publish(built: Path, html: Path) -> None:
    """Put a compiled book in its place: copied beside it first, so that the one that is there stays until then."""
    with tempfile.TemporaryDirectory(prefix=f".{html.name}-", dir=html.parent) as folder:
        fresh = Path(folder) / "fresh"
        shutil.copytree(built, fresh)
        if html.exists():
            html.rename(Path(folder) / "old")
        fresh.rename(html)


def list_parameters(root: Path | None = None) -> str:
    """Return every chapter's parameters with type, default, what is allowed and what they mean, as lines to read."""
    lines = []
    for chapter in read_chapters(root or book_root()):
        for each in chapter.parameters.values():
            allowed = f", {each.range}" if each.range else ""
            about = f": {each.about}" if each.about else ""
            lines.append(f"{chapter.name}.{each.name}={each.default!r} ({each.type}{allowed}){about}")
    return "\n".join(lines)


def build_folder(root: Path) -> Path:
    """Return where a book is built: beside its chapters in a checkout, else in the current folder."""
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / "_build"


def flatten(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"tiers": {"k": 6}}`` as ``{"tiers.k": 6}``.

    Raises:
        BookError: a chapter's values are not a table.
    """
    flat: dict[str, Any] = {}
    for chapter, table in profile.items():
        if not isinstance(table, dict):
            raise BookError(f"a profile has one table a chapter; {chapter!r} is not a table.")
        flat |= {f"{chapter}.{name}": value for name, value in table.items()}
    return flat


def execute_all(chapters: list[Chapter], values: Values, root: Path, folder: Path, jobs: int) -> None:
    """Execute every chapter whose kept execution is not current, those that took longest first.

    Raises:
        ConfigError: ``jobs`` is below one.
        BookError: a chapter failed; those that were running end first and are kept, others are not begun.
    """
    if jobs < 1:
        raise ConfigError(f"jobs={jobs}: give at least 1.")
    notebooks = [chapter for chapter in chapters if chapter.executable]
    records = {chapter.name: read_record(folder, chapter.name) for chapter in notebooks}
    took = {name: record.seconds if record else None for name, record in records.items()}
    with observer(took, jobs) as shown:
        waiting = []
        for chapter in notebooks:
            if is_current(chapter, values[chapter.name], root, folder):
                shown.ended(chapter.name, "unchanged")
            else:
                waiting.append(chapter)
        waiting.sort(key=lambda chapter: -(took[chapter.name] or 0))
        if waiting:
            execute_beside(waiting, values, root, folder, min(jobs, len(waiting)), shown)


def execute_beside(waiting: list[Chapter], values: Values, root: Path, folder: Path, jobs: int, shown: Lines) -> None:
    """Execute chapters in ``jobs`` processes.

    Raises:
        BookError: a chapter failed, the first of them; or any other error that a process ended with.
    """
    running: dict[Future, Chapter] = {}
    failed: list[BaseException] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        while running or (waiting and not failed):
            while waiting and len(running) < jobs and not failed:
                chapter = waiting.pop(0)
                running[pool.submit(execute, chapter, values[chapter.name], root, folder)] = chapter
                shown.begun(chapter.name)
            over, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in over:
                chapter, error = running.pop(future), future.exception()
                shown.ended(chapter.name, "failed" if error else f"{future.result().seconds:.0f} s")
                failed += [error] if error else []
            shown.tick()
    if failed:
        raise failed[0]


def compile_html(root: Path, chapters: list[Chapter], executed: Path, work: Path) -> None:
    """Compile executed pages, unless the same pages were compiled before; any warning of the compiler is an error.

    Raises:
        BookError: with the end of the compiler's output.
    """
    import jupytext
    import yaml

    pages = work / "source"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(root / "book", pages / "book", ignore=shutil.ignore_patterns(".*"))
    for chapter in chapters:
        if chapter.executable:
            source = pages / chapter.source.relative_to(root)
            source.unlink()
            jupytext.write(page_of(chapter, executed), source.with_suffix(".ipynb"))
            write_downloads(chapter, executed, root, source.parent / "downloads")
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {"execute_notebooks": "off"}
    config["sphinx"]["config"] |= {"ctrnb_executed": str(executed), "ctrnb_root": str(root)}
    (pages / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    shutil.copy(root / "_toc.yml", pages / "_toc.yml")
    key, stamp = state_of(pages), work / "compiled.sha256"
    if stamp.is_file() and stamp.read_text() == key:
        return
    stamp.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(pages), "--path-output", str(work), "--all", "-W", "--keep-going", "-q"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if result.returncode:
        lines = (result.stdout + result.stderr).strip().splitlines()
        raise BookError("the HTML could not be compiled:\n" + "\n".join(lines[-30:]))
    stamp.write_text(key)


def state_of(pages: Path) -> str:
    """Return a SHA-256 over the pages' files, the package, whose docstrings they show, and the compiler's version."""
    digest = hashlib.sha256("".join(version(name) for name in ("jupyter-book", "sphinx", "myst-nb")).encode())
    for folder in (pages, PACKAGE):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
