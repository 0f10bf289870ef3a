"""/metrics: who may look, and what it says of a Main at work."""

import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import OpError
from tests.support.installation import Installation, installed, scripted
from tests.support.main_app import RunningMain, running_main
from tests.support.reader import reading

TOKEN = "metrics-token-of-a-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


async def scraped(url: str) -> Samples:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return parsed(await answer.text())


async def test_a_program_on_this_machine_needs_no_token(main: RunningMain) -> None:
    samples = await scraped(main.url)
    assert value(samples, "switchyard_nodes_known") == 0
    assert value(samples, "process_open_fds") > 0


async def test_without_a_token_a_proxy_a_credential_or_a_foreign_name_is_refused(main: RunningMain) -> None:
    login = await main.token()
    async with main.http() as http:
        for headers, status in (
            ({"X-Forwarded-For": "10.0.0.1"}, 401),
            ({"Via": "1.1 proxy"}, 401),
            (BEARER, 401),
            ({"Authorization": f"Bearer {login}"}, 401),
            ({"Authorization": "Bearer"}, 401),
            ({"Authorization": ""}, 401),
            ({"Host": "evil.example"}, 403),
        ):
            async with http.get("/metrics", headers=headers) as answer:
                assert answer.status == status, headers


async def test_the_token_opens_it_to_everybody_and_is_judged_alone(tmp_path: Path) -> None:
    settings = {"metrics.token": TOKEN, "server.base_path": "/yard"}
    elsewhere = {"X-Forwarded-For": "10.0.0.1", "Host": "any.example"}
    async with running_main(tmp_path, settings) as main, main.http() as http:
        for path in ("/metrics", "/yard/metrics"):
            async with http.get(path, headers={**BEARER, **elsewhere}) as answer:
                assert answer.status == 200
            for bearer in (f"{TOKEN}x", TOKEN[:-1], "", "é"):
                async with http.get(path, headers={"Authorization": f"Bearer {bearer}"}) as answer:
                    assert answer.status == 401, "though it comes from this machine"
                    assert TOKEN not in await answer.text()


async def test_from_another_address_it_needs_the_token(tmp_path: Path) -> None:
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
            except OSError:
                pytest.xfail("this machine has no address but loopback")
            own = probe.getsockname()[0]
    async with running_main(tmp_path, {"server.host": own, "metrics.token": TOKEN}) as main:
        address = f"http://{own}:{main.port}/metrics"
        async with aiohttp.ClientSession() as http:
            async with http.get(address) as answer:
                assert answer.status == 401
                assert "metrics.token" in (await answer.json(content_type=None))["detail"]
            async with http.get(address, headers=BEARER) as answer:
                assert answer.status == 200


@pytest.mark.timeout(120)
async def test_it_shows_a_main_at_work(tmp_path: Path) -> None:
    async with installed(tmp_path, scripted(tmp_path)) as yard:
        await yard.play(await _session(yard), "hello")
        opened = await yard.op("terminal.open", path=str(yard.work), cols=80, rows=24)
        with pytest.raises(OpError):
            await yard.op("files.list", path="relative")
        async with yard.client.socket() as page, reading(yard.client, yard.node, opened["terminal"]):
            await page.subscribe("nodes.watch")
            samples = await scraped(yard.url)
        for name, labels, count in (
            ("nodes_known", {}, 1),
            ("nodes_online", {"mode": "direct"}, 1),
            ("sockets", {"kind": "link"}, 1),
            ("sockets", {"kind": "page"}, 1),
            ("sockets", {"kind": "terminal"}, 1),
            ("subscriptions", {}, 1),
            ("sessions", {"status": "idle"}, 1),
            ("links_opened_total", {"mode": "direct"}, 1),
            ("calls_total", {"op": "session.create", "outcome": "ok"}, 1),
            ("calls_total", {"op": "files.list", "outcome": "invalid"}, 1),
        ):
            assert value(samples, f"switchyard_{name}", **labels) == count, (name, labels)
        assert value(samples, "switchyard_call_seconds_count", place="node", kind="write") >= 2
        assert value(samples, "switchyard_database_write_seconds_count") > 0
        assert value(samples, "switchyard_loop_lag_seconds_count") > 0
        assert value(samples, "switchyard_audit_rows") >= 2
        assert value(samples, "switchyard_link_rtt_seconds", node=yard.node) > 0
        assert value(samples, "switchyard_node_database_bytes", node=yard.node) > 10_000
        secret = ("ada", str(yard.work), str(yard.client.token))
        assert not [key for key in samples for each in secret if each in str(key)]


async def _session(yard: Installation) -> str:
    return str((await yard.session())["id"])


async def test_what_people_make_up_is_no_label(main: RunningMain) -> None:
    async with main.client() as client, client.socket() as page:
        for number in range(20):
            with pytest.raises(OpError):
                await page.call(f"made.up{number}")
    samples = await scraped(main.url)
    assert value(samples, "switchyard_calls_total", op="unknown", outcome="not_found") == 20
    assert not [key for key in samples if "made.up" in str(key)]
