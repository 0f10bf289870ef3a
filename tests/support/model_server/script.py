"""The prompt is the script: what the scripted model answers, whatever wire format it is asked in.

One command a line; a line that is no command is said back. A request is answered with the lines up to and including the
next act (a tool call); the request that brings its result is answered with the lines after it.

    say TEXT            one text block                  chunks N        N numbered pieces of text
    think TEXT          one thinking block              slow N DELAY    the same, DELAY seconds apart
    big KB              a text of that size             recall          says the prompts of this conversation so far
    run COMMAND         run a shell command             read PATH       read a file
    write PATH TEXT     write a file                    edit PATH OLD NEW
    ask QUESTION? A|B   ask the user                    plan TEXT       present a plan
    todo A|B            note a task for each            agent A; B      a sub-agent whose script is A and B
    tool NAME JSON      call any tool                   par N           the next N acts come in one answer
    error CODE [TIMES]  an API error, TIMES times (default: always)
    drop [TIMES]        the connection breaks after the answer has begun (default: once)
    hang                the answer begins and never goes on
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import msgspec

CHUNK_CHARS = 2048
"""`big` is streamed in pieces of this size."""

ALWAYS = 10**9


@dataclass(frozen=True)
class Say:
    """One text block, streamed as `chunks`, each after `delay_s`."""

    chunks: tuple[str, ...]
    delay_s: float = 0.0


@dataclass(frozen=True)
class Think:
    text: str


@dataclass(frozen=True)
class Act:
    """A tool call in the words of the script; the wire format knows how its agent's tool is named."""

    verb: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """Something goes wrong; `times` requests are hit, later ones pass."""

    kind: Literal["error", "drop", "hang"]
    status: int = 0
    times: int = ALWAYS


@dataclass(frozen=True)
class Recall:
    """Says what the conversation holds: proof that an agent resumed with its memory."""


@dataclass(frozen=True)
class Together:
    acts: int


Block = Say | Think | Act | Recall
Piece = Block | Fault
_Line = Piece | Together

_TWO_ARGUMENTS = frozenset({"write", "tool"})
_ONE_ARGUMENT = frozenset({"run", "read", "agent"})


def parse(prompt: str) -> list[_Line]:
    """The commands of a prompt, in order."""
    return [piece for line in prompt.splitlines() if line.strip() for piece in _parse_line(line.strip())]


def answer(prompt: str, acts_done: int, *, may_act: bool) -> list[Piece]:
    """What the model answers after `acts_done` tool calls of this prompt. Without `may_act` it only talks.

    A side request (a title, a summary) carries the same prompt but no tools: it must not act.
    """
    lines = parse(prompt)
    if not may_act:
        return [line for line in lines if isinstance(line, Say | Think)] or [Say(("Done.",))]
    return list(_segment(_after(lines, acts_done))) or [Say(("Done.",))]


def _after(lines: Sequence[_Line], acts: int) -> Sequence[_Line]:
    """What is left when `acts` tool calls have been made."""
    if not acts:
        return lines
    made = count(1)
    for index, line in enumerate(lines):
        if isinstance(line, Act) and next(made) == acts:
            return lines[index + 1 :]
    return ()


def _segment(lines: Sequence[_Line]) -> Iterator[Piece]:
    """Up to and including the next act, or the next N of a `par`."""
    left = 1
    for line in lines:
        if isinstance(line, Together):
            left = line.acts
            continue
        yield line
        if isinstance(line, Act):
            left -= 1
            if left == 0:
                return


def _parse_line(line: str) -> list[_Line]:
    verb, _, rest = line.partition(" ")
    match verb:
        case "say":
            return [Say((rest,))]
        case "think":
            return [Think(rest)]
        case "chunks" | "slow":
            words = rest.split()
            delay_s = float(words[1]) if len(words) > 1 else 0.0
            return [Say(tuple(f"chunk {number} " for number in range(1, int(words[0]) + 1)), delay_s)]
        case "big":
            size = int(rest) * 1024
            text = ("0123456789abcdef" * (size // 16 + 1))[:size]
            return [Say(tuple(text[start : start + CHUNK_CHARS] for start in range(0, size, CHUNK_CHARS)))]
        case "recall":
            return [Recall()]
        case "par":
            return [Together(int(rest))]
        case "error" | "drop" | "hang":
            return [_fault(verb, rest.split())]
        case _:
            return _act(verb, rest) or [Say((f"You said: {line}",))]


def _fault(verb: Literal["error", "drop", "hang"], words: list[str]) -> Fault:
    match verb:
        case "error":
            return Fault("error", int(words[0]), int(words[1]) if len(words) > 1 else ALWAYS)
        case "drop":
            return Fault("drop", times=int(words[0]) if words else 1)
        case "hang":
            return Fault("hang")


def _act(verb: str, rest: str) -> list[_Line]:
    if verb in _ONE_ARGUMENT:
        return [Act(verb, (rest,))]
    if verb in _TWO_ARGUMENTS:
        first, _, second = rest.partition(" ")
        return [Act(verb, (first, _unescaped(second)))]
    match verb:
        case "edit":
            path, old, new = shlex.split(rest)
            return [Act("edit", (path, old, new))]
        case "ask":
            question, _, options = rest.rpartition("?")
            return [Act("ask", (question.strip() + "?", *(option.strip() for option in options.split("|"))))]
        case "plan":
            return [Act("plan_file", (rest,)), Act("plan", (rest,))]
        case "todo":
            return [Act("todo", (entry.strip(),)) for entry in rest.split("|")]
        case _:
            return []


def _unescaped(text: str) -> str:
    r"""``\n`` stands for a line break, since a command is one line."""
    return text.replace("\\n", "\n") if not text.startswith("{") else text


def tool_arguments(text: str) -> dict[str, object]:
    """The JSON of a `tool` command."""
    return msgspec.json.decode(text or "{}", type=dict[str, object])
