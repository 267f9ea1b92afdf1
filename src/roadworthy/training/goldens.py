"""Golden requests: rows made up from the schema and the vocabularies that visit the corners where encoders break.

Not here: what becomes of them (the scorer records that). No row of the training data is among them, so no person's
data is stored; texts come from the vocabularies, which the artifact holds anyway. Choices follow a fixed
arithmetic: the same features always give the same requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadworthy.features.declarations import Categories, Cross, Ratio, TimePart
from roadworthy.features.fitted import FittedFeatures
from roadworthy.features.schema import Field, InputSchema
from roadworthy.features.textual import SEPARATOR
from roadworthy.training.instants import NOON, instants_of

Request = dict[str, Any]

#: Requests that combine ordinary values, before the special ones.
ORDINARY = 16

#: Strides through the candidate values of a column; coprime with most lengths, so columns do not move together.
_ROW_STRIDE, _COLUMN_STRIDE = 7, 3

_NUMBERS: tuple[float, ...] = (0.0, 1.0, -1.0, 0.5, 3.0, 12.0, 60.0, 250.25, 1e6)
_UNKNOWN = "~ no such text ~"
_TEXTS_PER_COLUMN = 12


def golden_requests(features: FittedFeatures, schema: InputSchema) -> dict[str, Request]:
    """Requests by name, each with every column of `schema`, JSON-compatible, times as microseconds.

    Ordinary rows; every nullable column missing, and all of them; every text unknown, empty, and all of them
    unknown; every denominator zero; lists that are empty, too long, or hold unknown texts; midnight, new year,
    leap day and the changes of the clocks in every time zone that a feature uses.
    """
    candidates = {field.name: _candidates(field, features) for field in schema.fields}
    plain = [_ordinary(number, candidates) for number in range(ORDINARY)]
    requests = {f"ordinary {number}": row for number, row in enumerate(plain)}
    special = [
        *_crossed(features),
        *_missing(schema),
        *_unknown(schema),
        *_zeros(features),
        *_lists(features),
        *_times(features),
    ]
    for number, (name, changes) in enumerate(special):
        requests[name] = {**plain[number % ORDINARY], **changes}
    for number, request in enumerate(requests.values()):
        _name_unit(request, schema, number)
    return requests


def _ordinary(number: int, candidates: Mapping[str, Sequence[Any]]) -> Request:
    return {
        name: values[(number * _ROW_STRIDE + place * _COLUMN_STRIDE) % len(values)]
        for place, (name, values) in enumerate(candidates.items())
    }


def _candidates(field: Field, features: FittedFeatures) -> list[Any]:
    """Values that a column may carry, none of them missing."""
    if field.kind == "number":
        return list(_NUMBERS)
    if field.kind == "boolean":
        return [True, False, False]
    if field.kind == "timestamp":
        return [instant for _, instant in _instants(field.name, features)] or [NOON]
    texts = _texts(field.name, features) or ["golden"]
    if field.kind == "string":
        return texts
    return [texts[: size % (len(texts) + 1)] for size in (1, 2, 0, 3, 5)]


def _texts(column: str, features: FittedFeatures) -> list[str]:
    """Texts of the column that its vocabularies know: the most frequent, the rarest, and one with spaces and case."""
    found: list[str] = []
    for record in features.records:
        if column not in record.columns:
            continue
        owner = record.options.vocabulary_of if isinstance(record.options, Categories) else None
        vocabulary = features.vocabularies.get(owner or record.name)
        entries = vocabulary.entries if vocabulary else ()
        if isinstance(record.options, Cross):
            tuples = [entry.split(SEPARATOR) for entry in entries]
            place = record.columns.index(column)
            entries = tuple(parts[place] for parts in tuples if len(parts) == len(record.columns))
        found += [*entries[: _TEXTS_PER_COLUMN // 2], *entries[-_TEXTS_PER_COLUMN // 2 :]]
    return [*dict.fromkeys(found), *(f" {text.swapcase()}" for text in found[:1])]


def _crossed(features: FittedFeatures) -> Iterator[tuple[str, Request]]:
    """Tuples that a cross knows, which columns chosen one by one rarely make."""
    for record in features.records:
        if isinstance(record.options, Cross):
            entries = features.vocabularies[record.name].entries
            for which, entry in dict(
                zip(("first", "last"), (*entries[:1], *entries[-1:]), strict=False)
            ).items():
                parts = entry.split(SEPARATOR)
                if len(parts) == len(record.columns):
                    yield f"{which} tuple of {record.name}", dict(zip(record.columns, parts, strict=True))


def _missing(schema: InputSchema) -> Iterator[tuple[str, Request]]:
    nullable = [field.name for field in schema.fields if field.nullable]
    for name in nullable:
        yield f"missing {name}", {name: None}
    if len(nullable) > 1:
        yield "missing all that may be", dict.fromkeys(nullable)


def _unknown(schema: InputSchema) -> Iterator[tuple[str, Request]]:
    texts = [field.name for field in schema.fields if field.kind == "string" and field.role == "input"]
    for name in texts:
        yield f"unknown {name}", {name: _UNKNOWN}
        yield f"empty {name}", {name: ""}
    if len(texts) > 1:
        yield "unknown all texts", dict.fromkeys(texts, _UNKNOWN)


def _zeros(features: FittedFeatures) -> Iterator[tuple[str, Request]]:
    for record in features.records:
        if isinstance(record.options, Ratio):
            numerator, denominator = record.columns
            kinds = {field.name: field.kind for field in features.schema.fields}
            zero, one = (_number(kinds[denominator], 0), _number(kinds[numerator], 1))
            yield f"zero denominator of {record.name}", {numerator: one, denominator: zero}
            yield (
                f"zero by zero of {record.name}",
                {numerator: _number(kinds[numerator], 0), denominator: zero},
            )


def _number(kind: str, value: int) -> float | bool:
    return bool(value) if kind == "boolean" else float(value)


def _lists(features: FittedFeatures) -> Iterator[tuple[str, Request]]:
    for record in features.records:
        if isinstance(record.options, Categories):
            (column,) = record.columns
            texts = _texts(column, features) or ["golden"]
            long = [texts[place % len(texts)] for place in range(record.options.length + 3)]
            yield f"empty list of {record.name}", {column: []}
            yield f"long list of {record.name}", {column: long}
            yield f"unknown in list of {record.name}", {column: [_UNKNOWN, *texts[:1]]}


def _times(features: FittedFeatures) -> Iterator[tuple[str, Request]]:
    columns = {field.name for field in features.schema.fields if field.kind == "timestamp"}
    for column in sorted(columns):
        for name, instant in _instants(column, features):
            yield f"{column} at {name}", {column: instant}


def _instants(column: str, features: FittedFeatures) -> list[tuple[str, int]]:
    zones = {
        record.options.timezone
        for record in features.records
        if isinstance(record.options, TimePart) and column in record.columns
    }
    return [named for zone in sorted(zones) for named in instants_of(zone)]


def _name_unit(request: Request, schema: InputSchema, number: int) -> None:
    """Units that differ, where the unit is not an input whose value matters."""
    for field in schema.fields:
        if field.role == "unit":
            request[field.name] = f"golden {number}" if field.kind == "string" else request[field.name]
