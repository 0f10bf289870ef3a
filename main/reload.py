"""SIGHUP: Main reads its configuration anew. Some keys take effect at once, the others are named in one warning."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from config import ConfigError, MainConfig
from main.application import Main
from ws.logs import set_level
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

AT_ONCE = frozenset({"main.node_addresses", "main.callback_hosts", "main.node_register_tokens", "log.level"})


class Reloader:
    """`load` reads the configuration as the start did: the same files, environment and flags."""

    def __init__(self, main: Main, config: MainConfig, load: Callable[[], MainConfig]) -> None:
        self._main = main
        self._config = config
        self._load = load
        self._lock = asyncio.Lock()
        self._tasks = TaskOwner("reload")

    def hang_up(self) -> None:
        """The handler of the signal."""
        _ = self._tasks.start(self._reload(), name="reload")

    async def close(self) -> None:
        await self._tasks.close(timeout_s=1.0)

    async def _reload(self) -> None:
        async with self._lock:
            try:
                config = await asyncio.to_thread(self._load)
            except ConfigError as error:
                log.error("configuration_kept", reason=f"{error}; Main goes on with what it had.")  # noqa: TRY400
                return
            for warning in config.warnings:
                log.warning("configuration", warning=warning)
            now, before = values(config), values(self._config)
            changed = {key for key in now.keys() | before.keys() if now.get(key) != before.get(key)}
            self._main.registry.tokens.configure(config.main.node_register_tokens)
            self._main.callbacks.hosts = list(config.main.callback_hosts)
            self._main.dialled.follow(config.main.node_addresses)
            set_level(config.log.level)
            later = sorted(changed - AT_ONCE)
            if later:
                log.warning("configuration", warning=f"changed and needs a restart of Main: {', '.join(later)}")
            log.info("configuration_read", changed=sorted(changed & AT_ONCE))
            # What needs a restart stays as it was, so that the next reading names it again.
            self._config = _with_at_once(self._config, config)


def values(config: msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    """Every setting by its full key."""
    found: dict[str, Any] = {}
    for name in config.__struct_fields__:
        value = getattr(config, name)
        if isinstance(value, msgspec.Struct):
            found |= values(value, f"{prefix}{name}.")
        elif prefix:
            found[prefix + name] = value
    return found


def _with_at_once(old: MainConfig, new: MainConfig) -> MainConfig:
    section = msgspec.structs.replace(
        old.main,
        node_addresses=new.main.node_addresses,
        callback_hosts=new.main.callback_hosts,
        node_register_tokens=new.main.node_register_tokens,
    )
    return msgspec.structs.replace(old, main=section, log=msgspec.structs.replace(old.log, level=new.log.level))
