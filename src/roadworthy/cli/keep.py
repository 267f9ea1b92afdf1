"""Commands that keep what is kept in shape: compact, retain, forget, import-log, hash-key."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.cli.operate import Actor, Reason
from roadworthy.cli.output import AsJson, Options, show


def compact(context: typer.Context, as_json: AsJson = False) -> None:
    """Merge the small files of the prediction log; a supervisor does it in the background."""
    from roadworthy.jobs.keeping import compact_log

    options: Options = context.obj
    done = compact_log(options.stores())
    show(done, done.sentence, as_json=as_json)


def retain(
    context: typer.Context,
    keep: Annotated[str, typer.Option(help="Such as 90d; all = for ever. As said before by default.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Only now; change no setting.")] = False,
    reason: Reason = "",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Drop predictions and outcomes that are older, and go on doing so (a supervisor does it every minute)."""
    from roadworthy.jobs.keeping import retain_log

    options: Options = context.obj
    done = retain_log(options.stores(), keep, once=once, actor=actor or getpass.getuser(), reason=reason)
    show(done, done.sentence, as_json=as_json)


def forget(
    context: typer.Context,
    unit: Annotated[str, typer.Option(help="As requests and tables write it.")],
    model: Annotated[str | None, typer.Option(help="Only for this model; all by default.")] = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Remove a unit from log, journals, tables and evidence; says which versions still learned from it."""
    from roadworthy.jobs.forget import forget as run

    options: Options = context.obj
    done = run(options.stores(), unit, model=model, actor=actor or getpass.getuser(), reason=reason)
    show(done, done.sentences(), as_json=as_json)


def hash_key(context: typer.Context, as_json: AsJson = False) -> None:
    """Make the key that sensitive inputs and forgotten units are hashed with; keep a copy of it in a safe place."""
    from roadworthy.sensitive import KEY_VARIABLE, key_path, make_key

    options: Options = context.obj
    path = make_key(key_path(options.settings().root))
    text = f"{path} holds a new key, readable by you only. Other nodes need the same one: {KEY_VARIABLE} names its file"
    show({"file": str(path)}, text, as_json=as_json)


def import_log(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A .parquet or .csv file, one row a prediction.", show_default=False)
    ],
    model: Annotated[str, typer.Option(help="What to call the model here.")],
    unit: Annotated[str, typer.Option(help="Column: who or what was asked about.")],
    time: Annotated[str, typer.Option(help="Column: when; UTC where it says no timezone.")],
    output: Annotated[str, typer.Option(help="Column: the answer, a probability.")],
    outcome: Annotated[str, typer.Option(help="Column: 0 or 1, null while unknown.")] = "",
    outcome_time: Annotated[str, typer.Option(help="Column: when that was known.")] = "",
    identifier: Annotated[
        str, typer.Option("--id", help="Column: unique; made from the row otherwise.")
    ] = "",
    version: Annotated[int, typer.Option(help="Which version of it answered.")] = 1,
    no_input: Annotated[list[str], typer.Option("--context", help="Column to keep that is no input.")] = [],  # noqa: B006  # typer reads it
    leave_out: Annotated[list[str], typer.Option(help="Column not to keep.")] = [],  # noqa: B006  # typer reads it
    as_json: AsJson = False,
) -> None:
    """Put a table of old predictions, made by any system, into the log; every other column is an input."""
    from roadworthy.jobs.importing import import_log as run
    from roadworthy.predictionlog.importing import Meaning

    options: Options = context.obj
    stores = options.stores()
    meaning = Meaning(
        model=model, version=version, namespace=stores.settings.namespace, unit=unit, time=time, output=output,
        id=identifier, outcome=outcome, outcome_time=outcome_time, context=tuple(no_input), leave_out=tuple(leave_out),
    )  # fmt: skip
    done = run(stores, file, meaning)
    show(done, done.sentences(), as_json=as_json)


COMMANDS = (compact, retain, forget, import_log, hash_key)
