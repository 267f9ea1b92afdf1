"""A gate report for the terminal, as a Rich renderable.

Not here: writing it anywhere; the command line does.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from roadworthy.gate import wording
from roadworthy.gate.check import number
from roadworthy.gate.report import GateReport, Measured
from roadworthy.verdict import Ruling

_STYLES: dict[Ruling, str] = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold red",
    "insufficient": "yellow",
    "cancelled": "dim",
}


def render(report: GateReport) -> RenderableType:
    """The report for a person: outcome, checks, numbers, what did not pass, what to do next."""
    style = "bold green" if report.decision.ruling == "pass" else "bold red"
    parts: list[RenderableType] = [
        Text(wording.headline(report), style=style),
        Text(wording.judged_on(report)),
        Text(),
        _checks(report),
    ]
    if report.metrics:
        parts += [Text(), _metrics(report)]
    parts += _not_passed(report)
    parts += [Text(), Text("What next", style="bold")]
    parts += [_item("→", "bold", sentence) for sentence in wording.what_next(report)]
    return Group(*parts)


def _checks(report: GateReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("", "check", "ruling"):
        table.add_column(header, no_wrap=True)
    for header in ("measured", "limit", "n"):
        table.add_column(header, justify="right", no_wrap=True)
    required = {note.name for note in report.checks if note.required}
    for verdict in report.verdicts:
        style = _STYLES[verdict.ruling]
        table.add_row(
            Text(wording.MARKS[verdict.ruling], style=style),
            f"{verdict.check} {wording.part(report, verdict)}".rstrip(),
            Text(verdict.ruling if verdict.check in required else f"({verdict.ruling})", style=style),
            wording.measured(verdict),
            verdict.limit or "-",
            f"{verdict.n:,}",
        )
    for name in report.decision.not_run:
        table.add_row(Text("?", style="yellow"), name, Text("did not run", style="yellow"), "-", "-", "0")
    return table


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


def _not_passed(report: GateReport) -> list[RenderableType]:
    decision = report.decision
    parts: list[RenderableType] = []
    if decision.blocking or decision.not_run:
        parts += [Text(), Text("What blocks", style="bold")]
        parts += [
            _item(
                wording.MARKS[verdict.ruling], _STYLES[verdict.ruling], f"{verdict.check}: {verdict.reason}"
            )
            for verdict in decision.blocking
        ]
        parts += [_item("?", "yellow", f"{name}: this check did not run") for name in decision.not_run]
    if decision.advisory:
        parts += [Text(), Text("To read; it blocks nothing", style="bold")]
        parts += [
            _item(
                wording.MARKS[verdict.ruling], _STYLES[verdict.ruling], f"{verdict.check}: {verdict.reason}"
            )
            for verdict in decision.advisory
        ]
    return parts


def _item(mark: str, style: str, sentence: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(mark, style=style), Text(sentence))
    return Padding(grid, (0, 0, 0, 0))
