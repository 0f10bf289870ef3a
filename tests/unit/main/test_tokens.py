"""Tokens of logins: what is read from them, and what is not looked at."""

import time

import pytest

from main.auth.tokens import Claims, Tokens, make_secret
from ws.protocol.base import LoginId, UserId


def test_a_token_outlives_a_clock_that_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(make_secret(), "main")
    ahead_s = time.time() + 30 * 86400
    with monkeypatch.context() as ahead:
        ahead.setattr("main.auth.tokens.time.time", lambda: ahead_s)
        token = tokens.issue(UserId("u"), LoginId("l"))
    assert tokens.read(token) == Claims(user=UserId("u"), login=LoginId("l"))
    assert Tokens(make_secret(), "main").read(token) is None
