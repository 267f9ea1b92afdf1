"""A gate report for the terminal, as a Rich renderable.

Not here: writing it anywhere; the command line does.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from roadworthy.gate import wording
from roadworthy.gate.arranging import Asked, Reason, absent_names, reasons, sections
from roadworthy.gate.check import number
from roadworthy.gate.report import GateReport, Measured
from roadworthy.verdict import Ruling, Verdict

_STYLES: dict[Ruling, str] = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold red",
    "insufficient": "yellow",
    "cancelled": "dim",
}

#: Columns of the checks, of which those after the ruling hold numbers, and what lies between two of them.
_HEADERS = ("", "check", "ruling", "measured", "limit", "n")
_CHECK, _RULING, _LIMIT = 1, 2, 4
_GAP = 2


def render(report: GateReport) -> RenderableType:
    """The report for a person: outcome, what blocks, every check by what it asks about, numbers, what to do next."""
    style = "bold green" if report.decision.ruling == "pass" else "bold red"
    parts: list[RenderableType] = [
        Text(wording.headline(report), style=style),
        Text(wording.judged_on(report)),
        *_blocking(report),
        Text(),
        _Checks(report),
    ]
    if any(not note.required for note in report.checks):
        parts += [Text(), _item("()", "dim", "advisory: to read, it blocks nothing")]
    if absent := absent_names(report):
        parts += [_item("- ", "dim", f"does not apply to this model: {absent}")]
    if report.decision.advisory:
        parts += [Text(), Text("To read; it blocks nothing", style="bold")]
        parts += [_reason(each) for each in reasons(report.decision.advisory)]
    if report.metrics:
        parts += [Text(), _metrics(report)]
    parts += [Text(), Text("What next", style="bold")]
    parts += [_item("→", "bold", sentence) for sentence in wording.what_next(report)]
    return Group(*parts)


def _blocking(report: GateReport) -> list[RenderableType]:
    decision = report.decision
    if not (decision.blocking or decision.not_run):
        return []
    return [
        Text(),
        Text("What blocks", style="bold"),
        *(_reason(each) for each in reasons(decision.blocking)),
        *(_item("?", "yellow", f"{name}: this check did not run") for name in decision.not_run),
    ]


class _Checks:
    """A heading and a table for each group; the columns of all tables stand in the same places."""

    def __init__(self, report: GateReport) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Where the ruling in words does not fit beside the numbers, the mark alone says it."""
        found = sections(self._report)
        lines = {
            id(each): [self._line(each, one) for one in each.shown]
            for every in found
            for each in every.checks
        }
        folded = [self._rest(each) for every in found for each in every.checks if each.folded]
        cells = [[str(cell) for cell in line] for block in (*lines.values(), folded) for line in block]
        widths = [max(map(len, column)) for column in zip(_HEADERS, *cells, strict=True)]
        shown = [*range(len(_HEADERS))]
        if sum(widths) + _GAP * (len(widths) - 1) > options.max_width:
            shown.remove(_RULING)
        room = options.max_width - sum(widths[at] + _GAP for at in shown if at != _CHECK)
        # A limit of several words is broken between them before a name is broken within.
        lacking = max(_longest_word(cells, _CHECK) - room, 0)
        taken = min(lacking, widths[_LIMIT] - _longest_word(cells, _LIMIT))
        widths[_LIMIT] -= taken
        room += taken
        widths[_CHECK] = max(8, min(widths[_CHECK], room))

        def table(rows: Sequence[Sequence[str | Text]]) -> Table:
            made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=False)
            for at in shown:
                right = at > _RULING
                made.add_column(width=widths[at], overflow="fold", justify="right" if right else "left")
            for row in rows:
                made.add_row(*(row[at] for at in shown))
            return made

        yield table([[Text(header, style="dim") for header in _HEADERS]])
        for number_of, section in enumerate(found):
            if number_of:
                yield Text()
            yield Text.assemble(
                (wording.group(section.group), "bold"), f"  {wording.counts(section)}".rstrip()
            )
            for asked in section.checks:
                if asked.shown:
                    yield table(lines[id(asked)])
                if asked.folded:
                    yield table([self._rest(asked)])

    def _rest(self, asked: Asked) -> tuple[str | Text, ...]:
        mark = self._mark(asked, asked.worst)
        return mark, f"{asked.note.name}: {asked.rest}", "", "", "", ""

    @staticmethod
    def _mark(asked: Asked, ruling: Ruling) -> Text:
        mark = wording.MARKS[ruling]
        return Text(mark if asked.note.required else f"({mark})", style=_STYLES[ruling])

    def _line(self, asked: Asked, verdict: Verdict) -> tuple[str | Text, ...]:
        return (
            self._mark(asked, verdict.ruling),
            f"{verdict.check} {wording.part(self._report, verdict)}".rstrip(),
            Text(verdict.ruling, style=_STYLES[verdict.ruling]),
            wording.measured(verdict),
            verdict.limit or "-",
            f"{verdict.n:,}",
        )


def _longest_word(cells: Sequence[Sequence[str]], column: int) -> int:
    return max((len(word) for line in cells for word in line[column].split()), default=0)


def _metrics(report: GateReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("on the same rows", no_wrap=True)
    columns = ("candidate", "champion", "baseline", "difference")
    shown = [name for name in columns if any(getattr(row, name) for row in report.metrics)]
    for name in shown:
        table.add_column(
            {"difference": "candidate - champion"}.get(name, name), justify="right", no_wrap=True
        )
    for row in report.metrics:
        table.add_row(row.metric, *(_number(getattr(row, name), name == "difference") for name in shown))
    return table


def _number(found: Measured | None, with_interval: bool) -> str:
    if found is None:
        return "-"
    if with_interval:
        return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    return number(found.value)


def _reason(found: Reason) -> RenderableType:
    return _item(
        wording.MARKS[found.ruling], _STYLES[found.ruling], f"{', '.join(found.checks)}: {found.text}"
    )


def _item(mark: str, style: str, sentence: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(mark, style=style), Text(sentence))
    return Padding(grid, (0, 0, 0, 0))
