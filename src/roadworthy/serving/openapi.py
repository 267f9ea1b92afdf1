"""The OpenAPI document of a worker, made from the input schemas of the versions it has loaded.

Not here: the checks themselves (requests). What this document allows, they accept, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadworthy.features.schema import MAX_ITEMS, MAX_TEXT, Field, InputSchema
from roadworthy.serving.requests import MAX_REQUEST_ID
from roadworthy.serving.table import Served

Document = dict[str, Any]

_TEXT: Document = {"type": "string", "maxLength": MAX_TEXT}
_KINDS: Mapping[str, Document] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": _TEXT,
    "timestamp": {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "description": "microseconds since 1970 UTC"},
        ]
    },
    "strings": {"type": "array", "items": _TEXT, "maxItems": MAX_ITEMS},
}
_ERROR: Document = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["kind", "message", "faults"],
            "properties": {
                "kind": {"type": "string"},
                "message": {"type": "string"},
                "faults": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "expected", "got"],
                        "properties": {name: {"type": "string"} for name in ("path", "expected", "got")},
                    },
                },
                "faults_not_listed": {"type": "integer"},
            },
        }
    },
}
_OUTCOME: Document = {
    "type": "object",
    "required": ["id", "model", "name", "value", "event_time"],
    "additionalProperties": False,
    "properties": {
        "id": {**_TEXT, "minLength": 1},
        "model": {**_TEXT, "minLength": 1},
        "name": {**_TEXT, "minLength": 1},
        "value": {
            "anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}],
            "description": "null withdraws what an earlier revision of the same id said",
        },
        "event_time": _KINDS["timestamp"],
        "prediction_id": {"anyOf": [_TEXT, {"type": "null"}], "description": "either this or unit"},
        "unit": {"anyOf": [_TEXT, {"type": "null"}], "description": "either this or prediction_id"},
        "revision": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        "source": _TEXT,
    },
}


def openapi(models: Mapping[str, Served], release: str) -> Document:
    """The whole document.

    models    what is served now
    release   version of Roadworthy
    """
    schemas: Document = {"Error": _ERROR, "Outcome": _OUTCOME}
    paths: Document = dict(_FIXED_PATHS)
    for name, served in sorted(models.items()):
        inputs = [loaded.scorer.schema for loaded in served.versions.values()]
        schemas[f"{name}.Row"], schemas[f"{name}.Columns"] = (
            row_schema(inputs, False),
            row_schema(inputs, True),
        )
        paths[f"/v1/models/{name}:predict"] = {"post": _predict(name)}
        paths[f"/v1/models/{name}"] = {"get": _operation(f"What is served of {name}", f"metadata_{name}")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Roadworthy", "version": release},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def row_schema(schemas: list[InputSchema], columns: bool) -> Document:
    """JSON Schema of a row, or of the columns: fields that every version reads are required, the others allowed."""
    fields = {field.name: field for schema in schemas for field in schema.fields}
    required = [name for name in fields if all(schema.field(name) is not None for schema in schemas)]
    properties = {name: _field(field) for name, field in fields.items()}
    if columns:
        properties = {
            name: {"type": "array", "items": schema, "minItems": 1} for name, schema in properties.items()
        }
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _field(field: Field) -> Document:
    schema = _KINDS[field.kind]
    written = {"anyOf": [schema, {"type": "null"}]} if field.nullable else dict(schema)
    return (
        written
        if field.role == "input"
        else {**written, "description": f"{field.role}: logged, not seen by the model"}
    )


def _predict(name: str) -> Document:
    request_id = {"type": "string", "maxLength": MAX_REQUEST_ID}
    rows = {"type": "array", "minItems": 1, "items": {"$ref": f"#/components/schemas/{name}.Row"}}
    forms = [
        _body({"instances": rows, "request_id": request_id}, "instances"),
        _body(
            {"inputs": {"$ref": f"#/components/schemas/{name}.Columns"}, "request_id": request_id}, "inputs"
        ),
    ]
    numbers = {"type": "array", "items": {"type": "number"}}
    answer = {
        "type": "object",
        "required": ["ids", "model", "versions"],
        "properties": {
            "predictions": {**numbers, "description": "answers `instances`"},
            "outputs": {**numbers, "description": "answers `inputs`"},
            "ids": {"type": "array", "items": {"type": "string"}},
            "model": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "integer"}},
            "request_id": {"type": "string"},
        },
    }
    return _operation(f"Ask {name} for predictions", f"predict_{name}", {"anyOf": forms}, answer)


def _body(properties: Document, required: str) -> Document:
    return {"type": "object", "additionalProperties": False, "required": [required], "properties": properties}


def _operation(
    summary: str, identifier: str, body: Document | None = None, answer: Document | None = None
) -> Document:
    refused = {"description": "refused or failed", "content": _json({"$ref": "#/components/schemas/Error"})}
    operation: Document = {
        "summary": summary,
        "operationId": identifier,
        "responses": {"200": {"description": "answered", "content": _json(answer or {})}, "default": refused},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    return operation


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


_OUTCOMES = _body(
    {"outcomes": {"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}}}, "outcomes"
)
_FIXED_PATHS: Document = {
    "/v1/outcomes": {"post": _operation("Say what turned out to be true", "outcomes", _OUTCOMES)},
    "/v2/health/live": {"get": _operation("Whether the process answers", "live")},
    "/v2/health/ready": {"get": _operation("Whether a plan is loaded and served", "ready")},
    "/metrics": {"get": _operation("Telemetry of the node in the Prometheus text format", "metrics")},
    "/openapi.json": {"get": _operation("This document", "openapi")},
}
