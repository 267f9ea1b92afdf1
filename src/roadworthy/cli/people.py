"""Commands about what people are to decide: cases, owners' approvals, and a look at answers side by side."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.cli.build import Reference
from roadworthy.cli.operate import EventTime
from roadworthy.cli.output import AsJson, Options, show, table


def cases(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="Name of a model; of all models by default.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Oldest cases to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the predictions that wait for a person, oldest first. People answer at /v1/cases of the node."""
    from datetime import timedelta

    from roadworthy.clock import SystemClock, format_duration
    from roadworthy.jobs.cases import waiting_cases
    from roadworthy.jobs.history import known_model

    options: Options = context.obj
    name = None if model is None else known_model(options.stores(), model)
    found = waiting_cases(options.settings(), SystemClock(), name)
    if as_json or not found:
        show(found[:limit], "nobody waits for a person", as_json=as_json)
        return
    columns = ("case", "model", "version", "unit", "output", "waits for", "node")
    rows = [
        (
            case["id"], case["model"], case["version"], case["unit"], round(case["output"], 4),
            format_duration(timedelta(seconds=int(case["waited_seconds"]))), case["node"],
        )
        for case in found[:limit]
    ]  # fmt: skip
    shown = [table(columns, rows, least={"case": 36})]
    more = len(found) - limit
    show(found, [*shown, *([f"and {more:,} more; see --limit"] if more > 0 else [])], as_json=False)


def approve(
    context: typer.Context,
    reference: Reference,
    owner: Annotated[str, typer.Option("--as", help="Which of the declared owners says so.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the ledger.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take an approval back instead.")] = False,
    event_time: EventTime = None,
    as_json: AsJson = False,
) -> None:
    """Approve one version as an owner of the model. The name is believed: whoever may type here may type any name."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.approve import approve as run

    options: Options = context.obj
    done = run(
        options.stores(), reference, owner=owner, reason=reason, session=getpass.getuser(), withdraw=withdraw,
        event_time=parse_instant(event_time) if event_time else None,
    )  # fmt: skip
    show(done, done.sentences(), as_json=as_json)


def look(
    context: typer.Context,
    reference: Reference,
    ratings: Annotated[
        list[Path] | None, typer.Option(help="File that the page saved; may be given several times.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows, those that differ most.")] = 30,
    against: Annotated[
        int | None, typer.Option(help="Number of the version to compare with; the champion by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page on which people compare two versions' answers without knowing whose is whose; read their ratings."""
    import secrets

    from roadworthy.jobs.look import write_look
    from roadworthy.jobs.ratings import read_ratings

    options: Options = context.obj
    stores = options.stores()
    if not ratings:
        written = write_look(stores, reference, seed=secrets.token_hex(16), rows=rows, against=against)
        show(written, written.sentences(), as_json=as_json)
        return
    read = [read_ratings(stores, reference, file) for file in ratings]
    show(read, [line for one in read for line in one.sentences()], as_json=as_json)


COMMANDS = (cases, approve, look)
