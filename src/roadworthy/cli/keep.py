"""Commands that keep what is kept in shape: compact, retain, forget, import-log, hash-key."""

from __future__ import annotations

import getpass
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


COMMANDS = (compact, retain, forget, hash_key)
