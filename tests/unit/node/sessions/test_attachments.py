"""What may be sent with a prompt."""

import base64
from pathlib import Path

import pytest

from node.sessions.attachments import FORMATS, check, format_of
from tests.support.agents import FakeProvider
from tests.unit.node.sessions.bench import NODE, bench
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import Attachment
from ws.protocol.sessions import SessionSendParams

BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(8),
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(8),
    "image/gif": b"GIF89a" + bytes(8),
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
}


def picture(content: bytes, mime: str = "image/png", declared: str = "") -> Attachment:
    url = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    return Attachment(type="image", name="a.png", mime=declared, data_url=url)


@pytest.mark.parametrize("mime", FORMATS)
def test_a_picture_is_told_by_its_content(mime: str) -> None:
    assert format_of(BEGINNINGS[mime]) == mime
    check([picture(BEGINNINGS[mime], mime), picture(BEGINNINGS[mime], mime, mime)])


PNG = BEGINNINGS["image/png"]


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        (picture(b"#!/bin/sh\n"), "no picture that agents take"),
        (picture(b"<svg/>", "image/svg+xml"), "no picture that agents take"),
        (picture(b""), "no picture that agents take"),
        (picture(PNG, "image/jpeg"), "says that it is image/jpeg but is image/png"),
        (picture(PNG, "image/png", "image/gif"), "says that it is image/gif but is image/png"),
        (Attachment(type="image", data_url="data:image/png;base64,!!!"), "base64 is broken"),
        (Attachment(type="image", data_url="data:image/png;base64,aGVsbG8"), "base64 is broken"),
        (Attachment(type="image", data_url="https://example.org/a.png"), "no picture: give it as"),
        (Attachment(type="image"), "no picture: give it as"),
        (Attachment(type="file"), "is no file"),
        (Attachment(type="file", path="relative"), "is no file"),
    ],
)
def test_what_is_none_is_refused_with_what_is_wrong(attachment: Attachment, words: str) -> None:
    with pytest.raises(WireError) as refused:
        check([Attachment(type="file", path="/a"), attachment])
    assert refused.value.code == ErrorCode.INVALID
    assert words in refused.value.detail
    assert refused.value.errors is not None
    assert [each.path for each in refused.value.errors] == ["params.attachments[1]"]


async def test_a_prompt_with_a_bad_picture_is_not_journalled(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeProvider()) as node:
        session = await node.create()
        for attachment, code in (
            (picture(b"text"), ErrorCode.INVALID),
            (picture(PNG + bytes(1024 * 1024)), ErrorCode.TOO_LARGE),
        ):
            params = SessionSendParams(
                node=NODE, session=session, message_id="m1", text="Look", attachments=[attachment]
            )
            with pytest.raises(WireError) as refused:
                await node.service.send(params, "ada")
            assert refused.value.code == code
        assert await node.types(session) == ["session_started"]
