"""What a table holds: its columns, in a small language, and its key.

Not here: checking rows against it (`tables`). Nothing is coerced by a schema except what loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec
import pyarrow as pa

from roadworthy.errors import DefinitionError
from roadworthy.settings import is_name
from roadworthy.verdict import Limit

Kind = Literal["string", "float", "int", "bool", "timestamp", "strings"]

#: How each kind is stored. Times are instants in UTC with microseconds.
STORED_AS: Mapping[Kind, pa.DataType] = {
    "string": pa.string(),
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "strings": pa.list_(pa.string()),
}

_BOUND = re.compile(r"(?:>=|<=|>|<)\s*[^\s<>=]+")
_COLUMN = re.compile(rf"({'|'.join(get_args(Kind))})(?:\((\d+)\))?(\?)?((?:\s*{_BOUND.pattern})*)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    kind       string, float, int, bool, timestamp or strings (a list of strings)
    nullable   whether a value may be missing
    length     exact number of characters of a string; None for any
    bounds     limits that every value that is there must satisfy
    """

    name: str
    kind: Kind
    nullable: bool = False
    length: int | None = None
    bounds: tuple[Limit, ...] = ()

    @classmethod
    def parse(cls, name: str, text: str) -> Column:
        """Read `string`, `string(2)`, `float? >= 0`, `int >= 0 <= 100`; DefinitionError for anything else.

        >>> Column.parse("wind_speed", "float? >= 0").nullable
        True
        """
        match = _COLUMN.fullmatch(text.strip())
        if match is None:
            raise DefinitionError(
                f"column {name!r}: {text!r} is not understood: write one of {', '.join(get_args(Kind))}, then '?' if "
                "values may be missing, then bounds, such as 'string(2)', 'timestamp?' or 'float? >= 0'"
            )
        kind: Kind
        kind, length, optional, bounds = match.groups()  # type: ignore[assignment]
        if length is not None and kind != "string":
            raise DefinitionError(f"column {name!r}: {text!r} gives a length, which only 'string' has")
        if bounds and kind not in ("float", "int"):
            raise DefinitionError(
                f"column {name!r}: {text!r} gives bounds, which only 'float' and 'int' have"
            )
        if kind == "strings" and optional:
            raise DefinitionError(
                f"column {name!r}: a list is never missing: write 'strings', and an empty list for none"
            )
        limits = tuple(Limit.parse(bound) for bound in _BOUND.findall(bounds))
        return cls(name, kind, optional is not None, None if length is None else int(length), limits)

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field in which it is stored."""
        return pa.field(self.name, STORED_AS[self.kind], nullable=self.nullable)

    def __str__(self) -> str:
        length = "" if self.length is None else f"({self.length})"
        return " ".join([f"{self.kind}{length}{'?' * self.nullable}", *(str(bound) for bound in self.bounds)])


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table's name, key and columns; make it with `table`.

    key    columns that together name a row: never null, never twice
    load   returns the rows, for tables that a definition file both declares and brings; None elsewhere
    declared_partition   as `table` was told; None where it was not
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    load: Callable[[], pa.Table] | None = field(default=None, compare=False)
    declared_partition: str | None = None

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema in which the table is stored."""
        return pa.schema([column.arrow for column in self.columns])

    @property
    def partition(self) -> str:
        """The column of time whose days are the table's partitions; "" where it has none."""
        if self.declared_partition is not None:
            return self.declared_partition
        times = (column.name for column in self.columns if column.kind == "timestamp" and not column.nullable)
        return next(times, "")

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> bytes:
        """Canonical JSON in the language of `table`, without `load`."""
        columns = {column.name: str(column) for column in self.columns}
        written: dict[str, object] = {"name": self.name, "key": self.key, "columns": columns}
        if self.declared_partition is not None:
            written["partition"] = self.declared_partition
        return msgspec.json.encode(written)

    @classmethod
    def from_json(cls, data: bytes) -> TableSchema:
        """Read what `to_json` wrote."""
        stored = msgspec.json.decode(data, type=_Stored)
        return table(stored.name, key=stored.key, columns=stored.columns, partition=stored.partition)


class _Stored(msgspec.Struct, frozen=True):
    name: str
    key: tuple[str, ...]
    columns: dict[str, str]
    partition: str | None = None


def table(
    name: str,
    *,
    key: str | Sequence[str],
    columns: Mapping[str, str],
    load: Callable[[], pa.Table] | None = None,
    partition: str | None = None,
) -> TableSchema:
    """Declare a table.

    name      lower-case letters, digits, '-' and '_'
    key       the column, or columns, that name a row
    columns   name → type: `string`, `string(2)`, `float`, `int`, `bool`, `timestamp`, `strings`; then `?` where values
              may be missing, then bounds: `float? >= 0`. NaN in a float counts as missing; Infinity is never accepted.
    load      returns the rows as an Arrow table; used by `roadworthy ingest`
    partition the time whose days come in one after the other, by which a batch is compared with those before; "" for
              none; by default the first timestamp that is never missing
    raises    DefinitionError

    >>> planes = table("planes", key="tailnum", columns={"tailnum": "string", "seats": "int >= 1", "built": "int?"})
    >>> [str(column) for column in planes.columns]
    ['string', 'int >= 1', 'int?']
    """
    if not is_name(name):
        raise DefinitionError(f"table name {name!r}: use lower-case letters, digits, '-' and '_', at most 64")
    keys = (key,) if isinstance(key, str) else tuple(key)
    parsed = tuple(Column.parse(column, text) for column, text in columns.items())
    schema = TableSchema(name, keys, parsed, load, partition)
    if not keys or len(set(keys)) != len(keys):
        raise DefinitionError(f"table {name!r}: key={key!r} must name one or more different columns")
    for column in keys:
        declared = schema.column(column)
        if declared is None:
            raise DefinitionError(
                f"table {name!r}: key column {column!r} is not among its columns {', '.join(columns)}"
            )
        if declared.nullable or declared.kind in ("strings", "float"):
            raise DefinitionError(
                f"table {name!r}: key column {column!r} is {str(declared)!r}: "
                "a key is a string, int, bool or timestamp and is never missing"
            )
    by = schema.column(partition) if partition else None
    if partition and (by is None or by.kind != "timestamp" or by.nullable):
        raise DefinitionError(
            f"table {name!r}: partition={partition!r} is {'no column' if by is None else repr(str(by))}: name a "
            "'timestamp' that is never missing"
        )
    return schema


def kind_of(arrow_type: pa.DataType) -> Kind | None:
    """The kind whose values an Arrow type holds, whatever its width or encoding; None for other types.

    A timestamp without a timezone has no kind: it does not say which instant is meant.

    >>> kind_of(pa.dictionary(pa.int32(), pa.large_string()))
    'string'
    """
    plain = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
    if pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain):
        return "string"
    if pa.types.is_timestamp(plain):
        return "timestamp" if plain.tz is not None else None
    if pa.types.is_list(plain) or pa.types.is_large_list(plain):
        return "strings" if kind_of(plain.value_type) == "string" else None
    tests: Sequence[tuple[Callable[[pa.DataType], bool], Kind]] = (
        (pa.types.is_floating, "float"),
        (pa.types.is_integer, "int"),
        (pa.types.is_boolean, "bool"),
    )
    return next((kind for holds, kind in tests if holds(plain)), None)
