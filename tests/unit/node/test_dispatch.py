"""From a call to its feature: the table is the truth, the node has the last word."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config import load_node
from node.assembly import Assembly
from node.context import HandlerMap, Subscribed
from node.dispatch import MAIN, Dispatcher
from node.policy import FEATURES, Policy
from node.store import open_store
from node.supervisor import Supervisor
from tests.support.peers import dial_peer, serve_peers
from ws.protocol.base import LoginId, NodeId, StreamId, Struct, UserId
from ws.protocol.envelope import Caller, Role
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import FileParams, FilesReadResult
from ws.protocol.link import StreamParams, StreamResult
from ws.protocol.nodes import Empty
from ws.protocol.ops import OPS, Place
from ws.protocol.sessions import SessionWatchResult
from ws.rpc import Peer
from ws.tasks import TaskOwner

NODE = NodeId("laptop")
READ = b'{"node":"laptop","path":"/a"}'


def caller(role: Role = "owner") -> Caller:
    return Caller(user=UserId("u1"), login=LoginId("l1"), role=role, name="ada")


class Features:
    """Handlers for every operation of a node; `calls` has what they got."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Caller, Any]] = []
        self.closed: list[str] = []

    def map(self) -> dict[str, Any]:
        names = [
            op.name
            for op in OPS.values()
            if op.place is not Place.MAIN and op.unsupported is None and op.name != "link.hello"
        ]
        return {name: self._handler(name) for name in names}

    def _handler(self, name: str) -> Any:
        async def handle(who: Caller, params: Any) -> Struct | Subscribed:
            self.calls.append((name, who, params))
            match name:
                case "files.read":
                    return FilesReadResult(content="", etag="e", encoding="utf-8", truncated=False, size=0)
                case "session.watch":
                    return Subscribed(SessionWatchResult(epoch="e", head=0), self._events())
                case "git.status":
                    raise WireError(ErrorCode.NOT_FOUND, "There is no repository.")
                case "git.diff":
                    raise ZeroDivisionError("secret detail")
                case _:
                    return Empty()

        return handle

    async def _events(self) -> AsyncIterator[Struct | bytes]:
        try:
            yield b'{"type":"live","head":1}'
            yield SessionWatchResult(epoch="e", head=2)
        finally:
            self.closed.append("events")


def dispatcher(features: Features, policy: Policy | None = None, extra: HandlerMap | None = None) -> Dispatcher:
    maps = [features.map(), *([extra] if extra else [])]
    return Dispatcher(NODE, maps, policy or Policy(is_viewer_only=False), TaskOwner("test"))


async def call(
    dispatch: Dispatcher, method: str, params: bytes = READ, *, who: Caller | None = None
) -> bytes | WireError:
    """Through a real socket, as Main calls."""
    async with serve_peers(dispatch, is_caller_believed=True) as server, dial_peer(server.url) as peer:
        try:
            return await peer.call(method, params, deadline_s=5.0, caller=who)
        except WireError as error:
            return error


async def test_a_call_reaches_its_handler_with_caller_and_decoded_params() -> None:
    features = Features()
    answer = await call(dispatcher(features), "files.read", who=caller("viewer"))
    assert features.calls == [("files.read", caller("viewer"), FileParams(node=NODE, path="/a"))]
    assert isinstance(answer, bytes)
    assert msgspec.json.decode(answer)["etag"] == "e"


async def test_params_are_decoded_leniently_since_main_may_be_newer() -> None:
    features = Features()
    assert isinstance(
        await call(dispatcher(features), "files.read", b'{"node":"laptop","path":"/a","new":1}', who=caller()), bytes
    )


@pytest.mark.parametrize(
    ("params", "field"),
    [
        (b'{"node":"laptop"}', "params"),
        (b'{"node":"laptop","path":"relative"}', "params.path"),
        (b'{"node":"laptop","path":7}', "params.path"),
        (b"[1]", "params"),
    ],
)
async def test_params_that_do_not_fit_are_invalid_and_name_the_field(params: bytes, field: str) -> None:
    features = Features()
    error = await call(dispatcher(features), "files.read", params, who=caller())
    assert isinstance(error, WireError)
    assert error.errors is not None
    assert (error.code, error.errors[0].path, features.calls) == (ErrorCode.INVALID, field, [])


@pytest.mark.parametrize("method", ["no.such", "nodes.list", "users.change_password", "link.hello", "files.read "])
async def test_what_the_table_does_not_give_a_node_is_unknown_to_it(method: str) -> None:
    error = await call(dispatcher(Features()), method, who=caller())
    assert isinstance(error, WireError)
    assert (error.code, error.rpc_code) == (ErrorCode.NOT_FOUND, -32601)


async def test_a_call_without_a_caller_is_refused_unless_it_is_mains_own() -> None:
    features = Features()
    error = await call(dispatcher(features), "files.read")
    assert isinstance(error, WireError)
    assert error.code is ErrorCode.UNAUTHORIZED
    assert isinstance(await call(dispatcher(features), "link.probe", b"{}"), bytes)
    assert [(name, who) for name, who, _ in features.calls] == [("link.probe", MAIN)]


async def test_a_call_for_another_node_is_refused() -> None:
    error = await call(dispatcher(Features()), "files.read", b'{"node":"other","path":"/a"}', who=caller())
    assert isinstance(error, WireError)
    assert error.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(("role", "is_allowed"), [("owner", True), ("member", True), ("viewer", False)])
async def test_the_node_asks_for_the_role_again(role: Role, is_allowed: bool) -> None:
    features = Features()
    params = b'{"node":"laptop","session":"s","message_id":"m","text":"x"}'
    answer = await call(dispatcher(features), "session.send", params, who=caller(role))
    assert isinstance(answer, bytes) is is_allowed
    assert bool(features.calls) is is_allowed


async def test_viewer_only_forbids_every_act_to_everybody() -> None:
    policy = Policy(is_viewer_only=True)
    for op in OPS.values():
        if op.place in {Place.NODE, Place.EACH}:
            if op.is_read_only:
                policy.check(op, caller())
                continue
            with pytest.raises(WireError) as refused:
                policy.check(op, caller())
            assert refused.value.code is ErrorCode.FORBIDDEN


async def test_a_feature_that_is_not_offered_is_unsupported() -> None:
    policy = Policy(is_viewer_only=False, offered=["files"])
    policy.check(OPS["files.read"], caller())
    with pytest.raises(WireError) as refused:
        policy.check(OPS["terminal.open"], caller())
    assert refused.value.code is ErrorCode.UNSUPPORTED


def test_every_operation_of_a_node_belongs_to_a_feature() -> None:
    names = {op.name.partition(".")[0] for op in OPS.values() if op.place in {Place.NODE, Place.EACH}}
    assert names == set(FEATURES)


@pytest.mark.parametrize(
    ("role", "is_viewer_only", "may_type"), [("owner", False, True), ("viewer", False, False), ("owner", True, False)]
)
async def test_only_who_may_have_a_terminal_here_types(role: Role, is_viewer_only: bool, may_type: bool) -> None:
    seen: list[StreamParams] = []

    async def open_stream(_: Caller, params: StreamParams) -> StreamResult:
        seen.append(params)
        return StreamResult()

    params = StreamParams(
        stream=StreamId("s"), key="k", kind="terminal", caller=caller(role), terminal="t", may_type=True
    )
    await Policy(is_viewer_only=is_viewer_only).guard_stream(open_stream)(MAIN, params)
    assert [each.may_type for each in seen] == [may_type]


async def test_a_subscription_yields_values_and_json_alike_and_is_closed() -> None:
    features = Features()
    params = b'{"node":"laptop","session":"s"}'
    async with serve_peers(dispatcher(features), is_caller_believed=True) as server, dial_peer(server.url) as peer:
        watch = await Peer.subscribe(peer, "session.watch", params, deadline_s=5.0, caller=caller())
        assert msgspec.json.decode(watch.result) == {"epoch": "e", "head": 0}
        assert [event async for event in watch] == [b'{"type":"live","head":1}', b'{"epoch":"e","head":2}']
    assert features.closed == ["events"]


@pytest.mark.may_block("the log of a defect reads source lines for its traceback")
async def test_refusals_pass_and_defects_tell_nothing_but_an_id() -> None:
    features = Features()
    refused = await call(dispatcher(features), "git.status", who=caller())
    assert isinstance(refused, WireError)
    assert refused.detail == "There is no repository."
    defect = await call(dispatcher(features), "git.diff", who=caller())
    assert isinstance(defect, WireError)
    assert defect.code is ErrorCode.INTERNAL
    assert "secret detail" not in defect.detail


def test_a_missing_unknown_or_doubled_handler_stops_the_start() -> None:
    features = Features()
    for broken in (
        [{name: handler for name, handler in features.map().items() if name != "files.read"}],
        [features.map(), {"no.such": features.map()["files.read"]}],
        [features.map(), {"files.read": features.map()["files.read"]}],
    ):
        with pytest.raises(ValueError, match="do not match the table"):
            Dispatcher(NODE, broken, Policy(is_viewer_only=False), TaskOwner("test"))


async def test_a_real_node_answers_every_operation_of_the_table(tmp_path: Path) -> None:
    config = load_node([], {"SWITCHYARD_DATABASE_PATH": str(tmp_path / "node.db"), "SWITCHYARD_NODE_ID": "laptop"})
    store = await open_store(config.database.path)
    supervisor = Supervisor()
    supervisor.started("store", store.close)
    try:
        services = await Assembly.make(config, store, {"PATH": "/usr/bin:/bin"})
        await services.start(supervisor, lambda key: (_ for _ in ()).throw(AssertionError("not dialled")))
    finally:
        await supervisor.close()
