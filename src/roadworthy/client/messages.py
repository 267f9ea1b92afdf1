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
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        found = Fault("$", "numbers, text, booleans, times, lists and None", str(error))
        raise SchemaError("the request", [found], "Nothing was sent.") from error
    if b"null" in body and (paths := _infinite("$", content)):
        expected = "a finite number, or NaN for missing"
        raise SchemaError(
            "the request", [Fault(path, expected, "infinity") for path in paths], "Nothing was sent."
        )
    return body


def _infinite(path: str, value: Any) -> list[str]:
    if isinstance(value, float):
        return [path] if isinf(value) else []
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
    except (msgspec.DecodeError, KeyError, TypeError):
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
        return SchemaError(f"what was sent. {said}", _faults(reply))
    return RoadworthyError(said)


def _faults(reply: Reply) -> list[Fault]:
    try:
        listed = msgspec.json.decode(reply.body)["error"]["faults"]
        return [Fault(str(one["path"]), str(one["expected"]), str(one["got"])) for one in listed]
    except (msgspec.DecodeError, KeyError, TypeError):
        return []
