"""A server of tools (MCP over standard input and output) whose one tool asks its user before it answers."""

import json
import sys
from typing import Any

TOOL = {
    "name": "find_bird",
    "description": "Finds a bird",
    "inputSchema": {"type": "object", "properties": {"where": {"type": "string"}}},
}
FORM = {"type": "object", "properties": {"bird": {"type": "string", "enum": ["heron", "stork"]}}, "required": ["bird"]}


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """`call` is the id of the call that waits for its user's answer."""
    call: Any = None
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                version = message["params"]["protocolVersion"]
                info = {"name": "birds", "version": "1"}
                send(
                    id=message["id"],
                    result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info},
                )
            case "tools/list":
                send(id=message["id"], result={"tools": [TOOL]})
            case "tools/call":
                call = message["id"]
                send(id="form", method="elicitation/create", params={"message": "Which bird?", "requestedSchema": FORM})
            case None if message.get("id") == "form":
                answer = message.get("result") or {}
                found = (answer.get("content") or {}).get("bird", answer.get("action"))
                send(id=call, result={"content": [{"type": "text", "text": f"found: {found}"}]})
            case _ if "id" in message and "method" in message:
                send(id=message["id"], result={})
            case _:
                pass


if __name__ == "__main__":
    main()
