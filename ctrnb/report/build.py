"""Execute chapters by papermill and compile them by Jupyter Book.

papermill runs a notebook with injected parameters and keeps what was executed when a cell fails; Jupyter Book makes
the HTML. Both are the field's usual tools. Executed chapters are cached by their source, parameters, the package's
source and the measured ledgers, so that only what changed is run again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctrnb.errors import CtrnbError
from ctrnb.report.chapters import Chapter, assign, read_chapters
from ctrnb.report.experiments import book_root
from ctrnb.settings import read_toml


class BookError(CtrnbError):
    """A chapter failed, or the HTML could not be compiled."""


def build_book(
    profile: str = "quick",
    parameters: Mapping[str, Any] | None = None,
    out: Path | None = None,
    root: Path | None = None,
) -> Path:
    """Execute every chapter, compile the book and return the path of its first page.

    Args:
        profile: ``quick`` for the chapters' defaults, or the path of a TOML with one table a chapter.
        parameters: ``{"chapter.name": value}``; they win over the profile.
        out: folder of the HTML; default ``_build/html`` in the book's folder.

    Raises:
        ParameterError: an unknown chapter or parameter, or an ill-typed value: before anything is executed.
        BookError: a chapter fails (chapter, cell and error are named, what was executed is saved), or the compiler
            warns.
    """
    root = root or book_root()
    chapters = read_chapters(root)
    given = {} if profile == "quick" else flatten(read_toml(Path(profile)))
    values = assign(chapters, given | dict(parameters or {}))
    work = root / "_build" / "book"
    pages = work / "source"
    shutil.rmtree(pages, ignore_errors=True)
    (pages / "book").mkdir(parents=True)
    package = digest_of(root, ("ctrnb/**/*.py", "ctrnb/**/*.toml", "book/results/*.csv", "book/datasets/*.toml"))
    os.environ.setdefault("CTRNB_RUNS", str(root / "_build" / "runs"))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the quick runs' batches are too small to share between cores
    start = time.perf_counter()
    notebooks = [chapter for chapter in chapters if chapter.executable]
    for number, chapter in enumerate(notebooks, start=1):
        print(f"[{number}/{len(notebooks)}] {chapter.name}", end=" ", file=sys.stderr, flush=True)
        begin = time.perf_counter()
        executed, fresh = execute(chapter, values[chapter.name], root, work / "executed", package)
        shutil.copy(executed, pages / "book" / f"{chapter.name}.ipynb")
        state = f"{time.perf_counter() - begin:.0f} s" if fresh else "unchanged"
        print(state, file=sys.stderr, flush=True)
    compile_html(root, pages, work)
    html = out or root / "_build" / "html"
    shutil.rmtree(html, ignore_errors=True)
    html.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(work / "_build" / "html", html)
    print(f"Book built in {time.perf_counter() - start:.0f} s. Open:", file=sys.stderr)
    return html / "index.html"


def flatten(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"tiers": {"k": 6}}`` as ``{"tiers.k": 6}``."""
    flat: dict[str, Any] = {}
    for chapter, table in profile.items():
        if not isinstance(table, dict):
            raise BookError(f"a profile has one table a chapter; {chapter!r} is not a table.")
        flat |= {f"{chapter}.{name}": value for name, value in table.items()}
    return flat


def digest_of(root: Path, patterns: tuple[str, ...]) -> str:
    """Return a SHA-256 over the names and contents of the files that match."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def execute(chapter: Chapter, parameters: dict[str, Any], root: Path, folder: Path, package: str) -> tuple[Path, bool]:
    """Return the executed notebook of a chapter, and whether it was executed now.

    Raises:
        BookError: a cell failed.
    """
    import jupytext
    import papermill

    folder.mkdir(parents=True, exist_ok=True)
    output, key_file = folder / f"{chapter.name}.ipynb", folder / f"{chapter.name}.key"
    key = hashlib.sha256(
        chapter.source.read_bytes()
        + json.dumps([parameters, package, os.environ.get("CTRNB_DATA")], sort_keys=True).encode()
    ).hexdigest()
    if output.is_file() and key_file.is_file() and key_file.read_text() == key:
        return output, False
    source, failed = folder / f"{chapter.name}.input.ipynb", folder / f"{chapter.name}.failed.ipynb"
    notebook = jupytext.read(chapter.source)
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    jupytext.write(notebook, source)
    key_file.unlink(missing_ok=True)
    try:
        papermill.execute_notebook(
            str(source), str(failed), parameters=parameters, cwd=str(root), kernel_name="python3",
            progress_bar=False, log_output=False, extra_arguments=["--IPKernelApp.log_level=50"],
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise BookError(
            f"chapter {chapter.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue} "
            f"(executed part: {failed})"
        ) from None
    failed.rename(output)
    key_file.write_text(key)
    return output, True


def compile_html(root: Path, pages: Path, work: Path) -> None:
    """Compile executed pages; any warning of the compiler is an error.

    Raises:
        BookError: with the end of the compiler's output.
    """
    import yaml

    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {"execute_notebooks": "off"}
    (pages / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    shutil.copy(root / "_toc.yml", pages / "_toc.yml")
    for path in sorted((root / "book").iterdir()):
        target = pages / "book" / path.name
        if path.is_dir():
            shutil.copytree(path, target)
        elif path.suffix != ".md" or not (pages / "book" / f"{path.stem}.ipynb").exists():
            shutil.copy(path, target)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(pages), "--path-output", str(work), "--all", "-W", "--keep-going", "-q"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if result.returncode:
        lines = (result.stdout + result.stderr).strip().splitlines()
        raise BookError("the HTML could not be compiled:\n" + "\n".join(lines[-30:]))
