"""What a command prints: its result, its progress, and a line for an error that the user can mend."""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from ctrnb.errors import CtrnbError


def emit(values: dict[str, Any], as_json: bool) -> None:
    """Print a dictionary as one JSON object, or a line an entry."""
    if as_json:
        print(json.dumps(values, allow_nan=False))
        return
    width = max(map(len, values))
    for name, value in values.items():
        if not isinstance(value, dict):
            print(f"{name:<{width}}  {round(value, 6) if isinstance(value, float) else value}")


@contextmanager
def reported() -> Iterator[None]:
    """Print an error that the user can mend as one line and exit with 2; warnings are one line too.

    So are a disk that is full and a memory that is too small, wherever in a library they are met.
    """

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"ctrnb: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        try:
            if sys.stdout is None:
                raise CtrnbError("standard output is closed. Send it to a file, or to /dev/null.")
            yield
            sys.stdout.flush()  # here, where a full disk can still be reported
        except CtrnbError as error:
            print(f"ctrnb: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            print(f"ctrnb: {place}{error.strerror or error}. Finished runs are kept.", file=sys.stderr)
            if error.filename is None:  # standard output, perhaps: Python must not try to flush it again
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
            raise typer.Exit(2) from None
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            print(
                f"ctrnb: not enough memory: {str(error).splitlines()[0]}. Use a smaller dataset, model or batch.",
                file=sys.stderr,
            )
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("ctrnb: stopped. Finished runs are kept.", file=sys.stderr)
            raise typer.Exit(130) from None


def lacks_memory(error: Exception) -> bool:
    """Return whether an error says that memory could not be had; torch says so by a RuntimeError."""
    return isinstance(error, MemoryError) or any(
        text in str(error) for text in ("allocate memory", "out of memory", "Storage size calculation overflowed")
    )


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, float, float | None], None] | None]:
    """Yield a callback that draws epochs on a terminal; None in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("best valid AUC {task.fields[best]}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0, best="-")

        def update(epoch: int, done: float, best: float | None) -> None:
            text = "-" if best is None else f"{best:.4f}"
            bar.update(task, completed=done, description=f"{title}, epoch {epoch}", best=text)

        yield update
