"""A hostile repository reaches its remote with no program, address or trust of its own.

As in test_git_hostile: after the act through us there is no mark; then plain Git does the same and must leave it.
"""

from collections.abc import Callable

import pytest

from node.git.process import Watched
from node.git.runner import GitRunner
from tests.support.hostile_yard import Yard
from ws.protocol.errors import ErrorCode


def by_upload_pack(yard: Yard) -> None:
    yard.config("remote.origin.uploadpack", str(yard.transport))


def by_receive_pack(yard: Yard) -> None:
    yard.config("remote.origin.receivepack", str(yard.transport))


def by_helper(yard: Yard) -> None:
    yard.config("remote.origin.vcs", f"ext::{yard.transport}")


def by_shell(yard: Yard) -> None:
    yard.config("remote.origin.url", f"ext::{yard.transport}")
    yard.config("protocol.ext.allow", "always")


def by_another_shell_for_pushing(yard: Yard) -> None:
    yard.config("remote.origin.pushurl", f"ext::{yard.transport}")
    yard.config("protocol.ext.allow", "always")


def by_rewriting_the_address(yard: Yard) -> None:
    yard.config(f"url.ext::{yard.transport} .insteadOf", str(yard.remote.path.parent))
    yard.config("protocol.ext.allow", "always")


def by_an_ssh_of_its_own(yard: Yard) -> None:
    yard.config("remote.origin.url", "ssh://127.0.0.1:1/x")
    yard.config("core.sshCommand", str(yard.transport))


def by_a_proxy_of_its_own(yard: Yard) -> None:
    yard.config("remote.origin.url", "git://127.0.0.1/x")
    yard.config("core.gitProxy", str(yard.transport))


@pytest.mark.parametrize(
    ("payload", "ops"),
    [
        (by_upload_pack, ("fetch", "pull")),
        (by_receive_pack, ("push",)),
        (by_shell, ("fetch", "push", "pull")),
        (by_another_shell_for_pushing, ("push",)),
        (by_rewriting_the_address, ("fetch", "push", "pull")),
        (by_an_ssh_of_its_own, ("fetch", "push", "pull")),
        (by_a_proxy_of_its_own, ("fetch", "push", "pull")),
    ],
)
async def test_no_remote_is_reached_by_a_program_of_the_repository(
    yard: Yard, payload: Callable[[Yard], None], ops: tuple[str, ...]
) -> None:
    payload(yard)
    for op in ops:
        assert await yard.do(op) is not None
        assert not yard.mark.exists(), op
    assert yard.fires((ops[0],)), "the payload does not work, so this test proves nothing"


async def test_a_helper_in_place_of_a_remote_is_refused(yard: Yard) -> None:
    by_helper(yard)
    for op in ("fetch", "push", "pull"):
        assert "remote.origin.vcs" in str(await yard.do(op))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "git://127.0.0.1:1/x",
        "ext::sh -c id",
        "fd::17",
        "-oProxyCommand=id:x",
        "ssh://-oProxyCommand=id/x",
        "evil::https://example.org/x",
        "file:///etc",
        "/etc",
        "../../../etc",
        "ftp://127.0.0.1/x",
    ],
)
async def test_an_address_that_is_not_allowed_is_refused_before_anything_runs(yard: Yard, address: str) -> None:
    yard.config("remote.origin.url", address)
    for op in ("fetch", "push", "pull"):
        refused = await yard.do(op)
        assert refused is not None
        assert refused.code is ErrorCode.FORBIDDEN, (op, refused)


@pytest.mark.parametrize("key", ["credential.helper", "credential.https://127.0.0.1.helper"])
async def test_a_credential_helper_of_the_repository_is_not_asked_and_the_users_is(yard: Yard, key: str) -> None:
    """Which helpers Git would ask is what `git credential fill` asks, with the settings of a fetch."""
    users = yard.program.parent / "users"
    helper = yard.program.parent / "helper"
    helper.write_text(f"#!/bin/sh\ntouch {users}\necho username=u\necho password=p\n")
    helper.chmod(0o755)
    yard.config(key, str(yard.transport))
    yard.repository.git("config", "--global", "credential.helper", str(helper))
    trust = await yard.trust()
    runner = GitRunner(yard.repository.environ)
    output = await runner.act(
        ["credential", "fill"],
        directory=yard.path,
        config=[*trust.settings, *trust.credentials],
        deadline_s=10,
        with_remotes=True,
        watched=Watched(b"protocol=https\nhost=127.0.0.1\n\n"),
    )
    assert output.code == 0, output.stderr
    assert users.exists()
    assert not yard.mark.exists()


async def test_certificates_and_cookies_are_the_users_own_matter(yard: Yard) -> None:
    yard.config("remote.origin.url", "https://127.0.0.1:1/x")
    for key in ("http.sslCAInfo", "http.https://127.0.0.1.sslCAInfo", "http.cookieFile", "http.sslKey"):
        yard.config(key, "/etc/passwd")
        assert key.lower() in str(await yard.do("fetch")).lower()
        yard.repository.git("config", "--unset", key)
    yard.config("http.https://127.0.0.1.sslVerify", "false")
    trust = await yard.trust()
    assert ("http.https://127.0.0.1.sslverify", "true") in trust.settings
