"""The OpenAPI document of a worker, made from the input schemas of the versions it has loaded.

Not here: what is the same on every worker (openapi_schemas) and the checks themselves (requests). What this document
allows, they accept, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.features.schema import Field, InputSchema
from roadworthy.serving.openapi_schemas import KINDS, SCHEMAS, Document, closed, listed, ref
from roadworthy.serving.requests import MAX_REQUEST_ID
from roadworthy.serving.table import Served
from roadworthy.tokens import TokenScope

_DEADLINE: Document = {
    "name": "X-Roadworthy-Deadline-Ms",
    "in": "header",
    "schema": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e9},
    "description": "how long the client still waits",
}


def openapi(models: Mapping[str, Served], release: str) -> Document:
    """The whole document.

    models    what is served now
    release   version of Roadworthy
    """
    schemas: Document = dict(SCHEMAS)
    paths: Document = _fixed_paths()
    for name, served in sorted(models.items()):
        inputs = [loaded.scorer.schema for loaded in served.versions.values()]
        schemas[f"{name}.Row"] = row_schema(inputs, False)
        schemas[f"{name}.Columns"] = row_schema(inputs, True)
        paths |= _model_paths(name)
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
    schema = KINDS[field.kind]
    written = {"anyOf": [schema, {"type": "null"}]} if field.nullable else dict(schema)
    return (
        written
        if field.role == "input"
        else {**written, "description": f"{field.role}: logged, not seen by the model"}
    )


def _model_paths(name: str) -> Document:
    """The addresses of one model; a version can be named only where it alone answers."""
    about = f"What is served of {name}"
    paths: Document = {
        f"/v1/models/{name}": {"get": _operation(about, f"metadata_{name}", "read", answer="Metadata")},
        f"/v1/models/{name}:predict": {"post": _predict(name)},
    }
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    for suffix, named, parameters in (("", "", []), ("/versions/{version}", "_version", [version])):
        home, more = f"/v2/models/{name}{suffix}", f"{name}{named}"
        operations = {
            home: (
                "get",
                _operation(about, f"model_{more}", "read", answer="InferModel", error="InferError"),
            ),
            f"{home}/ready": (
                "get",
                _operation(
                    f"Whether {name} answers",
                    f"ready_{more}",
                    "read",
                    answer="InferReady",
                    error="InferError",
                ),
            ),
            f"{home}/infer": ("post", _infer(name, more)),
        }
        for path, (method, operation) in operations.items():
            paths[path] = {method: operation} | ({"parameters": parameters} if parameters else {})
    return paths


def _predict(name: str) -> Document:
    request_id = {"type": "string", "maxLength": MAX_REQUEST_ID}
    signature = {**request_id, "description": "accepted and ignored"}
    rows = {**listed(ref(f"{name}.Row")), "minItems": 1}
    either = [
        closed({form: sent, "request_id": request_id, "signature_name": signature}, form)
        for form, sent in (("instances", rows), ("inputs", ref(f"{name}.Columns")))
    ]
    about, identifier = f"Ask {name} for predictions", f"predict_{name}"
    operation = _operation(about, identifier, "predict", body={"anyOf": either}, answer="Predictions")
    return {**operation, "parameters": [_DEADLINE]}


def _infer(name: str, identifier: str) -> Document:
    about = f"Ask {name} by the Open Inference Protocol"
    body = ref("InferRequest")
    operation = _operation(
        about, f"infer_{identifier}", "predict", body=body, answer="InferAnswer", error="InferError"
    )
    return {**operation, "parameters": [_DEADLINE]}


def _operation(
    summary: str,
    identifier: str,
    scope: TokenScope | None,
    *,
    body: Document | None = None,
    answer: str = "",
    error: str = "Error",
) -> Document:
    """One method of one address.

    scope    what a token must be allowed, where the server wants tokens; None = open to all
    answer   name of the schema of the answer; "" = any JSON
    """
    refused = {"description": "refused or failed", "content": _json(ref(error))}
    good = {"description": "answered", "content": _json(ref(answer) if answer else {"type": "object"})}
    operation: Document = {
        "summary": summary,
        "operationId": identifier,
        "security": [] if scope is None else [{}, {"bearer": [scope]}],
        "responses": {"200": good, "default": refused},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    return operation


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _case_paths() -> Document:
    """The addresses of the queue for people."""
    text: Document = {"type": "string"}
    limit: Document = {"type": "integer", "minimum": 1, "maximum": 1_000}
    query = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in (("model", text), ("limit", limit))
    ]
    named = {"name": "id", "in": "path", "required": True, "schema": text, "description": "of the prediction"}
    waiting = _operation("Predictions that wait for a person, oldest first", "cases", "read", answer="Cases")
    answer = _operation(
        "Say what a person decided", "answer_case", "operate", body=ref("CaseAnswer"), answer="Case"
    )
    return {
        "/v1/cases": {"get": {**waiting, "parameters": query}},
        "/v1/cases/{id}": {
            "parameters": [named],
            "get": _operation("A case, and its answer if it has one", "case", "read", answer="Case"),
            "post": answer,
        },
    }


def _fixed_paths() -> Document:
    """The addresses that are there whatever is served."""
    outcomes = closed({"outcomes": listed(ref("Outcome"))}, "outcomes")
    log = closed(
        {"predictions": listed(ref("ForeignPrediction")), "schemas": listed(ref("ForeignSchema"))},
        "predictions",
    )
    ready = _operation("Whether a plan is loaded and served", "ready", None, answer="Ready")
    ready["responses"]["503"] = {"description": "not yet", "content": _json(ref("Ready"))}
    metrics = _operation("Telemetry of the node in the Prometheus text format", "metrics", "read")
    metrics["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elsewhere = "Have predictions logged that were made elsewhere"
    server = _operation(
        "The server and its extensions", "server", "read", answer="InferServer", error="InferError"
    )
    return {
        "/v1/outcomes": {
            "post": _operation(
                "Say what turned out to be true", "outcomes", "outcome", body=outcomes, answer="Accepted"
            )
        },
        "/v1/log": {"post": _operation(elsewhere, "log", "predict", body=log, answer="Accepted")},
        **_case_paths(),
        "/v2": {"get": server},
        "/v2/health/live": {"get": _operation("Whether the process answers", "live", None, answer="Live")},
        "/v2/health/ready": {"get": ready},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": _operation("This document", "openapi", "read")},
    }
