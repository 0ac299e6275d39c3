"""What a sweep shows: live figures on a terminal, a line a training elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ctrnb.study.plan import Step, Training
from ctrnb.study.sweep import Observer
from ctrnb.training import RunResult


class Lines(Observer):
    """A line on standard error for every training that finishes or fails."""

    def __init__(self, total: int) -> None:
        self.total, self.reused, self.errors = total, 0, 0
        self.over: set[Training] = set()
        self.best: float | None = None  # highest test AUC so far
        self.begun = time.monotonic()

    def expects(self, total: int) -> None:
        """Show places among so many trainings."""
        self.total = total

    def found(self, step: Step, result: RunResult) -> None:
        """Count a training that had finished before."""
        self.reused += 1
        self.count(step, result)

    def finished(self, step: Step, result: RunResult) -> None:
        """Count a training that has finished, and print its scores."""
        self.count(step, result)
        row = result.row
        seconds = row["seconds_per_epoch"] * row["epochs"]
        self.say(f"{step}: AUC {row['auc']:.4f}, validation {row['valid_auc']:.4f}, {seconds:.0f} s")

    def failed(self, step: Step, reason: str) -> None:
        """Count a training that has failed, and print why."""
        self.errors += 1
        self.say(f"{step}: failed: {reason}")

    @property
    def done(self) -> int:
        """How many trainings have finished; one that was damaged and redone counts once."""
        return len(self.over)

    def count(self, step: Step, result: RunResult) -> None:
        """Take a finished training into the figures."""
        self.over.add(step.training)
        self.best = max(result.row["auc"], self.best or 0.0)

    def say(self, text: str) -> None:
        """Print a line with the place in the study."""
        print(f"[{self.done + self.errors}/{self.total}] {text}", file=sys.stderr, flush=True)

    def seconds_left(self, running: int) -> float | None:
        """Return the time left at the pace so far, or None before the first training has finished."""
        trained = self.done - self.reused
        if not trained:
            return None
        return (self.total - self.done - self.errors) * (time.monotonic() - self.begun) / trained


class Live(Lines):
    """The same, above a bar with done, running, left, the best AUC so far and the time left."""

    def __init__(self, total: int, bar, task) -> None:
        super().__init__(total)
        self.bar, self.task = bar, task

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        from rich.markup import escape

        self.bar.console.print(f"[dim]{self.done + self.errors}/{self.total}[/dim] {escape(text)}", highlight=False)

    def waited(self, running: int) -> None:
        """Bring the bar up to date."""
        left = self.seconds_left(running)
        self.bar.update(
            self.task,
            total=self.total,
            completed=self.done + self.errors,
            running=running,
            left=max(self.total - self.done - self.errors - running, 0),
            best="-" if self.best is None else f"{self.best:.4f}",
            time="-" if left is None else duration(left),
        )


@contextmanager
def observer(total: int) -> Iterator[Lines]:
    """Yield what shows a sweep of ``total`` trainings: a bar where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        TextColumn("{task.completed} done, {task.fields[running]} running, {task.fields[left]} left"),
        TextColumn("best AUC {task.fields[best]}"),
        TimeElapsedColumn(),
        TextColumn("about {task.fields[time]} left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, running=0, left=total, best="-", time="-")
        yield Live(total, bar, task)


def duration(seconds: float) -> str:
    """Return a time to read: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
