"""docs/PROTOCOL.md: the table of operations and every type, for people who write a client."""

from ws.protocol import PROTOCOL_VERSION
from ws.protocol.errors import HTTP_STATUS, TITLES
from ws.protocol.ops import OPS, Op, Place
from ws.schema.components import Schema, members, schema_components
from ws.schema.typescript import type_of

_HEAD = f"""# Protocol, version {PROTOCOL_VERSION}

Generated from `ws/protocol` by `make gen`; do not edit.

Calls are JSON-RPC 2.0 text frames on `/ws`, and `POST /api/ops/NAME` with the params as JSON body; those marked *get*
also answer `GET` with a query string (a list as its name again and again, an object as JSON). A subscription answers
with its result, then sends `{{"method":"event","params":{{"subscription":ID,"event":{{…}}}}}}` until
`unsubscribe {{"subscription":ID}}`. Who opens `/ws?batches=1` may get several of them in one message, a JSON-RPC batch.
Over HTTP it is a `text/event-stream`. Fields marked `?` may be absent. Types are
written as in TypeScript.
"""
_PLACES = {
    Place.MAIN: "Main",
    Place.NODE: "node",
    Place.EACH: "Main, asking the nodes",
    Place.LINK: "link only",
}


def _fields(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    parts = [
        f"{name}{'' if name in required else '?'}: {type_of(kind)}"
        for name, kind in schema.get("properties", {}).items()
    ]
    return "{ " + ", ".join(parts) + " }" if parts else "{}"


def _op(op: Op, components: dict[str, Schema]) -> list[str]:
    marks = [f"runs on {_PLACES[op.place]}", f"scope {op.scope.value}", f"deadline {op.deadline_s:g} s"]
    marks += ["idempotent"] if op.idempotent else []
    marks += ["get"] if op.is_read_only and op.place is not Place.LINK else []
    marks += ["subscription"] if op.is_subscription else []
    out = [f"### {op.name}", "", f"{op.summary} *{', '.join(marks)}*", ""]
    out += [f"Answers `unsupported`: {op.unsupported}", ""] if op.unsupported else []
    out.append(f"- params `{_fields(components[op.params.__name__])}`")
    out.append(f"- result `{op.result.__name__}`")
    if op.is_subscription:
        names = ", ".join(f"`{member.__name__}`" for member in members(op.events))
        out.append(f"- events {names}")
    return [*out, ""]


def _type(name: str, schema: Schema) -> list[str]:
    if "enum" in schema:
        return [f"### {name}", "", f"`{type_of(schema)}`", ""]
    out = [f"### {name}", ""]
    if description := schema.get("description"):
        out += [" ".join(description.split()), ""]
    return [*out, f"`{_fields(schema)}`", ""]


def render() -> str:
    """The whole page."""
    components = schema_components()
    params = {op.params.__name__ for op in OPS.values()}
    out = [_HEAD, "## Errors", "", "| code | HTTP | title |", "|---|---|---|"]
    out += [f"| {code.value} | {status} | {TITLES[code]} |" for code, status in HTTP_STATUS.items()]
    out += ["", "## Operations", ""]
    for op in OPS.values():
        out += _op(op, components)
    out += ["## Types", ""]
    for name, schema in components.items():
        if name not in params:
            out += _type(name, schema)
    return "\n".join(out).rstrip() + "\n"
