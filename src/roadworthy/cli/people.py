"""Commands about what people are to decide: cases."""

from __future__ import annotations

from typing import Annotated

import typer

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


COMMANDS = (cases,)
