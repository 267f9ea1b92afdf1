"""How commands show what a job returned: a table or sentences for a person, JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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

    console = Console(highlight=False, soft_wrap=False)
    for part in [text] if isinstance(text, str) or not isinstance(text, Sequence) else text:
        console.print(part)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> RenderableType:
    """A plain table; numbers to the right."""
    from rich import box
    from rich.table import Table

    rows = [list(row) for row in rows]
    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def error_text(error: RoadworthyError, *, as_json: bool) -> str:
    """What goes to standard error for an error: its sentence, or JSON with its kind and faults."""
    if not as_json:
        return f"roadworthy: {error}\n"
    faults = error.faults if isinstance(error, SchemaError) else ()
    body = {"error": {"kind": type(error).__name__, "message": str(error), "faults": faults}}
    return msgspec.json.encode(body).decode() + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
