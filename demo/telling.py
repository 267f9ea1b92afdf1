"""How the demo speaks: numbered steps, the command a user would type, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Teller:
    """Prints the story; times every step."""

    def __init__(self) -> None:
        seen = Console()
        self.console = Console(highlight=False, width=min(seen.width, 118) if seen.is_terminal else 118)
        self._started = time.monotonic()
        self._step = 0

    @property
    def seconds(self) -> float:
        """Since the story began."""
        return time.monotonic() - self._started

    def step(self, title: str, command: str = "") -> None:
        """A new chapter."""
        self._step += 1
        self.console.print(f"\n[bold]{self._step}. {title}[/bold]  [dim]{self.seconds:.0f} s[/dim]")
        if command:
            self.console.print(f"   [cyan]$ {command}[/cyan]")

    def say(self, text: str, style: str = "") -> None:
        """One sentence."""
        self.console.print(f"   {text}", style=style or None)

    def event(self, now: datetime, text: str, style: str = "yellow") -> None:
        """Something that happened in virtual time."""
        self.console.print(f"   [dim]{now:%d %b %H:%M}[/dim]  {text}", style=style)

    def show(self, renderable: RenderableType) -> None:
        """A table or a report."""
        self.console.print(renderable)

    @contextmanager
    def replaying(self, total: int) -> Iterator[ReplayBar]:
        """A progress bar that shows the virtual date."""
        columns = (
            TextColumn("   {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            yield ReplayBar(bar, total)


class ReplayBar:
    """Progress of a replay."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("replay", total=total, rows="")

    def __call__(self, now: datetime, rows: int) -> None:
        """Traffic has reached `now`."""
        self._bar.update(
            self._task, completed=rows, description=f"{now:%d %b %Y}", rows=f"{rows:,} predictions"
        )
