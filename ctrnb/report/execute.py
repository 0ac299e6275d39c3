"""Execute one chapter by papermill, and keep with it when, where and how long it ran."""

import json
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ctrnb.errors import CtrnbError
from ctrnb.report.cache import key_of, versions
from ctrnb.report.chapters import Chapter

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

STARTS = 3  # kernels that are tried
UNANSWERED = "died before replying"  # jupyter_client's words


class BookError(CtrnbError):
    """A chapter failed, or the HTML could not be compiled."""


@dataclass(frozen=True)
class Record:
    """How a chapter was executed.

    Attributes:
        key: :func:`ctrnb.report.cache.key_of` what it was executed from.
        parameters: the values that were given; the others had their defaults.
        seconds: of wall time.  finished: when, in UTC.  device: in words.  versions: by package.
    """

    chapter: str
    key: str
    parameters: dict[str, Any]
    seconds: float
    finished: str
    device: str
    versions: dict[str, str]


def read_record(folder: Path, name: str) -> Record | None:
    """Return how a chapter was executed last, or None where no whole execution is kept."""
    try:
        record = Record(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if (folder / f"{name}.ipynb").is_file() else None


def is_current(chapter: Chapter, values: dict[str, Any], root: Path, folder: Path) -> bool:
    """Return whether the kept execution of a chapter is from the same source, parameters, package and data."""
    record = read_record(folder, chapter.name)
    return record is not None and record.key == key_of(chapter, values, root)


def execute(chapter: Chapter, values: dict[str, Any], root: Path, folder: Path) -> Record:
    """Execute a chapter into ``folder/NAME.ipynb``, its clean notebook into ``NAME.input.ipynb``, and record it.

    Raises:
        BookError: a cell failed: chapter, cell and error are named, and what was executed is in ``NAME.failed.ipynb``; or no
            kernel answered.
    """
    import papermill

    folder.mkdir(parents=True, exist_ok=True)
    places = {kind: folder / f"{chapter.name}.{kind}.ipynb" for kind in ("input", "failed")}
    write_notebook(chapter, places["input"])
    record_file = folder / f"{chapter.name}.json"
    record_file.unlink(missing_ok=True)
    key, begin = key_of(chapter, values, root), time.perf_counter()
    try:
        run(chapter.name, places["input"], places["failed"], values, root)
    except papermill.PapermillExecutionError as error:
        line = next((text for text in error.source.splitlines() if error_line(text)), "")
        raise BookError(
            f"chapter {chapter.name} failed in cell {error.exec_count} ({line.strip()}): {error.ename}: {error.evalue} "
            f"(executed part: {places['failed']})"
        ) from None
    places["failed"].rename(folder / f"{chapter.name}.ipynb")
    seconds, end = time.perf_counter() - begin, datetime.now(UTC)
    record = Record(
        chapter.name, key, values, round(seconds, 1), end.isoformat(timespec="seconds"), device(), versions()
    )
    record_file.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    return record


def run(name: str, source: Path, target: Path, values: dict[str, Any], root: Path) -> None:
    """Execute a notebook into another, with a new kernel where one dies before it answers.

    Kernels of several processes that start at one moment may be given the same port, and then all but one die.

    Raises:
        BookError: no kernel answered.
        papermill.PapermillExecutionError: a cell failed.
    """
    import papermill

    for _ in range(STARTS):
        try:
            papermill.execute_notebook(
                str(source), str(target), parameters=values, cwd=str(root), kernel_name="python3", progress_bar=False,
                log_output=False, extra_arguments=["--IPKernelApp.log_level=50"],
            )  # fmt: skip
            return
        except RuntimeError as error:
            if UNANSWERED not in str(error):
                raise
    raise BookError(f"chapter {name}: {STARTS} kernels, one after the other, died before they answered. Try --jobs 1.")


def page_of(chapter: Chapter, folder: Path) -> Any:
    """Return a chapter's notebook as its source says now, with the outputs and the given parameters of its execution.

    The key of the execution covers the code, so that cells agree and prose may have changed.
    """
    import jupytext

    page, executed = jupytext.read(chapter.source), jupytext.read(folder / f"{chapter.name}.ipynb")
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    injected = [cell for cell in code if "injected-parameters" in cell.metadata.get("tags", [])]
    fresh = [cell for cell in page.cells if cell.cell_type == "code"]
    for cell, old in zip(fresh, [cell for cell in code if cell not in injected], strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    for cell in injected:
        page.cells.insert(page.cells.index(fresh[0]) + 1, cell)
    page.metadata.setdefault("kernelspec", KERNEL)
    for number, cell in enumerate(page.cells):
        cell["id"] = f"{chapter.name}-{number}"  # jupytext draws them: equal pages are to be equal files
    return page


def error_line(text: str) -> bool:
    """Return whether a line of a cell says what the cell does: it is neither empty nor a comment."""
    return bool(text.strip()) and not text.lstrip().startswith(("#", "%"))


def write_notebook(chapter: Chapter, path: Path) -> None:
    """Write a chapter as a notebook that papermill and JupyterLab open."""
    import jupytext

    notebook = jupytext.read(chapter.source)
    notebook.metadata.setdefault("kernelspec", KERNEL)
    jupytext.write(notebook, path)


def device() -> str:
    """Return what trainings ran on, in words: the GPU where torch sees one, else the processor."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"CPU: {names[0] if names else platform.machine()}"
