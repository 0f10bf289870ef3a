"""Guessing passwords, finding out who exists, keeping Main busy, and pretending to be somewhere else."""

import asyncio
import queue
import threading
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from main.auth.passwords import THREADS
from main.auth.throttle import MAX_FAILURES_PER_ADDRESS, MAX_KEYS, Throttle
from tests.support.main_app import PASSWORD, RunningMain, running_main
from ws.protocol.errors import WireError

HELD_S = 20.0
"""Longer than any machine takes to answer: only a loop that is held itself waits it out."""


async def sign_in(
    http: aiohttp.ClientSession, name: str, password: str = "wrong password", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    async with http.post("/api/auth/login", json={"username": name, "password": password}, headers=headers) as answer:
        return answer.status, dict(await answer.json(content_type=None)) | {
            "retry_after": answer.headers.get("Retry-After")
        }


async def test_the_sixth_guess_waits_and_living_logins_do_not(main: RunningMain) -> None:
    token = await main.token()
    async with main.http() as http:
        statuses = [(await sign_in(http, "ada"))[0] for _ in range(5)]
        assert statuses == [401] * 5
        status, body = await sign_in(http, "ada", PASSWORD)
        assert status == 429
        assert int(str(body["retry_after"])) > 800
        async with http.get("/api/ops/nodes.list", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 200


async def test_a_right_password_forgives_earlier_mistakes(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http:
        for _ in range(3):
            for _ in range(3):
                assert (await sign_in(http, "ada"))[0] == 401
            assert (await sign_in(http, "ada", PASSWORD))[0] == 200


async def test_unknown_users_and_wrong_passwords_look_alike(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http:
        unknown, known = await sign_in(http, "nobody"), await sign_in(http, "ada")
    assert unknown == known


async def test_unknown_users_are_throttled_like_known_ones(main: RunningMain) -> None:
    async with main.http() as http:
        statuses = [(await sign_in(http, "nobody"))[0] for _ in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_a_name_in_other_letters_is_the_same_name(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http:
        for name in ("ada", "ADA", "Ada", "\uff41\uff44\uff41", "aDa"):
            assert (await sign_in(http, name))[0] == 401
        assert (await sign_in(http, "ada", PASSWORD))[0] == 429


async def test_a_forwarded_address_changes_nothing(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http:
        statuses = [(await sign_in(http, "ada", headers={"X-Forwarded-For": f"198.51.100.{n}"}))[0] for n in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_behind_a_trusted_proxy_the_nearest_stranger_counts(tmp_path: Path) -> None:
    async with running_main(tmp_path, {"server.trusted_proxies": ["127.0.0.1"]}) as main, main.http() as http:
        await main.add_user()
        for n in range(5):
            # What the client wrote itself stands to the left of what the proxy saw.
            headers = {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"}
            assert (await sign_in(http, "ada", headers=headers))[0] == 401
        assert (await sign_in(http, "ada", PASSWORD, {"X-Forwarded-For": "203.0.113.9"}))[0] == 429
        assert (await sign_in(http, "ada", PASSWORD, {"X-Forwarded-For": "203.0.113.10"}))[0] == 200


async def test_parallel_guesses_do_not_slip_past_the_count(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http, asyncio.TaskGroup() as group:
        tasks = [group.create_task(sign_in(http, "ada")) for _ in range(20)]
    statuses = [task.result()[0] for task in tasks]
    # Two threads: one guess may be under way when the fifth fails.
    assert statuses.count(401) <= 6
    assert statuses.count(429) >= 14


async def test_main_answers_while_passwords_are_checked(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    """By receipt: the checks stand still until /health has answered. On the loop they would never be let go."""
    may_go_on = threading.Event()
    begun: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    check = bcrypt.checkpw

    def held(password: bytes, hashed: bytes) -> bool:
        begun.put(password)
        assert may_go_on.wait(HELD_S), "nothing was answered while passwords were checked"
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", held)
    await main.add_user()
    async with main.http() as http, asyncio.TaskGroup() as group:
        guesses = [group.create_task(sign_in(http, name)) for name in ("ada", "bob", "eve", "joe")]
        try:
            for _ in range(THREADS):
                await asyncio.to_thread(begun.get, timeout=HELD_S)
            for _ in range(20):
                async with http.get("/health") as answer:
                    assert answer.status == 200
            assert not any(guess.done() for guess in guesses)
        finally:
            may_go_on.set()
    assert [guess.result()[0] for guess in guesses] == [401] * 4


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"username":1}', b'{"username":"a","password":"b","x":1}', b"\xff"]
)
async def test_garbage_is_400_and_no_failure(main: RunningMain, body: bytes) -> None:
    async with main.http() as http, http.post("/api/auth/login", data=body) as answer:
        assert answer.status == 400


async def test_a_password_longer_than_bcrypt_reads_is_wrong_not_cut(main: RunningMain) -> None:
    await main.add_user()
    async with main.http() as http:
        assert (await sign_in(http, "ada", PASSWORD + "\x00"))[0] == 401
        assert (await sign_in(http, "ada", PASSWORD.ljust(80, "x")))[0] == 401


def test_an_address_has_thirty_guesses_over_all_names_and_a_host_one_network() -> None:
    now_s = 0.0
    throttle = Throttle(lambda: now_s)
    for n in range(MAX_FAILURES_PER_ADDRESS):
        throttle.check(f"2001:db8::{n:x}", f"user{n}")
        throttle.note_failure(f"2001:db8::{n:x}", f"user{n}")
    with pytest.raises(WireError):
        throttle.check("2001:db8::ffff", "another")
    throttle.check("2001:db8:0:1::1", "another")
    now_s = 15 * 60.0
    throttle.check("2001:db8::ffff", "another")


def test_the_throttle_forgets_rather_than_grows() -> None:
    throttle = Throttle()
    for n in range(MAX_KEYS):
        throttle.note_failure(f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}", f"user{n}")
    assert len(throttle._failures) <= MAX_KEYS
