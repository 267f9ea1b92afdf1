"""Commands of whoever keeps a node running: token, restart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roadworthy.cli.output import AsJson, Options, show
from roadworthy.errors import DefinitionError
from roadworthy.tokens import SCOPES, TOKENS_FILE, TokenScope, add_token, configured_file


def token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who gets it, such as booking-service.", show_default=False)],
    scope: Annotated[
        list[str], typer.Option(help="predict, outcome, read or operate; may be given several times.")
    ],
    file: Annotated[
        Path | None, typer.Option(help="File of digests that serve reads (ROADWORTHY_TOKENS_FILE).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token: print it once, keep only its digest. Nodes that serve know it within two seconds."""
    wrong = [one for one in scope if one not in SCOPES]
    if wrong:
        raise typer.BadParameter(f"scope {wrong[0]!r} is not known: choose from {', '.join(SCOPES)}", context)
    path = file or configured_file()
    if path is None:
        raise DefinitionError(f"no file of tokens is named: set {TOKENS_FILE}, or give --file PATH")
    scopes: list[TokenScope] = [one for one in SCOPES if one in scope]
    secret = add_token(path, name, scopes)
    made = {"name": name, "token": secret, "scopes": scopes, "file": str(path)}
    show(made, secret, as_json=as_json)


def restart(
    context: typer.Context,
    node: Annotated[str, typer.Option(help="Name of the node on this machine.")] = "local",
    seconds: Annotated[float, typer.Option(help="How long to wait for the end.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Replace the workers of a node one by one, for a new certificate or an upgraded package; no request fails."""
    from roadworthy.jobs.restart import restart_workers

    options: Options = context.obj
    took = restart_workers(options.settings(), node, seconds)
    show(
        {"node": node, "seconds": took}, f"all workers of {node} are replaced ({took:.1f} s)", as_json=as_json
    )


COMMANDS = (token, restart)
