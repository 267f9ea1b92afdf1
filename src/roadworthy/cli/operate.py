"""Commands that change or run what serves: serve, controller, release, rollback, unbar; and what served when."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadworthy.cli.build import Reference
from roadworthy.cli.output import AsJson, Options, show, table

if TYPE_CHECKING:
    from roadworthy.jobs.stores import Stores

ModelName = Annotated[
    str | None,
    typer.Argument(help="Name of a model; may be left out where there is one.", show_default=False),
]
Reason = Annotated[str, typer.Option(help="Why; stands in the ledger.")]
Actor = Annotated[str, typer.Option(help="Who; stands in the ledger (the user of this session).")]
EventTime = Annotated[
    str | None, typer.Option("--event-time", help="Virtual time of a replay; now by default.")
]


def chosen(stores: Stores, model: str | None) -> str:
    """The model that a command is about."""
    from roadworthy.jobs.history import chosen_model

    return chosen_model(stores, model)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Any other address than loopback needs tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 8080,
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    replay_clock: Annotated[
        bool, typer.Option("--replay-clock", help="Requests bring their virtual time.")
    ] = False,
    durability: Annotated[
        str, typer.Option(help="process: survives kill -9; disk: survives power loss.")
    ] = "process",
    node: Annotated[str, typer.Option(help="Name of this node.")] = "local",
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate and its chain, PEM; with --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key, PEM, that others may not read.")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front does TLS.")] = False,
    max_connections: Annotated[
        int | None, typer.Option(help="Connections open at a time in one worker (1000).")
    ] = None,
    grpc_port: Annotated[
        int | None, typer.Option(help="Port of the loopback address for gRPC; none without.")
    ] = None,
    hang_seconds: Annotated[float, typer.Option(help="Silence after which a worker is killed.")] = 30.0,
    max_batch: Annotated[int, typer.Option(help="Most rows scored together.")] = 128,
    max_waiting: Annotated[int, typer.Option(help="Most rows that wait for one slow model.")] = 20_000,
    cache_rows: Annotated[int, typer.Option(help="Frequent predictions kept; 0 keeps none.")] = 0,
    cache_seconds: Annotated[float, typer.Option(help="How long they are kept.")] = 60.0,
    on_full_log: Annotated[
        str, typer.Option(help="stop: no answer without a record; continue: answer, and count.")
    ] = "stop",
) -> None:
    """Answer predictions over HTTP: a supervisor and its workers, until stopped."""
    from roadworthy.jobs.processes import become, supervisor_command

    options: Options = context.obj
    if durability not in ("process", "disk"):
        raise typer.BadParameter(f"durability {durability!r} is not known: choose process or disk", context)
    if on_full_log not in ("stop", "continue"):
        raise typer.BadParameter(
            f"--on-full-log {on_full_log!r} is not known: choose stop or continue", context
        )
    more = ["--hang-seconds", str(hang_seconds), *["--behind-proxy"] * behind_proxy]
    more += ["--max-batch", str(max_batch), "--on-full-log", on_full_log]
    more += ["--max-waiting", str(max_waiting)]
    more += ["--cache-rows", str(cache_rows), "--cache-seconds", str(cache_seconds)]
    for option, value in (
        ("--tls-certificate", tls_certificate), ("--tls-key", tls_key), ("--max-connections", max_connections),
        ("--grpc-port", grpc_port),
    ):  # fmt: skip
        more += [option, str(value)] if value is not None else []
    become(
        supervisor_command(
            options.settings(), host=host, port=port, workers=workers, replay_clock=replay_clock,
            durability=durability, node=node, more=more,
        )
    )  # fmt: skip


def controller(
    context: typer.Context,
    replay: Annotated[
        bool, typer.Option("--replay", help="Beat when told to on standard input, in virtual time.")
    ] = False,
) -> None:
    """Watch the log and act: hard guards every second, monitors once a day, until stopped."""
    from roadworthy.jobs.processes import become, controller_command

    options: Options = context.obj
    become(controller_command(options.settings(), replay=replay))


def release(
    context: typer.Context,
    reference: Reference,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Ask it everything, answer nobody with it.")
    ] = False,
    canary: Annotated[str, typer.Option(help="Share of units it answers, such as 5%.")] = "",
    promote: Annotated[bool, typer.Option("--promote", help="It becomes champion.")] = False,
    force: Annotated[str, typer.Option(help="Reason for releasing what the gate did not pass.")] = "",
    reason: Reason = "",
    actor: Actor = "",
    event_time: EventTime = None,
    as_json: AsJson = False,
) -> None:
    """Give a gated version traffic: as shadow, as canary, or as champion."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.release import parse_share
    from roadworthy.jobs.release import release as run

    options: Options = context.obj
    if shadow + bool(canary) + promote != 1:
        raise typer.BadParameter("say how to release it: one of --shadow, --canary 5%, --promote", context)
    done = run(
        options.stores(), reference, how="shadow" if shadow else "canary" if canary else "promote",
        share=parse_share(canary) if canary else 0.0, force=force, reason=reason, actor=actor or getpass.getuser(),
        event_time=parse_instant(event_time) if event_time else None,
    )  # fmt: skip
    show(done, done.sentence, as_json=as_json)


def rollback(
    context: typer.Context,
    model: ModelName = None,
    to: Annotated[
        int | None, typer.Option(help="Version to return to; only the standby is loaded and checked.")
    ] = None,
    reason: Reason = "",
    actor: Actor = "",
    event_time: EventTime = None,
    as_json: AsJson = False,
) -> None:
    """Return to the version before, at once, and bar the one that is left."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.release import rollback as run

    options: Options = context.obj
    stores = options.stores()
    at = parse_instant(event_time) if event_time else None
    who = actor or getpass.getuser()
    done = run(stores, chosen(stores, model), to=to, reason=reason, actor=who, event_time=at)
    show(done, done.sentence, as_json=as_json)


def unbar(
    context: typer.Context,
    reference: Reference,
    reason: Reason = "",
    actor: Actor = "",
    event_time: EventTime = None,
    as_json: AsJson = False,
) -> None:
    """Lift the bar from a version, such as one that was rolled back, so that it may be released again."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.unbar import unbar as run

    options: Options = context.obj
    at = parse_instant(event_time) if event_time else None
    done = run(options.stores(), reference, reason=reason, actor=actor or getpass.getuser(), event_time=at)
    show(done, done.sentence, as_json=as_json)


def versions(context: typer.Context, model: ModelName = None, as_json: AsJson = False) -> None:
    """List the versions of a model: what they were trained on, what the gate said, what serves."""
    from roadworthy.jobs.history import list_versions

    options: Options = context.obj
    stores = options.stores()
    found = list_versions(stores, chosen(stores, model))
    columns = ("version", "trained on", "rows", "AUC on later rows", "gate", "serves", "digest")
    rows = [
        (item.version, item.period, item.rows, item.auc_text, item.gate, item.place, item.digest[:8])
        for item in found
    ]
    show(found, table(columns, rows), as_json=as_json)


def history(
    context: typer.Context,
    model: ModelName = None,
    at: Annotated[str | None, typer.Option("--at", help="What served at this time?")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the ledger of a model, or what served at a time."""
    from roadworthy.clock import parse_instant
    from roadworthy.jobs.history import ledger, serving_at, when

    options: Options = context.obj
    stores = options.stores()
    name = chosen(stores, model)
    if at is not None:
        answer = serving_at(stores, name, parse_instant(at))
        show(answer, answer.sentence, as_json=as_json)
        return
    entries = ledger(stores, name)
    columns = ("when (UTC)", "action", "version", "by", "reason")
    rows = [
        (when(item), item.action, item.version if item.model else "of all models", item.actor, item.reason)
        for item in entries
    ]
    virtual = any(item.event_time != item.at for item in entries)
    note = ["'for' is event time, where it differs from the time of the decision, as in a replay."]
    show(entries, [table(columns, rows), *(note if virtual else [])], as_json=as_json)


COMMANDS = (serve, controller, release, rollback, unbar, versions, history)
