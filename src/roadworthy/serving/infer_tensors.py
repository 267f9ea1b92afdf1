"""Tensors of the Open Inference Protocol v2 into rows and out of answers: datatypes, shapes, bytes, faults.

Not here: what carries them (infer_rest, infer_grpc) and who answers (infer). A tensor is one field of all rows, so its
shape is [n] or [n, 1].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from roadworthy.errors import Fault
from roadworthy.features.columns import Kind
from roadworthy.features.schema import Field
from roadworthy.serving.exchange import MAX_FAULTS, Rejected
from roadworthy.serving.faults import first, invalid, kind_of, shown, too_many
from roadworthy.serving.requests import MAX_REQUEST_ID, PredictRequest
from roadworthy.serving.table import Served

#: Input → where it stands in the request.
Places = Mapping[str, str]

#: Datatypes of numbers → how NumPy reads their bytes.
NUMBERS: Final[Mapping[str, str]] = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "i1",
    "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "u1",
}  # fmt: skip
DATATYPES: Final = (*NUMBERS, "BOOL", "BYTES")

#: Kind of a field → the datatype that metadata names, and all that are read.
READ: Final[Mapping[Kind, tuple[str, ...]]] = {
    "number": tuple(NUMBERS),
    "boolean": ("BOOL",),
    "string": ("BYTES",),
    "timestamp": ("BYTES", "INT64"),
    "strings": ("BYTES",),
}

#: Output → datatype; the first three are answered when a request names none.
OUTPUTS: Final[Mapping[str, str]] = {
    "output": "FP64", "id": "BYTES", "version": "INT64", "decision": "BYTES", "fallback": "BOOL",
}  # fmt: skip

#: Parameters of a request that mean something here; `timeout` is in microseconds.
_PARAMETERS: Final = {"timeout", "binary_data_output"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input as it came.

    values   flat, as many as the shape says; text as str or UTF-8 bytes; None = they could not be read, see `fault`
    place    where it stands in the request, for faults
    """

    name: str
    datatype: str
    shape: Sequence[int]
    values: Sequence[Any] | None
    place: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor of the answer, of shape [n]."""

    name: str
    datatype: str
    values: Sequence[Any]


def read_tensors(
    served: Served,
    tensors: Sequence[Tensor],
    request_id: str,
    parameters: Mapping[str, Any],
    wanted: Sequence[str],
) -> tuple[PredictRequest, Places]:
    """The rows that tensors make, and where each input stands; Rejected (413, 422) with all faults.

    wanted   names of the outputs that are asked for
    """
    fields = fields_of(served)
    n = next((tensor.shape[0] for tensor in tensors if tensor.shape), 0)
    if n > served.reader.max_rows:
        raise too_many(n, served.reader.max_rows)
    faults = first(
        Fault(
            f"$.parameters.{shown(name)}",
            "no such parameter",
            f"one that is none of {', '.join(sorted(_PARAMETERS))}",
        )
        for name in parameters.keys() - _PARAMETERS
    )
    faults += first(
        Fault(f"$.outputs[{number}].name", f"one of {', '.join(OUTPUTS)}", f'"{shown(name)}"')
        for number, name in enumerate(wanted)
        if name not in OUTPUTS
    )
    repeated = (name for name, count in Counter(wanted).items() if count > 1)
    faults += first(Fault("$.outputs", "each output once", f'"{shown(name)}" again') for name in repeated)
    if len(request_id) > MAX_REQUEST_ID:
        faults.append(Fault("$.id", f"at most {MAX_REQUEST_ID} characters", f"{len(request_id):,}"))
    columns: dict[str, list[Any]] = {}
    places: dict[str, str] = {}
    for tensor in tensors:
        if len(faults) >= MAX_FAULTS:
            break
        found = _shape_faults(tensor, fields, n)
        if tensor.name in places:
            found = [Fault(f"{tensor.place}.name", "each input once", f'"{shown(tensor.name)}" again')]
        elif tensor.name in fields:
            places[tensor.name] = tensor.place
        if not found:
            columns[tensor.name], found = _column(tensor, fields[tensor.name])
        faults += found
    try:
        body = {"inputs": columns, "request_id": request_id[:MAX_REQUEST_ID]}
        request = served.reader.read(msgspec.json.encode(body))
    except Rejected as rejected:
        if rejected.status != 422:
            raise
        if not rejected.faults and not faults:
            raise
        faults += relocated(rejected.faults, places, columns)
    if faults:
        raise invalid(faults)
    return request, places


def fields_of(served: Served) -> dict[str, Field]:
    """Every field that a version of the route reads, by name."""
    return {one.name: one for loaded in served.versions.values() for one in loaded.scorer.schema.fields}


def raw_values(datatype: str, raw: bytes) -> list[Any]:
    """Values from the bytes of a tensor: little-endian numbers, or texts that follow their length as four bytes.

    raises   ValueError in words when the bytes cannot be that

    >>> raw_values("INT32", b"\\x01\\x00\\x00\\x00"), raw_values("BYTES", b"\\x02\\x00\\x00\\x00UA")
    ([1], [b'UA'])
    """
    if datatype in NUMBERS or datatype == "BOOL":
        read = np.dtype(NUMBERS.get(datatype, "?"))
        if len(raw) % read.itemsize:
            raise ValueError(f"{len(raw):,} bytes, which are no whole number of {datatype}")
        if datatype == "BOOL" and raw.translate(None, b"\0\1"):
            raise ValueError("a byte that is neither 0 nor 1")
        values: list[Any] = np.frombuffer(raw, dtype=read).tolist()
        return values
    texts, at = [], 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if end > len(raw) or at + 4 > len(raw):
            raise ValueError("a length that leads beyond the end")
        texts.append(raw[at + 4 : end])
        at = end
    return texts


def raw_bytes(output: Output) -> bytes:
    """The values of an output as `raw_values` reads them.

    >>> raw_values("BYTES", raw_bytes(Output("id", "BYTES", ["a", "é"])))
    [b'a', b'\\xc3\\xa9']
    """
    if output.datatype == "BYTES":
        texts = [text.encode() for text in output.values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return np.asarray(output.values, dtype=NUMBERS.get(output.datatype, "?")).tobytes()


def _shape_faults(tensor: Tensor, fields: Mapping[str, Field], n: int) -> list[Fault]:
    """What is wrong with a tensor before its values are looked at."""
    place, one = tensor.place, fields.get(tensor.name)
    if one is None:
        return [Fault(f"{place}.name", f"one of {shown(', '.join(fields))}", f'"{shown(tensor.name)}"')]
    faults = []
    shape = list(tensor.shape)
    if shape[1:] not in ([], [1]) or not shape or shape[0] != n:
        wanted = f"[{n}] or [{n}, 1] as the first input" if n else "[n] or [n, 1]"
        faults.append(Fault(f"{place}.shape", wanted, shown(str(shape))))
    as_json = tensor.datatype == "BYTES" and tensor.parameters.get("encoding") == "json"
    if tensor.datatype not in READ[one.kind] and not as_json:
        faults.append(Fault(f"{place}.datatype", " or ".join(READ[one.kind]), f'"{shown(tensor.datatype)}"'))
    encoding = tensor.parameters.get("encoding", "text")
    if encoding not in ("text", "json"):
        faults.append(Fault(f"{place}.parameters.encoding", "text or json", kind_of(encoding)))
    if tensor.values is None:
        faults.append(Fault(f"{place}.data", f"values of {shown(tensor.datatype)}", tensor.fault))
    elif shape and len(tensor.values) != math.prod(shape):
        faults.append(Fault(f"{place}.data", f"{math.prod(shape):,} values", f"{len(tensor.values):,}"))
    return faults


def _column(tensor: Tensor, one: Field) -> tuple[list[Any], list[Fault]]:
    """The values as a request to `:predict` would have them, and what is wrong with them."""
    values = tensor.values or ()
    column: list[Any] = []
    faults: list[Fault] = []

    def wrong(expected: str, got: str) -> None:
        faults.append(Fault(f"{tensor.place}.data[{len(column)}]", expected, got))

    encoding = tensor.parameters.get("encoding", "json" if one.kind == "strings" else "text")
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            if math.isinf(value):
                wrong("a finite number", "infinity")
            column.append(None)
        elif tensor.datatype != "BYTES" or value is None:
            column.append(value)
        else:
            text, fault = _text(value, encoding == "json" and not isinstance(value, list))
            if fault:
                wrong(fault, kind_of(text) if text is not None else "something else")
            column.append(text)
    return column, faults


def _text(value: Any, as_json: bool) -> tuple[Any, str]:
    """One element of a BYTES tensor, and what was expected instead ("" when it is right)."""
    if as_json and isinstance(value, str | bytes):
        try:
            return msgspec.json.decode(value), ""
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None, 'JSON, such as ["EWR"] or null'
    if isinstance(value, bytes):
        try:
            return value.decode(), ""
        except UnicodeDecodeError:
            return None, "text in UTF-8"
    return value, ""


def relocated(faults: Sequence[Fault], places: Places, columns: Collection[str]) -> list[Fault]:
    """Faults of a request to `:predict` where the tensors stand.

    columns   inputs that were read; the faults of others were found before
    """
    moved = []
    for fault in faults:
        rest = fault.path.removeprefix("$.inputs.")
        name, bracket, index = rest.partition("[")
        if fault.path.startswith("$.inputs.") and name in places:
            if name in columns:
                moved.append(Fault(f"{places[name]}.data{bracket}{index}", fault.expected, fault.got))
        elif fault.path.startswith("$.inputs."):
            moved.append(Fault("$.inputs", f"an input named {name}", "none"))
        else:
            moved.append(fault)
    return moved
