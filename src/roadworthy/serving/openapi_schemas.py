"""The parts of the OpenAPI document that are the same on every worker: what is sent, what is answered, what is refused.

Not here: models (openapi). What these schemas allow, the readers accept, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from roadworthy.features.schema import MAX_ITEMS, MAX_TEXT
from roadworthy.serving.infer_tensors import DATATYPES, OUTPUTS

Document = dict[str, Any]


def ref(name: str) -> Document:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Document, *required: str) -> Document:
    """An object that has these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def listed(items: Document) -> Document:
    """A list."""
    return {"type": "array", "items": items}


def answered(properties: Document, *optional: str) -> Document:
    """An object as an answer: later versions may say more."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


TEXT: Final[Document] = {"type": "string", "maxLength": MAX_TEXT}
_NAME: Final[Document] = {**TEXT, "minLength": 1}
_SHORT: Final[Document] = {"type": "string", "maxLength": 128}
_COUNT: Final[Document] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_INTEGER: Final[Document] = {"type": "integer"}
_STRING: Final[Document] = {"type": "string"}
_NULL: Final[Document] = {"type": "null"}
_MODEL: Final[Document] = {**_STRING, "maxLength": 64, "pattern": "^[a-z][a-z0-9_-]*$"}

#: Kind of a field → its values.
KINDS: Final[Mapping[str, Document]] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": TEXT,
    "timestamp": {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "description": "microseconds since 1970 UTC"},
        ]
    },
    "strings": {"type": "array", "items": TEXT, "maxItems": MAX_ITEMS},
}

_FAULTS = listed(answered(dict.fromkeys(("path", "expected", "got"), _STRING)))
_VALUES: Document = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [*(KINDS[kind] for kind in ("number", "boolean", "string", "strings")), _NULL]
    },
}
_OUTCOME = closed(
    {
        "id": {**_NAME, "description": "of one id and revision the first counts: sending again is harmless"},
        "model": _NAME,
        "name": {**_NAME, "description": "the outcome that the model declares"},
        "value": {
            "anyOf": [{"type": "number"}, {"type": "boolean"}, _NULL],
            "description": "0 or 1 if served here; null withdraws what an earlier revision of the same id said",
        },
        "event_time": KINDS["timestamp"],
        "prediction_id": {"anyOf": [_NAME, _NULL], "description": "either this or unit"},
        "unit": {"anyOf": [_NAME, _NULL], "description": "either this or prediction_id"},
        "revision": {
            **_COUNT,
            "description": "a correction has the same id and event time, and a higher revision",
        },
        "source": TEXT,
    },
    "id",
    "model",
    "name",
    "value",
    "event_time",
)
_FOREIGN = closed(
    {
        "id": {
            "anyOf": [_NAME, _NULL],
            "description": "of one id the log reads one: sending again is harmless",
        },
        "model": _MODEL,
        "version": _COUNT,
        "inputs": {**_VALUES, "description": "the first values of a version say what its inputs are"},
        "context": {**_VALUES, "description": "logged, not seen by the model"},
        "output": {
            "anyOf": [
                {"type": "number"},
                {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": MAX_ITEMS},
                {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1},
                _NULL,
            ],
            "description": "either this or error",
        },
        "error": {**TEXT, "description": "why there is no output"},
        "unit": TEXT,
        "event_time": {"anyOf": [KINDS["timestamp"], _NULL], "description": "now when not given"},
        "request_id": _SHORT,
        "row": _COUNT,
        "role": {
            "enum": ["champion", "canary", "shadow", None],
            "description": "shadow of a model served here",
        },
        "latency_seconds": {"type": "number", "minimum": 0},
        "decision": _SHORT,
        "source": _SHORT,
    },
    "model",
    "inputs",
)
_FOREIGN_FIELD = closed(
    {"name": _NAME, "kind": {"enum": list(KINDS)}, "role": {"enum": ["input", "context"]}}, "name", "kind"
)
_FOREIGN_SCHEMA = closed(
    {"model": _MODEL, "version": _COUNT, "fields": {**listed(_FOREIGN_FIELD), "minItems": 1}},
    "model",
    "fields",
)
_DATATYPE: Document = {"enum": list(DATATYPES)}
_SHAPE = {**listed({"type": "integer", "minimum": 0}), "minItems": 1, "maxItems": 2}
_TENSOR: Document = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": _STRING,
        "shape": {**_SHAPE, "description": "[n] or [n, 1], n the same for every input"},
        "datatype": _DATATYPE,
        "data": {"type": "array"},
        "parameters": {
            "type": "object",
            "properties": {"encoding": {"enum": ["text", "json"], "description": "of BYTES; json for lists"}},
        },
    },
}
_INFER: Document = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": _SHORT,
        "inputs": listed(_TENSOR),
        "outputs": listed(
            {"type": "object", "required": ["name"], "properties": {"name": {"enum": list(OUTPUTS)}}}
        ),
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "timeout": {"type": "integer", "minimum": 1, "description": "microseconds"},
                "binary_data_output": {"type": "boolean"},
            },
        },
    },
}
_DESCRIBED = answered({"name": _STRING, "datatype": _DATATYPE, "shape": listed(_INTEGER)})

#: Name → schema.
_CASE: Document = answered(
    {
        **dict.fromkeys(("id", "model", "unit", "request_id", "node"), _STRING),
        **dict.fromkeys(("version", "row"), _INTEGER),
        **{key: {"type": "string", "format": "date-time"} for key in ("event_time", "opened_at")},
        "output": {"type": "number"},
        "inputs": {"type": "object"},
        "context": {"type": "object"},
        "answer": {"type": "object", "description": "what a person said; absent while the case waits"},
    },
    "answer",
)

SCHEMAS: Final[Document] = {
    "Error": answered({"error": answered({"kind": _STRING, "message": _STRING, "faults": _FAULTS})}),
    "InferError": answered({"error": _STRING, "kind": _STRING, "faults": _FAULTS}),
    "Outcome": _OUTCOME,
    "ForeignPrediction": _FOREIGN,
    "ForeignSchema": _FOREIGN_SCHEMA,
    "Accepted": answered({"accepted": _INTEGER}),
    "Case": _CASE,
    "Cases": answered({"cases": listed(ref("Case")), "open": _INTEGER}),
    "CaseAnswer": closed(
        {
            "output": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
            "by": {"type": "string", "minLength": 1, "maxLength": 128},
            "note": {"type": "string", "maxLength": 2_000},
        },
        "output",
        "by",
    ),
    "Live": answered({"live": {"type": "boolean"}}),
    "Ready": answered(
        {
            "ready": {"type": "boolean"},
            "plan": {"type": ["integer", "null"]},
            "plan_age_seconds": {"type": "number"},
            "models": listed(_STRING),
        }
    ),
    "Metadata": answered(
        {
            "name": _STRING,
            "plan": _INTEGER,
            "route": {"type": "object"},
            "versions": listed(
                answered(
                    {
                        "version": _INTEGER,
                        "digest": _STRING,
                        "schema": _STRING,
                        "fields": listed({"type": "object"}),
                        "serving": {"type": "object", "description": "deadline, fallbacks and bands"},
                    }
                )
            ),
        }
    ),
    "Predictions": answered(
        {
            "predictions": {**listed({"type": "number"}), "description": "answers `instances`"},
            "outputs": {**listed({"type": "number"}), "description": "answers `inputs`"},
            "ids": listed(_STRING),
            "model": _STRING,
            "versions": listed(_INTEGER),
            "request_id": _STRING,
            "fallback": {**listed(_INTEGER), "description": "numbers of the rows that a fallback answered"},
            "decisions": {**listed(_STRING), "description": 'what to do with each row; "" = use the output'},
        },
        "predictions",
        "outputs",
        "request_id",
        "fallback",
        "decisions",
    ),
    "InferServer": answered({"name": _STRING, "version": _STRING, "extensions": listed(_STRING)}),
    "InferModel": answered(
        {
            "name": _STRING,
            "versions": listed(_STRING),
            "platform": _STRING,
            "inputs": listed(_DESCRIBED),
            "outputs": listed(_DESCRIBED),
        }
    ),
    "InferReady": answered({"name": _STRING, "ready": {"type": "boolean"}}),
    "InferRequest": _INFER,
    "InferAnswer": answered(
        {
            "model_name": _STRING,
            "model_version": {**_STRING, "description": "absent when several versions answered"},
            "id": _STRING,
            "outputs": listed(
                answered(
                    {
                        "name": _STRING,
                        "datatype": _DATATYPE,
                        "shape": listed(_INTEGER),
                        "data": {"type": "array"},
                    },
                    "data",
                )
            ),
        },
        "model_version",
        "id",
    ),
}
