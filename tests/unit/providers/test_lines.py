"""Lines of JSON as agents write them, with what may be wrong with them."""

from typing import Any

import pytest

from providers.lines import MAX_MENDED_BYTES, decoded


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a":"b"}', {"a": "b"}),
        (rb'"cut \ud83d"', "cut \N{REPLACEMENT CHARACTER}"),
        (rb'"\ude00 cut"', "\N{REPLACEMENT CHARACTER} cut"),
        (rb'"\ud83d\ud83d\ude00\ude00"', "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}\N{REPLACEMENT CHARACTER}"),
        (rb'"\ud800 and \\ud800"', "\N{REPLACEMENT CHARACTER} and \\ud800"),
        (rb'"\uD83D\n\""', '\N{REPLACEMENT CHARACTER}\n"'),
        (b'{"a":"caf\xe9"}', {"a": "caf\N{REPLACEMENT CHARACTER}"}),
    ],
)
def test_what_is_wrong_with_a_character_costs_that_character(line: bytes, value: Any) -> None:
    assert decoded(line) == value


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"\xff\xfe",
        b"",
        b"[" * 100_000 + b"]" * 100_000,
        rb'["\ud800",' + b"[" * 100_000 + b"]" * 100_001,
        rb'"\ud800' + b"x" * MAX_MENDED_BYTES + b'"',
    ],
    ids=["words", "bytes", "empty", "deep", "half and deep", "half and long"],
)
def test_what_is_no_json_is_an_error_of_one_kind(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"deep|JSON|malformed|truncated|codec"):
        decoded(line)
