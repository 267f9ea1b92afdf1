"""How commands show what a job returned: a table or sentences for a person, JSON for a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from roadworthy.errors import RoadworthyError, SchemaError
from roadworthy.settings import Settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from roadworthy.jobs.stores import Stores

JSON = "--json"

#: Columns of a table that goes to a file or another program: nobody wants its cells folded there.
WIDE = 200

#: Every command has it.
AsJson = Annotated[bool, typer.Option(JSON, help="Print JSON instead of text.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The global options."""

    workspace: Path | None
    namespace: str | None

    def stores(self) -> Stores:
        """The opened workspace."""
        from roadworthy.jobs.stores import open_stores

        return open_stores(self.settings())

    def settings(self) -> Settings:
        """Where the workspace is, before anything is opened."""
        return Settings.load(self.workspace, self.namespace)


def show(value: Any, text: RenderableType | Iterable[RenderableType], *, as_json: bool) -> None:
    """Print `value` as JSON, or `text` for a person."""
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2).decode())
        return
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE
    console = Console(highlight=False, markup=False, soft_wrap=False, width=width)
    for part in [text] if isinstance(text, str) or not isinstance(text, Sequence) else text:
        console.print(part)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", least: Mapping[str, int] = {}
) -> RenderableType:
    """A plain table; columns of numbers, of which some may be missing, to the right.

    least   columns that are not made narrower than so many characters
    """
    from rich import box
    from rich.table import Table

    rows = [list(row) for row in rows]
    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        held = [row[index] for row in rows if row[index] not in (None, "")]
        numeric = bool(held) and all(isinstance(value, int | float) for value in held)
        made.add_column(
            name, justify="right" if numeric else "left", overflow="fold", min_width=least.get(name)
        )
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def error_text(error: RoadworthyError, *, as_json: bool) -> str:
    """What goes to standard error for an error: its sentence, or JSON with its kind and faults."""
    if not as_json:
        return f"roadworthy: {error}\n"
    faults = error.faults if isinstance(error, SchemaError) else ()
    return _error_json(type(error).__name__, str(error), faults)


def usage_text(error: Exception, *, as_json: bool) -> str:
    """What goes to standard error for a wrong command line: what is wrong, and where the options are explained."""
    said = getattr(error, "format_message", error.__str__)().rstrip(".")
    context = getattr(error, "ctx", None)
    sentence = f"{said}; see {context.command_path if context else 'roadworthy'} --help"
    return _error_json("UsageError", sentence, ()) if as_json else f"roadworthy: {sentence}\n"


def _error_json(kind: str, message: str, faults: Sequence[Any]) -> str:
    body = {"error": {"kind": kind, "message": message, "faults": faults}}
    return msgspec.json.encode(body).decode() + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
