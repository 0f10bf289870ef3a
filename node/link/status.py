"""What /health says of the link."""

from collections.abc import Mapping
from typing import Literal

import structlog

from ws.dial import DialState

log = structlog.get_logger(__name__)

Phase = Literal["online", "connecting", "offline"]


class LinkStatus:
    """`detail` is one sentence on why there is no link, empty when there is one or none was tried yet."""

    def __init__(self) -> None:
        self.phase: Phase = "connecting"
        self.detail = ""

    @property
    def facts(self) -> Mapping[str, str]:
        """The members of /health."""
        return {"link": self.phase} | ({"link_detail": self.detail} if self.detail else {})

    def online(self, main: str) -> None:
        """The handshake is done."""
        self.phase, self.detail = "online", ""
        log.info("link_online", main=main)

    def waits(self, detail: str) -> None:
        """Nothing is wrong: Main has not called yet."""
        self.phase, self.detail = "connecting", detail
        log.info("link_awaited", detail=detail)

    def dialled(self, state: DialState) -> None:
        """Take what `keep_dialling` says; the same reason is logged once, however often it comes."""
        is_news = bool(state.detail) and state.detail != self.detail
        self.detail = state.detail or self.detail
        self.phase = "offline" if state.phase == "refused" else "connecting"
        if state.phase == "refused":
            log.error("link_refused", reason=state.detail)
        elif is_news:
            log.warning("link_down", reason=state.detail)
