"""The command that breaks a copy of the user's own model on purpose, and says which guard noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadworthy.cli.build import ModelFile, Which
from roadworthy.cli.output import AsJson, Options, show, table
from roadworthy.errors import FAILED, TooFewSamples

if TYPE_CHECKING:
    from roadworthy.drills.matrix import Matrix


def drill(
    context: typer.Context,
    file: ModelFile,
    which: Which = None,
    only: Annotated[str, typer.Option(help="Faults, such as P3,S1; all by default.")] = "",
    seed: Annotated[int, typer.Option(help="First seed.")] = 0,
    seeds: Annotated[int, typer.Option(help="How many seeds, counted up from the first.", min=1)] = 1,
    severity: Annotated[
        str, typer.Option(help="From 0 to 1, several separated by commas; `moderate` is each fault's own.")
    ] = "moderate",
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Drill each fault with its guards off, too: it must be missed.")
    ] = False,
    clean: Annotated[
        int, typer.Option(help="Windows without a fault, resampled by day, to count false alarms in.", min=0)
    ] = 0,
    at: Annotated[
        str | None, typer.Option(help="When the fault happens; in the middle of the history by default.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Questions of the history to keep, about.", min=1_000)] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Inject known faults into a copy of the model's deployment; exits with 1 when a guard missed one it must catch."""
    from roadworthy.cli.progress import progress
    from roadworthy.clock import parse_instant
    from roadworthy.drills.catalogue import faults
    from roadworthy.drills.clean import clean_windows
    from roadworthy.drills.matrix import healthy_in, run, wanted
    from roadworthy.drills.page import write_page

    options: Options = context.obj
    settings = options.settings()
    chosen = faults([name.strip() for name in only.split(",") if name.strip()])
    levels = [_severity(text) for text in severity.split(",")]
    with progress(as_json) as report:
        healthy = healthy_in(
            settings, file, settings.root / "drills", model=which, rows=rows,
            live_from=parse_instant(at) if at else None, progress=report,
        )  # fmt: skip
        cells = wanted(chosen, levels, range(seed, seed + seeds), ablation=ablation)
        matrix = run(healthy, cells, progress=report)
        alarms, told = None, []
        try:
            alarms = clean_windows(healthy, windows=clean, seed=seed, progress=report) if clean else None
            told = [alarms.sentence()] if alarms else []
        except TooFewSamples as shortage:  # what was drilled is shown all the same
            told = [f"no windows without a fault: {shortage}"]
    page = write_page(settings.reports, matrix, alarms)
    body = {"matrix": matrix, "guards": matrix.guards(), "clean": alarms, "page": page}
    show(body, [*_told(matrix), *told, f"Page: {page}"], as_json=as_json)
    if matrix.failures():
        raise typer.Exit(FAILED)


def _severity(text: str) -> float | None:
    if text.strip() == "moderate":
        return None
    try:
        level = float(text)
    except ValueError:
        level = -1.0
    if not 0.0 <= level <= 1.0:
        raise typer.BadParameter(f"{text!r} is no severity: write `moderate` or a number from 0 to 1")
    return level


def _told(matrix: Matrix) -> list[Any]:
    from roadworthy.drills.wording import COLUMNS, lines, summary

    guards = [(use.guard, use.first, use.sole, use.seen) for use in matrix.guards()]
    parts: list[Any] = [table(COLUMNS, lines(matrix))]
    if guards:
        parts.append(
            table(("guard", "first", "alone", "noticed"), guards, title="What each guard was good for")
        )
    return [*parts, *summary(matrix)]


COMMANDS = (drill,)
