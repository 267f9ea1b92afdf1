"""Rows of Python values into columns, with every fault found and named by its JSON path.

Not here: decoding JSON (the server does, with `schema.row_type`). A column whose values all have the plain
type takes a short path, because one row must cost microseconds; any other column is read value by value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType
from typing import Any

import numpy as np

from roadworthy.clock import micros
from roadworthy.errors import Fault, SchemaError
from roadworthy.features.columns import EARLIEST, LATEST, NO_TIME, Column, Kind, Lists, Strings
from roadworthy.features.schema import Field, InputSchema

MAX_FAULTS = 100

_ABSENT: Any = object()
_EXPECTED: dict[Kind, str] = {
    "number": "a finite number",
    "boolean": "true or false",
    "string": "a string",
    "timestamp": "a time with a UTC offset (RFC 3339) or integer microseconds since 1970",
    "strings": "a list of strings",
}
_NUMBERS = frozenset({float, int})
_NUMBERS_OR_NULL = frozenset({float, int, NoneType})
_BOOLEANS = frozenset({bool})
_TEXTS = frozenset({str})
_TEXTS_OR_NULL = frozenset({str, NoneType})


class _Wrong(Exception):
    """A value that its column cannot hold."""


def columns_from_rows(rows: Sequence[Mapping[str, Any]], schema: InputSchema, path: str) -> dict[str, Column]:
    """One column for every field of `schema`; SchemaError with every fault (the first hundred are listed)."""
    columns: dict[str, Column] = {}
    faults: list[Fault] = []
    for field in schema.fields:
        name = field.name
        try:
            values = [row[name] for row in rows]
        except KeyError:
            values = [row.get(name, _ABSENT) for row in rows]
        column = _PLAIN[field.kind](values, field.nullable)
        columns[name] = _checked(values, field, path, faults) if column is None else column
    if faults:
        rest = (
            f"Only the first {MAX_FAULTS} of {len(faults):,} faults are listed."
            if len(faults) > MAX_FAULTS
            else ""
        )
        raise SchemaError(f"{path} ({len(rows):,} row{'s' * (len(rows) != 1)})", faults[:MAX_FAULTS], rest)
    return columns


def _plain_numbers(values: list[Any], nullable: bool) -> Column | None:
    kinds = set(map(type, values))
    try:
        if kinds <= _NUMBERS and all(map(math.isfinite, values)):
            return np.array(values, dtype=np.float64)
        if nullable and kinds <= _NUMBERS_OR_NULL:
            numbers = np.array(values, dtype=np.float64)
            return None if np.isinf(numbers).any() else numbers
    except OverflowError:  # an integer beyond the range of a float
        return None
    return None


def _plain_booleans(values: list[Any], nullable: bool) -> Column | None:
    return np.array(values, dtype=np.float64) if set(map(type, values)) <= _BOOLEANS else None


def _plain_texts(values: list[Any], nullable: bool) -> Column | None:
    return Strings.of(values) if set(map(type, values)) <= (_TEXTS_OR_NULL if nullable else _TEXTS) else None


def _plain_times(values: list[Any], nullable: bool) -> Column | None:
    if all(type(value) is int and EARLIEST <= value <= LATEST for value in values):
        return np.array(values, dtype=np.int64)
    if all(
        type(value) is datetime and value.tzinfo is not None and 1 < value.year < 9999 for value in values
    ):
        return np.array([micros(value) for value in values], dtype=np.int64)
    return None


def _plain_lists(values: list[Any], nullable: bool) -> Column | None:
    plain = all(type(items) is list and set(map(type, items)) <= _TEXTS for items in values)
    return Lists.of(values) if plain else None


_PLAIN: dict[Kind, Callable[[list[Any], bool], Column | None]] = {
    "number": _plain_numbers,
    "boolean": _plain_booleans,
    "string": _plain_texts,
    "timestamp": _plain_times,
    "strings": _plain_lists,
}


def _checked(values: list[Any], field: Field, path: str, faults: list[Fault]) -> Column:
    """The column read value by value; what is wrong is added to `faults`, and stands in the column as missing."""
    read, missing = _READ[field.kind], _MISSING[field.kind]
    accepted = []
    for number, value in enumerate(values):
        try:
            if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
                if not field.nullable:
                    raise _Wrong("null")
                accepted.append(missing)
            elif value is _ABSENT:
                raise _Wrong("nothing: the key is absent")
            else:
                accepted.append(read(value))
        except _Wrong as wrong:
            faults.append(Fault(f"{path}[{number}].{field.name}", _EXPECTED[field.kind], str(wrong)))
            accepted.append(missing)
    if field.kind == "string":
        return Strings.of(accepted)
    if field.kind == "strings":
        return Lists.of(accepted)
    if field.kind == "timestamp":
        return np.array(accepted, dtype=np.int64)
    return np.array(accepted, dtype=np.float64)


def shown(value: object) -> str:
    """A value as it may stand in a message: JSON where it can be, at most 60 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise _Wrong(shown(value))
    try:
        number = float(value)
    except OverflowError:
        raise _Wrong("an integer beyond the range of a number") from None
    if math.isinf(number):
        raise _Wrong(shown(number))
    return number


def _boolean(value: Any) -> float:
    if not isinstance(value, bool | np.bool_):
        raise _Wrong(shown(value))
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(shown(value))
    return str(value)


def _time(value: Any) -> int:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise _Wrong(shown(value)) from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _Wrong(f"{value.isoformat()} without an offset")
        value = micros(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise _Wrong(shown(value))
    if not EARLIEST <= value <= LATEST:
        raise _Wrong(f"{shown(int(value))}, outside the years 1 to 9999")
    return int(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _Wrong(shown(value))
    return [str(item) for item in value]


_READ: dict[Kind, Callable[[Any], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "string": _text,
    "timestamp": _time,
    "strings": _texts,
}
_MISSING: dict[Kind, Any] = {
    "number": math.nan,
    "boolean": math.nan,
    "string": None,
    "timestamp": NO_TIME,
    "strings": (),
}
