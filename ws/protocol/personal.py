"""What a person keeps on Main, the same on all devices: how far they have looked, drafts, settings of the page."""

from typing import Annotated

import msgspec

from ws.protocol.base import NodeKey, SessionKey, Struct
from ws.protocol.sessions import MAX_PROMPT_CHARS

MAX_SETTING_CHARS = 8192
MAX_SEQ = 2**53 - 1
"""The largest number that every JSON reader keeps whole."""

DraftKey = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(new|[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64})$(?!\n)",
        description="NODE/SESSION, or `new` for a session to be",
    ),
]
SettingName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_.-]{0,63}$(?!\n)")]
MarkSeq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]


class Mark(Struct, frozen=True, kw_only=True, tag="mark", tag_field="type"):
    """The person has looked at this session up to `seq`."""

    node: NodeKey
    session: SessionKey
    seq: MarkSeq


class Draft(Struct, frozen=True, kw_only=True, tag="draft", tag_field="type"):
    """Text that was not sent yet; empty: it is gone. `device` is chosen by the page, so that it knows its own."""

    key: DraftKey
    text: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)]
    device: Annotated[str, msgspec.Meta(max_length=64)] = ""


class PersonalSetting(Struct, frozen=True, kw_only=True, tag="setting", tag_field="type"):
    """A setting of the page, as text that the page understands; None: its default."""

    name: SettingName
    value: Annotated[str, msgspec.Meta(max_length=MAX_SETTING_CHARS)] | None


PersonalEvent = Mark | Draft | PersonalSetting


class PersonalResult(Struct, frozen=True, kw_only=True):
    marks: list[Mark]
    drafts: list[Draft]
    settings: list[PersonalSetting]


class MarkParams(Struct, frozen=True, kw_only=True):
    """A mark never goes back."""

    node: NodeKey
    session: SessionKey
    seq: MarkSeq


class DraftParams(Struct, frozen=True, kw_only=True):
    key: DraftKey
    text: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)]
    device: Annotated[str, msgspec.Meta(max_length=64)] = ""


class PersonalSettingParams(Struct, frozen=True, kw_only=True):
    name: SettingName
    value: Annotated[str, msgspec.Meta(max_length=MAX_SETTING_CHARS)] | None = None
