"""A progress bar on standard error, so that standard output stays what a program can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Says what is going on: the step, how much of it is done, of how much.
Report = Callable[[str, int, int], None]


@contextmanager
def progress(quiet: bool = False) -> Iterator[Report]:
    """Show the steps that the job reports; nothing where output is not a terminal or `quiet` is set."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=quiet or not console.is_terminal, transient=True,
    )  # fmt: skip
    steps: dict[str, int] = {}

    def report(step: str, done: int, total: int) -> None:
        if step not in steps:
            steps[step] = bar.add_task(step, total=total)
        bar.update(steps[step], completed=done, total=total)  # type: ignore[arg-type]  # a TaskID is an int

    with bar:
        yield report
