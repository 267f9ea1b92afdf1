"""A scorecard as lines for the terminal.

Not here: the tests and their points (jobs.scorecard).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from roadworthy.jobs.scorecard import Scorecard, Scored

_MARKS = {1.0: ("●", "green"), 0.5: ("◐", "yellow"), 0.0: ("○", "red")}

#: Longer evidence is cut in a terminal; --json has all of it.
_LONGEST = 180


def lines(card: Scorecard) -> list[RenderableType]:
    """The score, then every test by section with what was found and what is missing."""
    which = "which answers" if card.answers else "the newest; no version answers"
    parts: list[RenderableType] = [
        Text(f"ML Test Score of {card.reference} ({which}): {card.score:g} of 7", style="bold"),
        Text(f"The smallest of the four sections counts. The paper calls it: {card.meaning}."),
        Text("● runs by itself, 1 point   ◐ in part or by hand, 1/2   ○ nothing found", style="dim"),
    ]
    for section in card.sections:
        parts += [Text(), Text(f"{section.name}  {section.points:g} of {len(section.tests)}", style="bold")]
        parts += [_test(test) for test in section.tests]
    return parts


def _test(test: Scored) -> RenderableType:
    mark, style = _MARKS[test.points]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(mark, style=style), Text(f"{test.title} ({test.key})"))
    for sentence in test.found:
        grid.add_row(
            "",
            Text(sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST].rstrip()} …", style="dim"),
        )
    if test.missing:
        grid.add_row("", Text.assemble("missing: ", test.missing))
    if test.command:
        grid.add_row("", Text(f"→ {test.command}"))
    return grid
