"""The application: global options, the list of commands, and errors as sentences."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import roadworthy
from roadworthy.cli import build, drill, keep, look, operate, people, secure
from roadworthy.cli.output import JSON, Options, error_text, usage_text
from roadworthy.errors import FAILED, MISUSED, REFUSED, Refused, RoadworthyError

app = typer.Typer(
    name="roadworthy",
    help="Runs machine-learning models in production and keeps them fit to be there.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: Exit status of what a person stopped.
INTERRUPTED = 130

#: What the parser raises for a wrong command line. Newer versions of typer carry their own copy of click, so this is
#: found through a class that every version exports; importing click would catch nothing there.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"roadworthy {roadworthy.__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Option(help="Directory that holds everything (ROADWORTHY_WORKSPACE, .roadworthy).")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="First part of every key (ROADWORTHY_NAMESPACE, default).")
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version of Roadworthy.", is_eager=True, callback=_say_version
        ),
    ] = False,
) -> None:
    """Runs machine-learning models in production and keeps them fit to be there."""
    context.obj = Options(workspace, namespace)


for module in (build, operate, look, people, secure, keep, drill):
    for command in module.COMMANDS:
        app.command()(command)


def run() -> None:
    """Run the command line; exit 0 = done, 1 = it could not be done, 2 = wrong usage, 3 = a guard refused it."""
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="roadworthy")
    except UsageError as error:
        sys.stderr.write(usage_text(error, as_json=JSON in sys.argv))
        sys.exit(MISUSED)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except RoadworthyError as error:
        sys.stderr.write(error_text(error, as_json=JSON in sys.argv))
        sys.exit(REFUSED if isinstance(error, Refused) else FAILED)
    except BrokenPipeError:
        sys.exit(FAILED)
    sys.exit(status if isinstance(status, int) else 0)
