"""What a scripted session remembers over agents that resume, fork or rewind it."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ws.protocol.events import RewoundFile


@dataclass
class PlayedTurn:
    """`replaced` has each file that the turn wrote, with its text before (None: there was none)."""

    message_id: str
    anchor: str
    texts: list[str]
    replaced: list[tuple[Path, str | None]] = field(default_factory=list)


@dataclass
class Memory:
    """One session's. Its turns are in order; an agent adds to the last one."""

    native_id: str
    turns: list[PlayedTurn] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """The texts of all prompts."""
        return [text for turn in self.turns for text in turn.texts]

    def begin(self, message_id: str, text: str) -> str:
        """A turn begins; returns its name, which is its anchor too."""
        # Not by a count of turns: a node that was killed has forgotten how many there were.
        anchor = hashlib.blake2s(f"{self.native_id} {message_id}".encode(), digest_size=12).hexdigest()
        self.turns.append(PlayedTurn(message_id, anchor, [text] if text else []))
        return anchor

    def steered(self, text: str) -> None:
        """The running turn has got another prompt."""
        self.turns[-1].texts.append(text)

    def wrote(self, path: Path, before: str | None) -> None:
        """The running turn has written a file."""
        self.turns[-1].replaced.append((path, before))

    def until(self, anchor: str | None) -> list[PlayedTurn]:
        """The turns up to that anchor; all when it is None, or not known any more."""
        names = [turn.anchor for turn in self.turns]
        return self.turns[: names.index(anchor) + 1] if anchor in names else list(self.turns)

    def knows(self, message_id: str) -> bool:
        """Whether a turn of this prompt is remembered."""
        return any(turn.message_id == message_id for turn in self.turns)

    def texts_before(self, message_id: str) -> dict[Path, str | None]:
        """What the files held before that turn which it or a later one has written."""
        names = [turn.message_id for turn in self.turns]
        undone = [each for turn in self.turns[names.index(message_id) :] for each in turn.replaced]
        return dict(reversed(undone))


def restore(texts: dict[Path, str | None], *, is_dry_run: bool) -> Sequence[RewoundFile]:
    """Put these texts back; returns what that changes. Blocks. Raises OSError."""
    found = []
    for path, text in sorted(texts.items()):
        now = text_of(path)
        if now == text:
            continue
        lines = list(difflib.ndiff((now or "").splitlines(), (text or "").splitlines()))
        gained, lost = (sum(line.startswith(mark) for line in lines) for mark in ("+ ", "- "))
        found.append(RewoundFile(path=str(path), insertions=gained, deletions=lost))
        if is_dry_run:
            continue
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return found


def text_of(path: Path) -> str | None:
    """The text of a file; None when there is none that can be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
