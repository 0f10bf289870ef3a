"""The OpenAPI 3.1 description of the HTTP face, built from the table."""

from typing import Any

from ws.protocol import __version__
from ws.protocol.errors import HTTP_STATUS, TITLES
from ws.protocol.ops import OPS, Op, Place
from ws.schema.components import Schema, schema_components

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _reference(kind: type) -> Schema:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _answers(op: Op) -> dict[str, Any]:
    if op.is_subscription:
        content: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _reference(op.result)}}
    return {"200": {"description": "Done.", "content": content}, "default": {"$ref": "#/components/responses/Problem"}}


def _query(op: Op, components: dict[str, Schema]) -> list[dict[str, Any]]:
    schema = components[op.params.__name__]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, **_written_as(kind)}
        for name, kind in schema.get("properties", {}).items()
    ]


def _written_as(kind: Schema) -> dict[str, Any]:
    """A list is its name again and again, which is what a schema means in a query; an object is JSON."""
    is_object = any("additionalProperties" in each for each in (kind, *kind.get("anyOf", ())))
    return {"content": {"application/json": {"schema": kind}}} if is_object else {"schema": kind}


def _path_item(op: Op, components: dict[str, Schema]) -> dict[str, Any]:
    shared = {"summary": op.summary, "tags": [op.name.split(".")[0]], "responses": _answers(op)}
    item: dict[str, Any] = {
        "post": {
            "operationId": op.name,
            **shared,
            "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(op.params)}}},
        }
    }
    if op.is_read_only:
        item["get"] = {"operationId": f"{op.name}.get", **shared, "parameters": _query(op, components)}
    return item


def build() -> dict[str, Any]:
    """The document served as /api/openapi.json."""
    components = schema_components()
    components["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "retryable"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": {"enum": sorted(TITLES.values())},
            "status": {"enum": sorted(HTTP_STATUS.values())},
            "code": {"enum": [code.value for code in HTTP_STATUS]},
            "detail": {"type": "string"},
            "retryable": {"type": "boolean"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Switchyard", "version": __version__},
        "paths": {
            f"/api/ops/{op.name}": _path_item(op, components) for op in OPS.values() if op.place is not Place.LINK
        },
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {"Problem": {"description": "What went wrong and what to do.", "content": _PROBLEM}},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }
