"""The table of operations is whole and what is derived from it is up to date."""

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from ws import protocol
from ws.protocol.errors import HTTP_STATUS, TITLES, ErrorCode, Winner, WireError, invalid, unknown_op
from ws.protocol.events import JournalEvent, WatchEvent
from ws.protocol.ops import OPS, ROLE_SCOPES, Op, Place, Scope
from ws.schema import markdown, openapi, typescript
from ws.schema.__main__ import FILES
from ws.schema.components import members

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_every_row_has_decodable_types(op: Op) -> None:
    msgspec.json.Decoder(op.params)
    msgspec.json.Decoder(op.result)
    if op.events is not None:
        msgspec.json.Decoder(op.events)
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", op.name)
    assert op.summary.endswith(".")
    assert op.deadline_s > 0


def test_ops_that_run_on_a_node_name_the_node() -> None:
    for op in OPS.values():
        if op.place is Place.NODE:
            assert "node" in op.params.__struct_fields__, op.name


def test_a_viewer_may_only_read_and_an_owner_everything() -> None:
    assert ROLE_SCOPES["viewer"] == {Scope.READ}
    assert ROLE_SCOPES["owner"] == set(Scope)
    assert Scope.OWNER not in ROLE_SCOPES["member"]


def test_read_only_ops_are_not_audited() -> None:
    assert not [op.name for op in OPS.values() if op.is_read_only and op.audit]


def test_every_error_code_has_a_status_and_a_title() -> None:
    assert set(HTTP_STATUS) == set(TITLES) == set(ErrorCode)


def test_an_unknown_op_is_not_found_and_its_name_is_cut() -> None:
    error = unknown_op("x" * 500)
    assert (error.code, error.rpc_code) == (ErrorCode.NOT_FOUND, -32601)
    assert len(error.detail) < 200


def test_an_error_survives_the_wire() -> None:
    error = WireError(ErrorCode.RATE_LIMITED, "Wait 3 s.", retry_after_s=3)
    back = WireError.from_data(msgspec.json.decode(msgspec.json.encode(error.data), type=type(error.data)))
    assert (back.code, back.detail, back.retryable, back.retry_after_s) == (error.code, "Wait 3 s.", True, 3)


def test_journal_events_are_told_apart_by_type() -> None:
    tags = [msgspec.inspect.type_info(member).tag for member in members(WatchEvent)]  # type: ignore[attr-defined]
    assert len(set(tags)) == len(tags)
    assert len(members(JournalEvent)) == len(tags) - 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == FILES[path](), "run make gen"


def test_openapi_names_every_op_and_resolves_every_reference() -> None:
    text = json.dumps(openapi.build())
    document = json.loads(text)
    public = {f"/api/ops/{op.name}" for op in OPS.values() if op.place is not Place.LINK}
    assert set(document["paths"]) == public
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"]


def test_link_ops_are_not_offered_to_the_page() -> None:
    assert '"link.' not in typescript.render()
    assert "link.hello" in markdown.render()


def test_the_build_number_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == protocol.__version__


def test_an_error_is_a_whole_problem_document() -> None:
    winner = Winner(option="allow", by="ada")
    error = WireError(ErrorCode.CONFLICT, "Ada was faster.", winner=winner)
    assert msgspec.to_builtins(error.data) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "conflict",
        "detail": "Ada was faster.",
        "retryable": False,
        "winner": {"option": "allow", "by": "ada"},
    }
    assert WireError.from_data(error.data).winner == winner


def test_a_parameter_that_is_refused_is_named() -> None:
    error = invalid("path", "That is no folder.")
    assert (error.code, error.detail) == (ErrorCode.INVALID, "That is no folder.")
    assert [each.path for each in error.errors or ()] == ["params.path"]
