"""A scripted agent that speaks the Agent Client Protocol: `python acp_agent.py FOLDER [VARIANT …]`.

The prompt is a JSON list of steps (see `providers.scripted.conversation`, and more below). FOLDER keeps the prompts of
its sessions. Only the standard library, so that it starts in 30 ms.

Variants: `no-load` cannot resume, `forgets` loads sessions without their past, `options` tells modes and models as
config options, `bare` has neither, `signed-out` wants a login, `version-9` speaks another version, `mute` never
answers, `images` takes pictures, `stubborn` ignores an interrupt, `fork` can fork, `list` lists its sessions
(two a page).
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

Json = dict[str, Any]

MODES = [("plan", "Plan"), ("ask", "Ask"), ("accept-edits", "Accept edits"), ("yolo", "Everything")]
MODELS = [("steady", "Steady"), ("brisk", "Brisk")]
COMMANDS = [{"name": "tidy", "description": "Tidy up"}]
PERMISSIONS = [
    {"optionId": "always", "name": "Allow all edits for this session", "kind": "allow_always"},
    {"optionId": "once", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]
PLAN_OPTIONS = [
    {"optionId": "start-accepting", "name": "Yes, and accept edits", "kind": "allow_always"},
    {"optionId": "start", "name": "Yes, and ask", "kind": "allow_once"},
    {"optionId": "no", "name": "No, keep planning", "kind": "reject_once"},
]
QUESTION_OPTIONS = [
    {"optionId": "once", "name": "Submit", "kind": "allow_once"},
    {"optionId": "no", "name": "Cancel", "kind": "reject_once"},
]


class Refused(Exception):
    """The answer to a request is an error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


class Wire:
    """Lines of JSON on standard input and output."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, SimpleQueue[Json]] = {}

    def send(self, message: Json) -> None:
        self.line(json.dumps({"jsonrpc": "2.0", **message}))

    def line(self, text: str) -> None:
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def ask(self, method: str, params: Json) -> Json:
        """Send a request and wait for its answer."""
        number = uuid.uuid4().hex
        answer: SimpleQueue[Json] = SimpleQueue()
        self._waiting[number] = answer
        self.send({"id": number, "method": method, "params": params})
        return answer.get()

    def answered(self, message: Json) -> None:
        self._waiting.pop(message["id"]).put(message.get("result") or {"error": message.get("error")})


class Session:
    """One session, and the turn that runs in it."""

    def __init__(self, wire: Wire, folder: Path, session_id: str, store: Path) -> None:
        self.id = session_id
        self.mode = "ask"
        self.model = "steady"
        self.cancelled = threading.Event()
        self._wire = wire
        self._folder = folder
        self._store = store / f"{session_id}.json"
        self._calls = 0
        self._allows_edits = False

    @property
    def prompts(self) -> list[str]:
        found: list[str] = json.loads(self._store.read_text()) if self._store.exists() else []
        return found

    def remember(self, prompts: list[str]) -> None:
        self._store.with_suffix(".cwd").write_text(str(self._folder))
        self._store.write_text(json.dumps(prompts))

    def update(self, kind: str, /, **fields: Any) -> None:
        update = {"sessionUpdate": kind, **fields}
        self._wire.send({"method": "session/update", "params": {"sessionId": self.id, "update": update}})

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        self.update(kind, content={"type": "text", "text": text})

    def play(self, steps: list[Json]) -> str:
        """A turn; its stop reason."""
        for step in steps:
            if self.cancelled.is_set():
                break
            getattr(self, f"do_{step['do']}")(step)
        return "cancelled" if self.cancelled.is_set() else "end_turn"

    def do_say(self, step: Json) -> None:
        text, pieces = step["text"], step.get("pieces", 8)
        size = max(1, -(-len(text) // max(1, pieces)))
        for start in range(0, len(text), size):
            if step.get("pause_ms"):
                time.sleep(step["pause_ms"] / 1000)  # noqa: TID251  a real agent takes its time
            self.say(text[start : start + size])

    def do_think(self, step: Json) -> None:
        self.say(step["text"], "agent_thought_chunk")

    def do_recall(self, _step: Json) -> None:
        self.say("I remember: " + " / ".join(self.prompts[:-1]))

    def do_hold(self, _step: Json) -> None:
        self.cancelled.wait()

    def do_crash(self, _step: Json) -> None:
        self.cancelled.wait()

    def do_exit(self, step: Json) -> None:
        sys.stderr.write("the scripted agent gives up\n")
        sys.stderr.flush()
        os._exit(step["code"])

    def do_leave(self, step: Json) -> None:
        """A child that writes its pid into `mark`; in our group it holds our output open, detached it does not."""
        code = f"import os, time; open({step['mark']!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        is_detached = bool(step.get("is_detached"))
        output = subprocess.DEVNULL if is_detached else None
        subprocess.Popen(
            [sys.executable, "-S", "-c", code], start_new_session=is_detached, stdout=output, stderr=output
        )

    def do_fail(self, step: Json) -> None:
        raise Refused(-32603, "Internal error", {"details": step["error"]})

    def do_refuse(self, step: Json) -> None:
        raise Refused(step["code"], step["message"])

    def do_todo(self, step: Json) -> None:
        done = step.get("done", 0)
        entries = [
            {"content": entry, "priority": "medium", "status": "completed" if number < done else "pending"}
            for number, entry in enumerate(step["entries"])
        ]
        self.update("plan", entries=entries)

    def do_raw(self, step: Json) -> None:
        """Any update."""
        self.update(step["update"]["sessionUpdate"], **step["update"])

    def do_line(self, step: Json) -> None:
        """Any line at all."""
        self._wire.line(step["text"])

    def do_ask_client(self, step: Json) -> None:
        """Any request; says what came back."""
        answer = self._wire.ask(step["method"], {"sessionId": self.id, **step["params"]})
        self.say(json.dumps(answer))

    def do_later(self, step: Json) -> None:
        """Says or does something when the turn is over."""
        act, given = (self.do_ask_client, step["asks"]) if "asks" in step else (self.say, step["text"])
        threading.Timer(step.get("after_s", 0.1), act, [given]).start()

    def do_run(self, step: Json) -> None:
        call = self._call("execute", step["command"], {"command": step["command"]})
        if step.get("asks") and not self._is_allowed(call, PERMISSIONS):
            return
        if step.get("holds"):
            self.cancelled.wait()
            return
        self._done(call, [{"type": "content", "content": {"type": "text", "text": step.get("output", "")}}])

    def do_write(self, step: Json) -> None:
        """Asks first in mode `ask`, without having told of the call, as some agents do."""
        path = self._folder / step["path"]
        old = path.read_text() if path.exists() else None
        diff = [{"type": "diff", "path": str(path), "oldText": old, "newText": step["text"]}]
        call = self._next("edit", f"Write {step['path']}", {"path": step["path"]}) | {"content": diff}
        if self.mode in {"plan", "ask"} and not self._allows_edits:
            if not self._is_allowed(call, PERMISSIONS):
                return
        else:
            self.update("tool_call", status="in_progress", **call)
        path.write_text(step["text"])
        self._done(call, [diff[0] | {"path": step["path"]}])

    def do_ask(self, step: Json) -> None:
        """As Qwen Code asks."""
        choices = [{"label": option, "description": ""} for option in step["options"]]
        asked = {"question": step["question"], "header": "Question", "multiSelect": False, "options": choices}
        call = self._next("think", "Ask the user", {"questions": [asked]})
        answer = self._permission(call, QUESTION_OPTIONS)
        said = str(answer.get("answers", {}).get("0", "nothing"))
        self._done(call, [{"type": "content", "content": {"type": "text", "text": said}}])

    def do_plan(self, step: Json) -> None:
        content = [{"type": "content", "content": {"type": "text", "text": step["text"]}}]
        call = self._next("switch_mode", "Plan", {}) | {"content": content}
        chosen = self._chosen(self._permission(call, PLAN_OPTIONS))
        if chosen in {"start", "start-accepting"}:
            self.mode = "accept-edits" if chosen == "start-accepting" else "ask"
            self.update("current_mode_update", currentModeId=self.mode)
            self._done(call, content)

    def _next(self, kind: str, title: str, arguments: Json) -> Json:
        self._calls += 1
        call_id = f"{self.id}-{len(self.prompts)}-{self._calls}"
        return {"toolCallId": call_id, "kind": kind, "title": title, "rawInput": arguments}

    def _call(self, kind: str, title: str, arguments: Json) -> Json:
        """Told in two steps, as some agents do: the input comes after the call."""
        call = self._next(kind, title, arguments)
        self.update("tool_call", status="pending", **{**call, "title": "Terminal", "rawInput": {}})
        self.update("tool_call_update", **call)
        return call

    def _done(self, call: Json, content: list[Json]) -> None:
        self.update("tool_call_update", toolCallId=call["toolCallId"], status="completed", content=content)

    def _permission(self, call: Json, options: list[Json]) -> Json:
        params = {"sessionId": self.id, "toolCall": {**call, "status": "pending"}, "options": options}
        return self._wire.ask("session/request_permission", params)

    @staticmethod
    def _chosen(answer: Json) -> str:
        return str(answer.get("outcome", {}).get("optionId", ""))

    def _is_allowed(self, call: Json, options: list[Json]) -> bool:
        """A call that is refused is not spoken of again."""
        chosen = self._chosen(self._permission(call, options))
        self._allows_edits = self._allows_edits or chosen == "always"
        return chosen in {"always", "once"}


class Agent:
    """What the client calls."""

    def __init__(self, store: Path, variants: set[str]) -> None:
        self._store = store
        self._variants = variants
        self._wire = Wire()
        self._sessions: dict[str, Session] = {}
        self._methods: dict[str, Callable[[Json], Json]] = {
            "initialize": self._initialize,
            "session/new": self._new,
            "session/load": self._load,
            "session/fork": self._fork,
            "session/list": self._list,
            "session/set_mode": self._set_mode,
            "session/set_model": self._set_model,
            "session/set_config_option": self._set_option,
        }

    def serve(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "method" not in message:
                self._wire.answered(message)
            elif message["method"] == "session/cancel":
                if "stubborn" not in self._variants:
                    self._sessions[message["params"]["sessionId"]].cancelled.set()
            elif message["method"] == "session/prompt":
                threading.Thread(target=self._answer, args=[message, self._prompt], daemon=True).start()
            elif "mute" not in self._variants:
                self._answer(message, self._methods.get(message["method"], _unknown))

    def _answer(self, message: Json, method: Callable[[Json], Json]) -> None:
        try:
            self._wire.send({"id": message["id"], "result": method(message["params"])})
        except Refused as refused:
            self._wire.send({"id": message["id"], "error": refused.error})

    def _initialize(self, _params: Json) -> Json:
        variants = self._variants
        return {
            "protocolVersion": 9 if "version-9" in variants else 1,
            "agentInfo": {"name": "scripted", "version": "1.2.3"},
            "authMethods": [{"id": "login", "name": "Log in", "type": "terminal", "args": ["login"]}],
            "agentCapabilities": {
                "loadSession": "no-load" not in variants,
                "promptCapabilities": {"image": "images" in variants},
                "sessionCapabilities": {name: {} for name in ("fork", "list") if name in variants},
            },
        }

    def _new(self, params: Json) -> Json:
        if "signed-out" in self._variants:
            raise Refused(-32000, "Authentication required")
        return self._opened(params, str(uuid.uuid4())) | {"sessionId": list(self._sessions)[-1]}

    def _load(self, params: Json) -> Json:
        opened = self._opened(params, params["sessionId"])
        session = self._sessions[params["sessionId"]]
        for prompt in session.prompts if "forgets" not in self._variants else []:
            session.say(prompt, "user_message_chunk")
            session.say("an answer of the past")
        return opened

    def _fork(self, params: Json) -> Json:
        opened = self._opened(params, str(uuid.uuid4()))
        forked = list(self._sessions)[-1]
        self._sessions[forked].remember(json.loads((self._store / f"{params['sessionId']}.json").read_text()))
        return opened | {"sessionId": forked}

    def _list(self, params: Json) -> Json:
        if "list" not in self._variants:
            return _unknown(params)
        kept = sorted(self._store.glob("*.json"))
        start = int(params.get("cursor", 0))
        found = [
            {
                "sessionId": path.stem,
                "cwd": (path.with_suffix(".cwd")).read_text(),
                "title": json.loads(path.read_text())[0],
                "updatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime)),
            }
            for path in kept[start : start + 2]
        ]
        more = {"nextCursor": str(start + 2)} if start + 2 < len(kept) else {}
        return {"sessions": found} | more

    def _opened(self, params: Json, session_id: str) -> Json:
        session = Session(self._wire, Path(params["cwd"]), session_id, self._store)
        self._sessions[session_id] = session
        session.update("available_commands_update", availableCommands=COMMANDS)
        return self._settings(session)

    def _settings(self, session: Session) -> Json:
        if "bare" in self._variants:
            return {}
        if "options" in self._variants:
            return {"configOptions": [_option("mode", MODES, session.mode), _option("model", MODELS, session.model)]}
        return {
            "modes": {"currentModeId": session.mode, "availableModes": [{"id": i, "name": n} for i, n in MODES]},
            "models": {
                "currentModelId": session.model,
                "availableModels": [{"modelId": i, "name": n} for i, n in MODELS],
            },
        }

    def _set_mode(self, params: Json) -> Json:
        session = self._sessions[params["sessionId"]]
        session.mode = params["modeId"]
        session.update("current_mode_update", currentModeId=session.mode)
        return {}

    def _set_model(self, params: Json) -> Json:
        self._sessions[params["sessionId"]].model = params["modelId"]
        return {}

    def _set_option(self, params: Json) -> Json:
        session = self._sessions[params["sessionId"]]
        setattr(session, params["configId"], params["value"])
        return self._settings(session)

    def _prompt(self, params: Json) -> Json:
        session = self._sessions[params["sessionId"]]
        session.cancelled.clear()
        text = next(block["text"] for block in params["prompt"] if block["type"] == "text")
        others = [block for block in params["prompt"] if block["type"] != "text"]
        session.remember([*session.prompts, text])
        if others:
            session.say(json.dumps(others))
        reason = session.play(json.loads(text))
        return {"stopReason": reason, "usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110}}


def _option(category: str, values: list[tuple[str, str]], current: str) -> Json:
    options = [{"value": value, "name": name} for value, name in values]
    about = {"id": category, "name": category, "category": category, "type": "select"}
    return about | {"currentValue": current, "options": options}


def _unknown(_params: Json) -> Json:
    raise Refused(-32601, "Method not found")


if __name__ == "__main__":
    Agent(Path(sys.argv[1]), set(sys.argv[2:])).serve()
