"""Says what is wrong with JSON, for a person: kinds of values, msgspec's sentences, all fields of an object at once.

Not here: which values are right; types and schemas say that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from roadworthy.errors import Fault
from roadworthy.serving.exchange import MAX_FAULTS, Rejected

_AT = re.compile(r" - at `(\$.*)`$")
_TYPE = re.compile(r"`([^`]+)`")
_WORDS = {
    "str": "a string", "int": "an integer", "float": "a number", "bool": "true or false", "object": "an object",
    "array": "a list",
}  # fmt: skip
_A_TIME = "a time with a UTC offset (RFC 3339) or integer microseconds since 1970"
_NOT_NUMBERS = re.compile(rb"[\s:,\[]-?(NaN|Infinity|Inf|nan|inf)\b")


def invalid(faults: Iterable[Fault], error: Exception | None = None) -> Rejected:
    """The refusal of a request that was understood and is wrong.

    error   what msgspec said, for a request in which no other fault is found
    """
    listed = first(faults)
    if not listed and error is not None:
        listed = [fault_of(error)]
    count = len(listed)
    subject = f"{'at least ' * (count == MAX_FAULTS)}{count:,} fault{'s' * (count != 1)} in the request"
    return Rejected(
        422, "invalid_request", f"{subject}; nothing of it was used and nothing was logged", listed
    )


def first(faults: Iterable[Fault]) -> list[Fault]:
    """As many faults as an answer lists. No further ones are looked for: explaining a body takes a thousand times as
    long as reading it, and meanwhile nobody else is answered.
    """
    return list(islice(faults, MAX_FAULTS))


def too_many(rows: int, limit: int) -> Rejected:
    """The refusal of a request with more rows than are read at once."""
    sent = f"the request has {rows:,} rows, at most {limit:,} are read at once"
    return Rejected(413, "too_many_rows", f"{sent}: split it into several requests")


def malformed_json(body: bytes, error: Exception) -> Rejected:
    """Why a body is not JSON, as a refusal."""
    if isinstance(error, RecursionError):
        return Rejected(400, "too_deep", "the JSON is nested too deeply to be a request")
    if isinstance(error, UnicodeDecodeError):
        return Rejected(400, "malformed_json", f"the body is not UTF-8: byte {error.start} cannot be decoded")
    if _NOT_NUMBERS.search(body):
        advice = "NaN and Infinity are not JSON: send null for a missing number"
        return Rejected(400, "malformed_json", f"{advice} ({error})")
    reason = "the body is empty" if not body.strip() else str(error)
    return Rejected(400, "malformed_json", f"the body cannot be read as JSON: {reason}")


def explain(content: Any, expected: type[msgspec.Struct], path: str) -> Iterator[Fault]:
    """Every fault of one object against a struct: missing, unknown and wrong fields."""
    if not isinstance(content, dict):
        yield Fault(path, "an object", kind_of(content))
        return
    try:
        msgspec.convert(content, expected)
    except msgspec.ValidationError:
        pass
    else:
        return
    fields = _fields(expected)
    for name, value in content.items() if expected.__struct_config__.forbid_unknown_fields else ():
        if name not in fields:
            yield Fault(f"{path}.{shown(name)}", "no such field", kind_of(value))
    for name, field in fields.items():
        if name not in content:
            if field.required:
                yield Fault(f"{path}.{name}", "a value", "nothing: the key is absent")
            continue
        try:
            msgspec.convert(content[name], field.type)
        except msgspec.ValidationError as error:
            found = fault_of(error)
            yield Fault(f"{path}.{name}{found.path[1:]}", found.expected, kind_of(content[name]))


@cache
def _fields(of: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(of)}


def fault_of(error: Exception) -> Fault:
    """One fault from msgspec's sentence.

    >>> fault_of(ValueError("Expected `str | null`, got `int` - at `$.a`"))
    Fault(path='$.a', expected='a string or null', got='an integer', rows=1, first_row=None)
    """
    text = str(error)
    at = _AT.search(text)
    sentence = text[: at.start()] if at else text
    expected, _, got = sentence.removeprefix("Expected ").partition(", got ")
    expected = _A_TIME if "datetime" in expected else _TYPE.sub(_in_words, expected)
    return Fault(at.group(1) if at else "$", expected, _TYPE.sub(_in_words, got) or "something else")


def _in_words(types: re.Match[str]) -> str:
    *others, last = (_WORDS.get(name, name) for name in types[1].split(" | "))
    return f"{', '.join(others)} or {last}" if others else last


def shown(name: str) -> str:
    """A name or value in at most 60 characters."""
    return name if len(name) <= 60 else f"{name[:57]}..."


def kind_of(value: Any) -> str:
    """What a JSON value is, in words.

    >>> kind_of([1]), kind_of(None), kind_of(1.5)
    ('a list', 'null', '1.5')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return shown(msgspec.json.encode(value).decode())
