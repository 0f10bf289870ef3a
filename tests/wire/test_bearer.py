"""The credential in an Authorization header."""

import pytest

from ws.bearer import bearer_of


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  a.b-c_d ", "a.b-c_d"),
        ("Bearer", None),
        ("Bearer  ", None),
        ("Basic YTpi", None),
        ("Bearerabc", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_bearer_token_counts(header: str | None, token: str | None) -> None:
    assert bearer_of(header) == token
