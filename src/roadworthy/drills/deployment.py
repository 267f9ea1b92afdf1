"""A copy of a healthy deployment in a directory of its own, and what a fault may do to it.

Not here: how the healthy one is made (`healthy`), how the copy is trained, gated and served (`cell`). Every operation
changes something that exists in life: a source file, a data file, a library in a process, a request on its way, a
process. Nothing is told to Roadworthy itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import text

from roadworthy.database.engine import connect, writing
from roadworthy.drills.launcher import Patch, Process, patch_of
from roadworthy.errors import UnknownName
from roadworthy.jobs.stores import Stores, open_stores
from roadworthy.model import Model, load_definition, load_user_module
from roadworthy.settings import Settings

DESCRIPTION = "deployment.json"
NAMESPACE = "drill"

#: Batches of every table: what the champion knew, what came since, and what the replay will meet.
Batch = Literal["1-history", "2-latest", "3-later"]
HISTORY: Batch = "1-history"
LATEST: Batch = "2-latest"
LATER: Batch = "3-later"

#: A row of a request, changed on its way.
ChangeRow = Callable[[dict[str, Any]], dict[str, Any]]

#: Told the answers of a request, as its client is.
HearAnswers = Callable[[Sequence[float]], None]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """When what happens, in event time.

    served_from   the champion was trained on what was known by then, and answers since
    latest_from   later rows came in the newest batch of data before the candidate
    live_from     the candidate is trained on what is known by now; the fault happens, and traffic goes on
    live_until    where the replay ends
    holdout       how long the stretch is that is kept for the gate
    """

    served_from: datetime
    latest_from: datetime
    live_from: datetime
    live_until: datetime
    holdout: timedelta


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a healthy deployment says of itself, in `deployment.json`.

    file        the user's file, relative to `definition/`
    model       its model that is drilled
    champion    version that answers
    candidate   version trained on what is known at `timeline.live_from`, healthy
    """

    file: str
    model: str
    timeline: Timeline
    champion: int = 1
    candidate: int = 2


class Running(Protocol):
    """The server of a live half, as an action may use it."""

    url: str

    def signal(self, number: int, *, worker: int | None = None) -> None:
        """Send a signal to the supervisor, or to one of its workers."""


@dataclass
class Deployment:
    """One deployment, to be broken.

    home              directory of its own
    patches           what differs in its processes
    request_changes   what happens to each row of a request on its way
    heard             who is told the answers of every request
    actions           what is done to the running server, and how long after `timeline.live_from`
    """

    home: Path
    description: Description
    patches: list[Patch] = field(default_factory=list)
    request_changes: list[ChangeRow] = field(default_factory=list)
    heard: list[HearAnswers] = field(default_factory=list)
    actions: list[tuple[timedelta, Callable[[Running], None]]] = field(default_factory=list)
    _edited: bool = False

    @classmethod
    def at(cls, home: Path) -> Deployment:
        """The deployment in a directory."""
        return cls(home, msgspec.json.decode((home / DESCRIPTION).read_bytes(), type=Description))

    def copy(self, home: Path) -> Deployment:
        """Another one like it. What is only ever replaced whole is linked, all else copied."""
        for part in ("definition", "workspace"):
            _copy_tree(self.home / part, home / part)
        shutil.copyfile(self.home / DESCRIPTION, home / DESCRIPTION)
        copied = Deployment.at(home)
        engine = connect(copied.settings.url)
        with writing(engine) as connection:  # the copy's artifacts are the copy's, not those of the original
            connection.execute(text("UPDATE versions SET directory = 'artifacts/' || digest"))
        engine.dispose()
        return copied

    @property
    def timeline(self) -> Timeline:
        """When what happens."""
        return self.description.timeline

    @property
    def settings(self) -> Settings:
        """Its workspace."""
        return Settings(self.home / "workspace", NAMESPACE)

    @property
    def definition(self) -> Path:
        """Its own copy of the user's file."""
        return self.home / "definition" / self.description.file

    @property
    def model(self) -> Model:
        """What the user's file says now, edits included."""
        return load_definition(self.definition).model(self.description.model)

    def stores(self) -> Stores:
        """Its workspace, opened; whoever opens it disposes of the engine."""
        return open_stores(self.settings)

    # What a fault may do.

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        """Change a source file of the user, named as it is in the folder of the definition; "" is the definition.

        raises   UnknownName when the change leaves the text as it is, because then there is no fault
        """
        path = self.definition if not file else self.definition.parent / file
        before = path.read_text(encoding="utf-8")
        after = change(before)
        if after == before:
            raise UnknownName(f"the edit of {path.name} changed nothing: it does not hold what it looks for")
        path.unlink()  # never through a link
        path.write_text(after, encoding="utf-8")
        self._edited = True

    def redeclare(self, *, imports: str = "", **fields: str) -> None:
        """Declare fields of the model otherwise: name of the field → Python text, in which `old` is the model so far.

        imports   statements that the text needs

            deployment.redeclare(estimator="Ridge()", imports="from sklearn.linear_model import Ridge")
        """
        name = self._variable()
        said = ", ".join(f"{field}={value}" for field, value in fields.items())
        lines = ["", "", "import dataclasses as _dataclasses", imports, f"old = {name}"]
        lines += [f"{name} = _dataclasses.replace(old, {said})", "del old", ""]
        self.edit("", lambda before: before + "\n".join(lines))

    def rewrite(
        self,
        table: str,
        change: Callable[[pa.Table], pa.Table],
        *,
        batches: Collection[Batch] = (HISTORY, LATEST),
    ) -> None:
        """Let the data files of a table hold something else; they are ingested again, which may refuse them.

        batches   those that are changed: by default all that training reads and the replay does not
        raises    UnknownName when the change leaves all of them as they are, because then there is no fault
        """
        found = dict(self._stored(table, batches))
        changed = {batch: change(rows) for batch, rows in found.items()}
        if all(changed[batch].equals(rows) for batch, rows in found.items()):
            raise UnknownName(
                f"the change of table {table} changed no row: it does not hold what it looks for"
            )
        for batch, rows in changed.items():
            self._deliver(table, batch, rows)

    def deliver_again(self, table: str) -> None:
        """Let the batches that faults rewrite be ingested again as they are: what is odd in them without a fault?"""
        for batch, rows in self._stored(table, (HISTORY, LATEST)):
            self._deliver(table, batch, rows)

    def patch(
        self, processes: Process | Collection[Process], function: Callable[..., None], **arguments: Any
    ) -> None:
        """Have a function of a drill run at the beginning of every process of a kind, before its normal main.

        processes   `training`, `staging` (the gate's server), `serving` (the one that answers) or `elsewhere` (a scorer
                    that only logs to us), or several
        function    at the top level of its module; takes only keywords
        arguments   its keywords, JSON-compatible
        """
        chosen: tuple[Process, ...] = (processes,) if isinstance(processes, str) else tuple(processes)
        self.patches.append(patch_of(function, chosen, arguments))

    def alter_requests(self, change: ChangeRow) -> None:
        """Change each row of every request between client and server."""
        self.request_changes.append(change)

    def hear_answers(self, hear: HearAnswers) -> None:
        """Tell the client's own code the answers of every request, so that what it asks next may depend on them."""
        self.heard.append(hear)

    def during(self, after: timedelta, action: Callable[[Running], None]) -> None:
        """Do something to the running server, so long after `timeline.live_from` in virtual time."""
        self.actions.append((after, action))

    # What the frame asks.

    @property
    def incoming(self) -> list[tuple[str, str, Path]]:
        """Batches that wait to be ingested: table, name and file."""
        files = sorted((self.home / "incoming").glob("*/*.parquet"))
        return [(file.parent.name, file.stem, file) for file in files]

    @property
    def needs_training(self) -> bool:
        """Whether anything that a candidate is made from changed."""
        return self._edited or bool(self.incoming) or self.patched("training")

    def patched(self, process: Process) -> bool:
        """Whether anything differs in processes of this kind."""
        return any(process in patch.processes for patch in self.patches)

    def _stored(self, table: str, batches: Collection[Batch]) -> list[tuple[Batch, pa.Table]]:
        files = [(batch, self.settings.tables / table / f"{batch}.parquet") for batch in batches]
        there = [(batch, file) for batch, file in files if file.exists()]
        return [(batch, pq.read_table(file).replace_schema_metadata(None)) for batch, file in there]

    def _deliver(self, table: str, batch: str, rows: pa.Table) -> None:
        """Put a batch in the place of the stored one; it waits to be ingested."""
        place = self.home / "incoming" / table
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, place / f"{batch}.parquet")
        (self.settings.tables / table / f"{batch}.parquet").unlink()

    def _variable(self) -> str:
        """The name by which the user's file calls the model."""
        module, _ = load_user_module(self.definition)
        return next(
            name
            for name, value in vars(module).items()
            if isinstance(value, Model) and value.name == self.description.model
        )


#: Directories of a workspace whose files are never written in place.
_LINKED = ("tables", "artifacts", "evidence", "log")


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> None:
    linked = any(f"/workspace/{name}/" in source for name in _LINKED) and not source.endswith(".lock")
    if linked:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
