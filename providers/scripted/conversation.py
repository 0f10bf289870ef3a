"""The conversation that a scripted agent plays, as JSON.

A prompt plays the turn that names it, else the next turn that names none (the last is followed by the first). Paths are
relative to the session's folder.

    {"name": "Demo", "turns": [{"prompt": "hello", "steps": [{"do": "say", "text": "Hello."}]}, …]}
"""

from pathlib import Path
from typing import Literal

import msgspec

MAX_FILE_BYTES = 4 * 1024 * 1024


class _Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    pass


class Say(_Step, frozen=True, kw_only=True, tag="say"):
    """Prose, streamed in `pieces`, `pause_ms` apart. `{answer}` stands for the last answer to a question."""

    text: str
    pieces: int = 8
    pause_ms: int = 0


class Think(_Step, frozen=True, kw_only=True, tag="think"):
    text: str


class Run(_Step, frozen=True, kw_only=True, tag="run"):
    """A command that is shown with its `output` and never run. `holds`: it goes on until the turn is interrupted."""

    command: str
    output: str = ""
    asks: bool = False
    holds: bool = False


class Write(_Step, frozen=True, kw_only=True, tag="write"):
    """Really writes the file, asking first in mode `ask`."""

    path: str
    text: str


class Ask(_Step, frozen=True, kw_only=True, tag="ask"):
    question: str
    options: list[str]
    header: str = "Question"
    multiple: bool = False


class Plan(_Step, frozen=True, kw_only=True, tag="plan"):
    """Presents a plan and waits for its approval."""

    text: str


class Todo(_Step, frozen=True, kw_only=True, tag="todo"):
    """The list of tasks, those before `done` completed."""

    entries: list[str]
    done: int = 0


class Retry(_Step, frozen=True, kw_only=True, tag="retry"):
    """A notice that the model's service is asked again."""

    text: str


class Fail(_Step, frozen=True, kw_only=True, tag="fail"):
    """The turn ends with this error."""

    error: str


class Crash(_Step, frozen=True, kw_only=True, tag="crash"):
    """The agent dies in mid-turn."""


class Recall(_Step, frozen=True, kw_only=True, tag="recall"):
    """Says the prompts of this session so far."""


class Hold(_Step, frozen=True, kw_only=True, tag="hold"):
    """Nothing happens until the turn is interrupted, or steered."""


class Background(_Step, frozen=True, kw_only=True, tag="background"):
    """Leaves a task in the background until it is stopped, or for `ends_after_ms`; then the agent `says` so by itself,
    in a turn of its own.
    """

    title: str
    kind: Literal["command", "agent", "other"] = "command"
    ends_after_ms: int | None = None
    says: str = ""


Playable = Say | Think | Run | Write | Ask | Plan | Todo | Retry | Recall | Hold
Step = Playable | Background | Fail | Crash


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    steps: list[Step]
    prompt: str | None = None


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server of tools that the agent says it uses."""

    name: str
    status: Literal["connected", "starting", "failed", "needs_sign_in", "disabled"] = "connected"
    problem: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    turns: list[Turn]
    name: str = "Scripted agent"
    servers: list[Server] = []

    def turn(self, prompt: str, number: int) -> list[Step]:
        """The steps for a prompt, the `number`-th (from 0) of its session."""
        named = [turn for turn in self.turns if turn.prompt == prompt]
        in_order = [turn for turn in self.turns if turn.prompt is None]
        if named:
            return named[0].steps
        if in_order:
            return in_order[number % len(in_order)].steps
        return [Say(text="This conversation has nothing to say to that.")]


class ConversationInvalid(Exception):
    """The file is missing, too large or no conversation; the text says which and where."""


def load(file: Path) -> Conversation:
    """Blocks. Raises :class:`ConversationInvalid`."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConversationInvalid(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB.")
        return msgspec.json.decode(file.read_bytes(), type=Conversation)
    except OSError as error:
        raise ConversationInvalid(f"{file} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise ConversationInvalid(f"{file} is no conversation: {error}.") from error
