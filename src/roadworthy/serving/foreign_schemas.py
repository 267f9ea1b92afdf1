"""What the inputs of models served elsewhere are: taken from a declaration or the first values, and held from then on.

Not here: predictions themselves (foreign). Held in one file a model in the directory of the node, so that all its
workers, and those that come after a restart, hold the same. One name is of one kind in every version of a model: the
log reads versions together by name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from roadworthy.durable import write_whole
from roadworthy.errors import CorruptArtifact
from roadworthy.predictionlog.record import Kind, LogField, LogSchema

MAX_MODELS, MAX_VERSIONS, MAX_FIELDS = 100, 1_000, 500

Role = Literal["input", "context"]


class Key(NamedTuple):
    """One version of one model that is served elsewhere."""

    model: str
    version: int


class Meaning(msgspec.Struct, frozen=True):
    """What a name stands for; the kind is None while nothing but null was seen."""

    kind: Kind | None
    role: Role


Wanted = Mapping[str, Meaning]


class HeldModel(msgspec.Struct, frozen=True):
    """The file of one model: what each name means, and which names each version has, in the order of its columns."""

    names: Mapping[str, Meaning]
    versions: Mapping[int, tuple[str, ...]]
    format: int = 1

    def schema(self, key: Key) -> LogSchema:
        """How predictions of a version are logged: names whose kind is not known yet are left out."""
        known = [(name, self.names[name]) for name in self.versions[key.version]]
        return LogSchema(
            key.model, tuple(LogField(name, one.kind, one.role) for name, one in known if one.kind)
        )


class Contradiction(Exception):  # not an error of its own: becomes a fault of the request
    """Why something cannot be held: which name ("" for the version or model), what is held, what came."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        super().__init__(name, expected, got)
        self.name, self.expected, self.got = name, expected, got


@dataclass
class ForeignSchemas:
    """The schemas of one node.

    directory   where they are kept; made when the first one is held
    """

    directory: Path
    _models: dict[str, HeldModel] = field(default_factory=dict)

    def known(self, key: Key, used: Iterable[str] = ()) -> dict[str, Meaning] | None:
        """What each name of a version means; None for a version that is not held yet.

        used   names that are looked for: another worker may have held them since this one last read
        """
        held = self._models.get(key.model)
        if (
            held is None
            or key.version not in held.versions
            or not set(used) <= set(held.versions[key.version])
        ):
            held = self._read(key.model)
        if held is None or key.version not in held.versions:
            return None
        return {name: held.names[name] for name in held.versions[key.version]}

    def models(self) -> list[str]:
        """Names of all models with a schema."""
        if not self.directory.exists():
            return []
        with os.scandir(self.directory) as entries:
            return sorted(entry.name[:-5] for entry in entries if entry.name.endswith(".json"))

    def schema(self, key: Key) -> LogSchema:
        """How predictions of a version that is held are logged."""
        return self._models[key.model].schema(key)

    def names(self, model: str) -> Wanted:
        """What each name means that any version of a model has; none for a model that is not held."""
        held = self._models.get(model) or self._read(model)
        return {} if held is None else held.names

    def hold(self, key: Key, wanted: Wanted, *, may_grow: bool, served: Wanted) -> None:
        """Hold these names for this version.

        may_grow   whether a version that is held already may get further names (somebody declared them)
        served     what names mean in the versions of the model that this node serves itself
        raises     Contradiction; OSError when it cannot be written
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._locked():
            before = self._read(key.model)
            if before is None and len(self.models()) >= MAX_MODELS:
                raise Contradiction(
                    "", f"one of the {MAX_MODELS} models that are logged here already", key.model
                )
            held = before or HeldModel({}, {})
            held = HeldModel({**served, **held.names}, held.versions)
            after = _merged(held, key, wanted, may_grow)
            if after != before:
                write_whole(self._path(key.model), msgspec.json.encode(after), sync=True)
            self._models[key.model] = after

    def _path(self, model: str) -> Path:
        return self.directory / f"{model}.json"

    def _read(self, model: str) -> HeldModel | None:
        try:
            found = msgspec.json.decode(self._path(model).read_bytes(), type=HeldModel)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise CorruptArtifact(
                f"{self._path(model)} cannot be read as the schema of {model}: {error}. Restore it from a copy, or "
                "remove it: the next prediction then says anew what the inputs are"
            ) from error
        self._models[model] = found
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self.directory / ".lock", os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _merged(held: HeldModel, key: Key, wanted: Wanted, may_grow: bool) -> HeldModel:
    """What is held once a version has these names too."""
    names = dict(held.names)
    for name, one in wanted.items():
        before = names.get(name)
        if before is not None and before.role != one.role:
            raise Contradiction(name, f"{before.role} as it is held", one.role)
        if before is not None and None not in (before.kind, one.kind) and before.kind != one.kind:
            raise Contradiction(name, f"{kind_text(before.kind)} as it is held", kind_text(one.kind))
        if before is None or before.kind is None:
            names[name] = one
    present = held.versions.get(key.version, ())
    added = tuple(name for name in wanted if name not in present)
    if present and added and not may_grow:
        raise Contradiction(
            added[0], "no such name", "one that the schema held for this version does not have"
        )
    versions = {**held.versions, key.version: (*present, *added)}
    if len(versions) > MAX_VERSIONS:
        raise Contradiction(
            "", f"one of the {MAX_VERSIONS:,} versions that are logged here already", str(key.version)
        )
    if len(versions[key.version]) > MAX_FIELDS:
        raise Contradiction("", f"at most {MAX_FIELDS} inputs", f"{len(versions[key.version]):,}")
    return HeldModel(names, versions)


def inferred(rows: Sequence[Mapping[str, object]], role: Role) -> dict[str, Meaning]:
    """What the names of some rows mean, by the first value of each that is not null.

    >>> inferred([{"km": None, "vip": True}, {"km": 3}], "input")["km"]
    Meaning(kind='number', role='input')
    """
    found: dict[str, Meaning] = {}
    for row in rows:
        for name, value in row.items():
            if name not in found or found[name].kind is None:
                found[name] = Meaning(_kind(value), role)
    return found


def _kind(value: object) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "strings" if isinstance(value, list) else "number"


def kind_text(kind: Kind | None) -> str:
    """A kind in words.

    >>> kind_text("strings")
    'a list of strings'
    """
    return {
        "number": "a number", "boolean": "true or false", "string": "a string",
        "timestamp": "a time with an offset, or microseconds", "strings": "a list of strings", None: "null",
    }[kind]  # fmt: skip
