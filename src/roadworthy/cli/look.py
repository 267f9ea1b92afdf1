"""Commands that ask the log: monitor, log, trace, compare, report; and replay, which fills it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from roadworthy.cli.build import ModelFile, Reference, Which
from roadworthy.cli.operate import Actor, ModelName, Reason, chosen
from roadworthy.cli.output import AsJson, Options, show, table
from roadworthy.errors import REFUSED

Start = Annotated[str | None, typer.Option("--from", help="From this time on.")]
End = Annotated[str | None, typer.Option("--to", help="Before this time.")]
OutcomesAsOf = Annotated[
    str | None, typer.Option("--as-of", help="Outcomes known at this time; now by default.")
]


def monitor(
    context: typer.Context,
    model: ModelName = None,
    as_of: Annotated[
        str | None, typer.Option(help="Judge what was known at this time; now by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge the days of the log that are not judged yet; open and close alarms."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.elsewhere import monitor_any as run

    options: Options = context.obj
    stores = options.stores()
    seen = run(stores, model, as_of=parse_instant(as_of) if as_of else None)
    rows = [
        (item.check, item.subject, item.ruling, item.measured, item.limit, item.n) for item in seen.verdicts
    ]
    columns = ("check", "subject", "ruling", "measured", "limit", "n")
    show(seen, [*([table(columns, rows)] if rows else []), *seen.sentences()], as_json=as_json)


def log(
    context: typer.Context,
    model: ModelName = None,
    start: Start = None,
    end: End = None,
    as_of: OutcomesAsOf = None,
    limit: Annotated[int, typer.Option(help="Newest rows to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show predictions as they were logged, the newest last, with the outcome where it is known."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.log import newest

    options: Options = context.obj
    stores = options.stores()
    name = model or chosen(stores, None)  # one that is served elsewhere is logged and not registered
    rows = newest(
        stores, name, start=parse_instant(start) if start else None, end=parse_instant(end) if end else None,
        as_of=parse_instant(as_of) if as_of else None, limit=limit, whole=as_json,
    )  # fmt: skip
    columns = ("id, event time (UTC)", "unit", "version", "role", "output", "label")
    cells = [
        [
            f"{row['id']} {row['event_time']:%Y-%m-%d %H:%M:%S}",
            row["unit"],
            row["version"],
            row["role"],
            row["output"] if row["status"] == "ok" else row["status"],
            _label(row),
        ]
        for row in rows
    ]
    show(
        rows,
        table(columns, cells, least={columns[0]: 36})
        if rows
        else f"no predictions of {name} are logged then",
        as_json=as_json,
    )


def _label(row: dict[str, Any]) -> str | None:
    return None if row["label"] is None else f"{row['label']:g}"


def trace(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            help="Identifier of a prediction, or MODEL:UNIT of rows of history (UNIT, if there is one model); the "
            "MODEL with --rows.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(help="File of units (.csv, .parquet, or one a line): rows that turned out wrong."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Its column of units; by default the one named as the model's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """From a prediction to its version, run and training rows; from units to versions trained on them, and answers."""
    from roadworthy.jobs.trace import trace as run
    from roadworthy.jobs.trace_rows import trace_rows

    options: Options = context.obj
    stores = options.stores()
    if rows is not None:
        followed = trace_rows(stores, chosen(stores, what), rows, column)
        show(followed, followed.sentences(), as_json=as_json)
        return
    if what is None:
        raise typer.BadParameter("name a prediction or a unit, or give --rows FILE", context)
    found = run(stores, what)
    show(found, found.sentences(), as_json=as_json)


def compare(
    context: typer.Context,
    model_or_old: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Name of a model; may be left out where there is one.", show_default=False
        ),
    ],
    old_or_new: Annotated[
        str, typer.Argument(metavar="OLD", help="Version to compare with, such as 1.", show_default=False)
    ],
    only_new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="Version to compare, such as 2.", show_default=False)
    ] = None,
    start: Start = None,
    end: End = None,
    as_of: OutcomesAsOf = None,
    as_json: AsJson = False,
) -> None:
    """Score the same logged requests with two versions and compare them where outcomes are known, by month."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.compare import COLUMNS, remarks
    from roadworthy.jobs.compare import compare as run

    what = [word for word in (model_or_old, old_or_new, only_new) if word is not None]
    *model, old, new = what
    if not (old.isdecimal() and new.isdecimal()):
        raise typer.BadParameter(
            f"expected [MODEL] OLD NEW, such as flight-delay 1 2, got {' '.join(what)}", context
        )
    options: Options = context.obj
    stores = options.stores()
    found = run(
        stores, chosen(stores, model[0] if model else None), int(old), int(new),
        start=parse_instant(start) if start else None, end=parse_instant(end) if end else None,
        as_of=parse_instant(as_of) if as_of else None,
    )  # fmt: skip
    lines = [line for row in found for line in row.lines()]
    show(found, [table(COLUMNS, lines), *remarks(found)], as_json=as_json)


def report(context: typer.Context, model: ModelName = None, as_json: AsJson = False) -> None:
    """Write one HTML page with the life of a model: versions, outcomes, calibration, drift, alarms, ledger."""
    from roadworthy.jobs.report import report as run

    options: Options = context.obj
    stores = options.stores()
    page = run(stores, chosen(stores, model))
    show({"page": str(page)}, f"Report: {page}", as_json=as_json)


def replay(
    context: typer.Context,
    file: ModelFile,
    start: Annotated[str, typer.Option("--from", help="Replay questions asked from this time on.")],
    end: Annotated[str, typer.Option("--to", help="Replay questions asked before this time.")],
    which: Which = None,
    url: Annotated[str, typer.Option(help="A server started with --replay-clock.")] = "http://127.0.0.1:8080",
    as_json: AsJson = False,
) -> None:
    """Send history to a running server in time order, outcomes as they land, guards and monitors in between."""
    from roadworthy.cli.progress import progress
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.replay import replay_file

    options: Options = context.obj
    with progress(as_json) as advance:
        done = replay_file(
            options.stores(),
            file,
            model=which,
            start=parse_instant(start),
            end=parse_instant(end),
            url=url,
            progress=advance,
        )
    said = f"{done.rows:,} predictions and {done.outcomes:,} outcomes in {done.requests:,} requests"
    show(done, [said, *([done.warning] if done.warning else [])], as_json=as_json)


def tick(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="Run what is due at this time; now by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run what is due once: hard guards, monitors. For cron and schedulers; running it twice changes nothing."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.tick import tick as run

    options: Options = context.obj
    done = run(options.stores(), parse_instant(as_of) if as_of else None)
    show(done, done.sentences() or "nothing was due", as_json=as_json)


def scorecard(
    context: typer.Context,
    model: ModelName = None,
    drills: Annotated[
        Path | None, typer.Option(help="What `roadworthy drill --json` printed, as evidence of a rehearsal.")
    ] = None,
    test: Annotated[
        str,
        typer.Option(
            "--attest", help="Vouch for a test that was done by hand, such as data-6; needs --reason."
        ),
    ] = "",
    reason: Reason = "",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Score a model by the 28 tests of the ML Test Score: what was found for each, and what would supply the rest."""
    from roadworthy.cli.scores import lines
    from roadworthy.jobs.scorecard import attest, read_rehearsal
    from roadworthy.jobs.scorecard import scorecard as run

    options: Options = context.obj
    stores = options.stores()
    name = chosen(stores, model)
    if test:
        attest(stores, name, test, actor=actor or getpass.getuser(), reason=reason)
    card = run(stores, name, read_rehearsal(drills) if drills else None)
    show(card, lines(card), as_json=as_json)


def vectors(
    context: typer.Context,
    reference: Reference,
    logged: Annotated[
        str | None, typer.Option(help="Compare with what a second implementation logged under this name.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Largest difference to accept; that of the version's format by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Golden requests for a second implementation of a version; with --logged, exits with 3 unless it says the same."""
    from roadworthy.jobs.vectors import compare_logged
    from roadworthy.jobs.vectors import vectors as run

    options: Options = context.obj
    stores = options.stores()
    if logged is None:
        found = run(stores, reference)
        columns = ("golden request", "output")
        show(found, [table(columns, [(one.name, one.output) for one in found])], as_json=as_json)
        return
    verdict = compare_logged(stores, reference, logged, tolerance=tolerance)
    show(verdict, f"{verdict.subject}: {verdict.ruling}: {verdict.reason}", as_json=as_json)
    if verdict.ruling != "pass":
        raise typer.Exit(REFUSED)


COMMANDS = (monitor, tick, log, trace, compare, report, replay, scorecard, vectors)
