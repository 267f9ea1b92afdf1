"""What goes over the wire, and what a refusal that comes back means.

Not here: sending and repeating (client).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf
from typing import Any

import msgspec

from roadworthy.client.connections import Reply
from roadworthy.errors import Fault, Refused, RoadworthyError, SchemaError, UnknownName

#: What JSON can hold, and what writing anything else may raise, a value's own `tolist` included.
_WRITABLE = "numbers, text, booleans, times, lists and None"
_UNWRITABLE = (TypeError, ValueError, OverflowError, RuntimeError)

#: What reading an answer may raise that somebody else made.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError)

#: How many levels below a request a value is named that cannot be written: the list, the item, its inputs, a value.
_DEPTH = 4


class TooLarge(RoadworthyError):
    """The server wants fewer items or bytes in one request: send halves."""


def encoded(content: Mapping[str, Any]) -> bytes:
    """JSON of a request; NaN becomes null, NumPy's numbers and arrays become JSON's.

    raises  SchemaError for an infinite number, which JSON would turn into a missing one, and for values of other kinds

    >>> encoded({"instances": [{"wind": float("nan"), "carrier": "UA"}]})
    b'{"instances":[{"wind":null,"carrier":"UA"}]}'
    """
    try:
        body = msgspec.json.encode(content, enc_hook=_plain)
        faults = _infinite("$", content) if b"null" in body else []
    except _UNWRITABLE as error:
        faults = _unwritable("$", content, _DEPTH) or [Fault("$", _WRITABLE, str(error))]
    if faults:
        raise SchemaError("the request", faults, "Nothing was sent.")
    return body


def _unwritable(path: str, value: Any, depth: int) -> list[Fault]:
    """The values inside that JSON cannot hold, each where it is; looks so many levels deep."""
    try:
        body = msgspec.json.encode(value, enc_hook=_plain)
        return _infinite(path, value) if b"null" in body else []
    except _UNWRITABLE as error:
        got = "values nested too deeply" if isinstance(error, RecursionError) else str(error)
    found: list[Fault] = []
    if depth and isinstance(value, Mapping):
        found = [
            fault for name, one in value.items() for fault in _unwritable(f"{path}.{name}", one, depth - 1)
        ]
    elif depth and isinstance(value, list | tuple):
        found = [
            fault for at, one in enumerate(value) for fault in _unwritable(f"{path}[{at}]", one, depth - 1)
        ]
    return found or [Fault(path, _WRITABLE, got)]


def _infinite(path: str, value: Any) -> list[Fault]:
    if isinstance(value, float):
        return [Fault(path, "a finite number, or NaN for missing", "infinity")] if isinf(value) else []
    if isinstance(value, Mapping):
        return [found for name, inner in value.items() for found in _infinite(f"{path}.{name}", inner)]
    if isinstance(value, list | tuple):
        return [
            found for number, inner in enumerate(value) for found in _infinite(f"{path}[{number}]", inner)
        ]
    return []


def _plain(value: Any) -> Any:
    """What JSON can hold instead of a NumPy value."""
    if hasattr(value, "tolist"):
        plain = value.tolist()
        if _infinite("$", plain):
            raise ValueError("an infinite number: NaN and None mean missing")
        return plain
    raise NotImplementedError(f"a value of {type(value).__name__}")


def sentence(reply: Reply) -> str:
    """The kind and the message of a refusal, or its first characters when somebody else made it (a proxy)."""
    try:
        error = msgspec.json.decode(reply.body)["error"]
        return f"{error['kind']}: {error['message']}"
    except _UNREADABLE:
        return reply.body[:200].decode(errors="replace") or "with an empty body"


def refusal(reply: Reply, asked: str) -> RoadworthyError:
    """The error that a final refusal is, by what the caller can do about it."""
    said = f"{asked} was answered with {reply.status}, {sentence(reply)}"
    if reply.status == 413:
        return TooLarge(said)
    if reply.status in {401, 403}:
        return Refused(said)
    if reply.status == 404:
        return UnknownName(said)
    if reply.status in {400, 422}:
        faults = _faults(reply)
        return SchemaError(f"what was sent. {said}" if faults else said, faults)
    return RoadworthyError(said)


def _faults(reply: Reply) -> list[Fault]:
    try:
        listed = msgspec.json.decode(reply.body)["error"]["faults"]
        return [Fault(str(one["path"]), str(one["expected"]), str(one["got"])) for one in listed]
    except _UNREADABLE:
        return []
