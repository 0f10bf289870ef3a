"""Ranges and conditions by the letter of RFC 9110, and names in headers by RFC 6266."""

import contextlib
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routes.main.conditions import Facts, Outcome, http_date, outcome, tags
from routes.main.disposition import OCTETS, content_type, disposition
from ws.protocol.errors import ErrorCode, WireError

FILE = Facts(size=100, etag="abc", modified_s=1_700_000_000)
DATE = http_date(FILE.modified)
EARLIER = http_date(Facts(size=1, etag="x", modified_s=1_600_000_000).modified)
WHOLE = Outcome(200, 0, 100)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", Outcome(206, 0, 10)),
        ("bytes=90-", Outcome(206, 90, 10)),
        ("bytes=-10", Outcome(206, 90, 10)),
        ("bytes=-1000", Outcome(206, 0, 100)),
        ("bytes=99-99", Outcome(206, 99, 1)),
        ("bytes=50-100000000000", Outcome(206, 50, 50)),
        (" Bytes = 0 - 9 ", Outcome(206, 0, 10)),
        ("bytes=100-", Outcome(416)),
        ("bytes=100-200", Outcome(416)),
        ("bytes=-0", Outcome(416)),
        ("bytes=9-0", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=1", WHOLE),
        ("lines=0-9", WHOLE),
        ("bytes=٣-٥", WHOLE),
        ("bytes=" + "9" * 40 + "-", WHOLE),
        ("", WHOLE),
    ],
)
def test_a_range_is_one_part_or_the_whole(header: str, expected: Outcome) -> None:
    assert outcome("GET", {"Range": header}, FILE) == expected


def test_a_range_is_for_get_alone() -> None:
    assert outcome("HEAD", {"Range": "bytes=0-9"}, FILE) == WHOLE


def test_of_an_empty_file_no_range_can_be_had() -> None:
    empty = Facts(size=0, etag="abc", modified_s=0)
    assert outcome("GET", {"Range": "bytes=0-"}, empty) == Outcome(416)
    assert outcome("GET", {"Range": "bytes=-5"}, empty) == Outcome(416)
    assert outcome("GET", {}, empty) == Outcome(200)


@pytest.mark.parametrize(
    ("if_range", "is_part"),
    [
        ('"abc"', True),
        ("abc", True),
        (DATE, True),
        ('"abd"', False),
        ('W/"abc"', False),
        (EARLIER, False),
        ('"abc", "abd"', False),
        ("", False),
    ],
)
def test_a_part_is_sent_only_of_the_file_that_was_begun(if_range: str, is_part: bool) -> None:
    found = outcome("GET", {"Range": "bytes=0-9", "If-Range": if_range}, FILE)
    assert found == (Outcome(206, 0, 10) if is_part else WHOLE)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"abc"'}, 304),
        ({"If-None-Match": 'W/"abc"'}, 304),
        ({"If-None-Match": '"x", "abc"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
        ({"If-Modified-Since": DATE}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": '"abc"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": 'W/"abc"'}, 412),
        ({"If-Unmodified-Since": DATE}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Match": '"abc"', "If-Unmodified-Since": EARLIER}, 200),
    ],
)
def test_conditions_are_judged_in_the_order_of_the_rfc(headers: dict[str, str], status: int) -> None:
    try:
        answered: int = outcome("GET", headers, FILE).status
    except WireError as error:
        answered = error.http_status
    assert answered == status


@pytest.mark.parametrize("header", ["", '"abc', '"a" "b"', ",", '"a",,"b"', "<x>", ", ".join(['"a"'] * 40)])
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(WireError) as refused:
        tags(header, is_strong=True)
    assert refused.value.code is ErrorCode.INVALID


def test_a_list_of_tags_is_read_without_its_quotes() -> None:
    assert tags('"a", W/"b" ,"c,d"', is_strong=False) == ["a", "b", "c,d"]
    assert tags('"a", W/"b" ,"c,d"', is_strong=True) == ["a", "c,d"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_is_more_than_refused(range_header: str, tag_header: str) -> None:
    headers = {"Range": range_header, "If-Range": tag_header, "If-Modified-Since": tag_header}
    found = outcome("GET", headers, FILE)
    assert found.offset + found.length <= FILE.size
    with contextlib.suppress(WireError):
        assert outcome("GET", {"If-None-Match": tag_header}, FILE).status in (200, 304)


@given(st.integers(min_value=-(2**63), max_value=2**63))
def test_every_time_has_a_date(modified_s: int) -> None:
    assert http_date(Facts(size=0, etag="x", modified_s=modified_s).modified).endswith("GMT")


@given(st.text(min_size=1, max_size=80))
def test_a_name_never_breaks_the_header(name: str) -> None:
    header = disposition(name, is_inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    exact = unquote(header.rsplit("''", 1)[1])
    assert "/" not in exact
    assert "\\" not in exact


def test_a_name_comes_whole_and_without_what_cannot_be_seen() -> None:
    assert disposition("Übung 1.txt", is_inline=True) == (
        "inline; filename=\"_bung 1.txt\"; filename*=UTF-8''%C3%9Cbung%201.txt"
    )
    assert disposition('a"\r\nSet-Cookie: x', is_inline=False) == (
        "attachment; filename=\"a___Set-Cookie: x\"; filename*=UTF-8''a%22__Set-Cookie%3A%20x"
    )
    assert "\u202e" not in unquote(disposition("photo\u202egpj.exe", is_inline=False))


@pytest.mark.parametrize(
    "name", ["a.svg", "a.html", "a.xhtml", "a.xml", "a.js", "a.SVG", "a", ".png", "png", "a.png.htm"]
)
def test_what_may_run_is_never_shown(name: str) -> None:
    assert content_type(name, is_inline=True) == OCTETS


def test_what_is_shown_is_asked_for() -> None:
    assert content_type("a.PNG", is_inline=True) == "image/png"
    assert content_type("a.png", is_inline=False) == OCTETS
    assert content_type("a.py", is_inline=True) == "text/plain; charset=utf-8"
