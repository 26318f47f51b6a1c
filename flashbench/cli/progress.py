"""Progress on the terminal: one bar a stage, with rate and time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as RichTask
from rich.text import Text

from flashbench.progress import Monitor
from flashbench.progress import Progress as Report


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


def bars(console: Console) -> Monitor:
    """A monitor that shows each stage as a bar on `console`; on no terminal, one line when a stage ends."""

    def monitor(stage: str) -> AbstractContextManager[Report]:
        return _bar(console, stage) if console.is_terminal else _lines(console, stage)

    return monitor


@contextmanager
def _bar(console: Console, stage: str) -> Iterator[Report]:
    layout = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), _Rate())
    with Progress(*layout, TimeRemainingColumn(elapsed_when_finished=True), console=console) as progress:
        task = progress.add_task(stage, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
        if progress.tasks[0].total is None:
            progress.update(task, completed=0, total=0, description=f"{stage}: nothing to do")


@contextmanager
def _lines(console: Console, stage: str) -> Iterator[Report]:
    seen = {"done": 0, "total": 0}

    def report(done: int, total: int) -> None:
        seen.update(done=done, total=total)

    yield report
    state = f"{seen['done']:,} of {seen['total']:,}" if seen["total"] else "nothing to do"
    console.print(f"{stage}: {state}", highlight=False, markup=False)
