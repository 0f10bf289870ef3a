"""What the registry does when its store does not take what it notes."""

from pathlib import Path

from structlog.testing import capture_logs

from main.registry.service import Registry
from main.registry.tokens import RegisterTokens
from main.store import open_store
from main.store.nodes import About, Identity
from ws.protocol.base import NodeId, now
from ws.protocol.nodes import Capabilities

NODE = NodeId("laptop")


async def test_a_note_that_cannot_be_written_is_one_warning(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "main.db")
    about = About(
        name="Laptop",
        platform="linux",
        version="1",
        labels={},
        capabilities=Capabilities(terminal=True, providers=[], features=[]),
    )
    await store.identities.put(
        Identity(
            id=NODE,
            name="Laptop",
            mode="direct",
            is_local=False,
            is_confirmed=True,
            secret_hash=b"",
            main_secret="",
            about=about,
            last_seen=now(),
        )
    )
    registry = Registry(store, RegisterTokens(store.settings, []), "main")
    await registry.load()
    await store.close()
    with capture_logs() as logs:
        await registry._note(NODE)
    (line,) = logs
    assert (line["log_level"], line["event"], line["node"]) == ("warning", "node_not_noted", NODE)
    assert line["reason"]
