"""TypeScript types of the wire, for the page: frontend-src/src/wire/wire.gen.ts."""

import json

from ws.protocol import PROTOCOL_VERSION
from ws.protocol.errors import ErrorCode
from ws.protocol.ops import OPS, Place
from ws.schema.components import Schema, members, reference_name, schema_components

_HEAD = """// Generated from ws/protocol by `python -m ws.schema`; do not edit.
"""
_PRIMITIVES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def _union(parts: list[str]) -> str:
    return " | ".join(dict.fromkeys(parts))


def type_of(schema: Schema) -> str:
    """The TypeScript type of a JSON Schema as msgspec writes them."""
    name = reference_name(schema)
    if name is not None:
        return name
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return _union([json.dumps(value) for value in schema["enum"]])
    if "anyOf" in schema:
        return _union([type_of(part) for part in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(type_of(part) for part in schema['prefixItems'])}]"
    if kind == "array":
        item = type_of(schema.get("items", {}))
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        extra = schema.get("additionalProperties")
        return f"Record<string, {type_of(extra)}>" if isinstance(extra, dict) and extra else "Record<string, unknown>"
    return _PRIMITIVES.get(kind, "unknown") if isinstance(kind, str) else "unknown"


def _comment(text: str, indent: str) -> list[str]:
    lines = [line.strip().replace("*/", "*\\/") for line in text.strip().splitlines()]
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def _interface(name: str, schema: Schema) -> list[str]:
    if "enum" in schema:
        return [f"export type {name} = {type_of(schema)};", ""]
    out: list[str] = []
    if description := schema.get("description"):
        out += _comment(description, "")
    required = set(schema.get("required", ()))
    out.append(f"export interface {name} {{")
    for field, kind in schema.get("properties", {}).items():
        key = field if field.isidentifier() else json.dumps(field)
        out.append(f"  {key}{'' if field in required else '?'}: {type_of(kind)};")
    return [*out, "}", ""]


def _event_type(events: object) -> str:
    return _union([member.__name__ for member in members(events)])  # type: ignore[arg-type]


def render() -> str:
    """The whole file."""
    out = [_HEAD, f"export const PROTOCOL_VERSION = {PROTOCOL_VERSION};", ""]
    out += [f"export type ErrorCode = {_union([json.dumps(code.value) for code in ErrorCode])};", ""]
    for name, schema in schema_components().items():
        if name != "ErrorCode":
            out += _interface(name, schema)
    out += [
        "/** Every operation that the page may call: its params, its result and, for a subscription, its events. */"
    ]
    out.append("export interface Ops {")
    for op in OPS.values():
        if op.place is Place.LINK:
            continue
        out += _comment(op.summary, "  ")
        event = f"; event: {_event_type(op.events)}" if op.is_subscription else ""
        out.append(f"  {json.dumps(op.name)}: {{ params: {op.params.__name__}; result: {op.result.__name__}{event} }};")
    out += ["}", "", "/** How long a call waits for its answer, in seconds. */"]
    out.append("export const DEADLINE_S: { readonly [K in keyof Ops]: number } = {")
    out += [f"  {json.dumps(op.name)}: {op.deadline_s:g}," for op in OPS.values() if op.place is not Place.LINK]
    return "\n".join([*out, "};", ""])
