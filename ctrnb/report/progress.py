"""What a build of the book shows: a bar with the time left on a terminal, a line a chapter elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

GUESS = 15.0  # seconds of a chapter that has never been executed


class Lines:
    """A line on standard error for every chapter that has been executed or is unchanged."""

    def __init__(self, expected: Mapping[str, float | None], jobs: int) -> None:
        self.expected = {name: seconds or GUESS for name, seconds in expected.items()}
        self.jobs, self.done = jobs, 0
        self.running: dict[str, float] = {}

    def begun(self, name: str) -> None:
        """A chapter is being executed."""
        self.running[name] = time.monotonic()

    def ended(self, name: str, state: str) -> None:
        """A chapter is over."""
        self.running.pop(name, None)
        self.expected.pop(name)
        self.done += 1
        self.say(f"{name}: {state}")

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"[{self.done}/{self.done + len(self.expected)}] {text}", file=sys.stderr, flush=True)

    def tick(self) -> None:
        """Time has passed."""

    def seconds_left(self) -> float:
        """Return the time left: of the chapters' last executions, shared between the jobs; no less than the longest."""
        now = time.monotonic()
        left = {name: max(each - (now - self.running.get(name, now)), 0) for name, each in self.expected.items()}
        return max(sum(left.values()) / self.jobs, max(left.values(), default=0))


class Live(Lines):
    """The same, above a bar with the chapters that are running and the time left."""

    def __init__(self, expected: Mapping[str, float | None], jobs: int, bar, task) -> None:
        super().__init__(expected, jobs)
        self.bar, self.task = bar, task

    def say(self, text: str) -> None:
        self.bar.console.print(f"[dim]{self.done}/{self.done + len(self.expected)}[/dim] {text}", highlight=False)

    def tick(self) -> None:
        names = ", ".join(self.running) or "-"
        self.bar.update(self.task, completed=self.done, running=names, left=f"{self.seconds_left():.0f}")


@contextmanager
def observer(expected: Mapping[str, float | None], jobs: int) -> Iterator[Lines]:
    """Yield what shows a build: chapters and how long they took last time, or None; a bar on a terminal alone."""
    if not sys.stderr.isatty():
        yield Lines(expected, jobs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        MofNCompleteColumn(), BarColumn(), TextColumn("running: {task.fields[running]}"), TimeElapsedColumn(),
        TextColumn("about {task.fields[left]} s left"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(expected), running="-", left="-")
        yield Live(expected, jobs, bar, task)
