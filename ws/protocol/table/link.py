"""Rows of the calls that only Main and nodes exchange."""

from ws.protocol import link, nodes, sessions, transfers
from ws.protocol.op import Place, act, read

LINK = (
    act("link.hello", link.HelloParams, link.HelloResult, "Handshake, node to Main.", place=Place.LINK),
    read("link.probe", link.ProbeParams, link.ProbeResult, "Sign of life through the link.", place=Place.LINK),
    act("link.stream", link.StreamParams, link.StreamResult, "Dial a byte stream back.", place=Place.LINK),
    act("link.stream_revoke", link.StreamRevokeParams, nodes.Empty, "Close a stream: access ended.", place=Place.LINK),
    read(
        "link.sessions",
        nodes.NodesParams,
        link.LinkSessionsResult,
        "Every session of the node, then changes.",
        place=Place.LINK,
        events=link.LinkSessionEvent,
    ),
    read(
        "link.inbox",
        nodes.NodesParams,
        sessions.InboxResult,
        "Pending approvals of the node, then changes and ended turns.",
        place=Place.LINK,
        events=sessions.InboxEvent,
    ),
    read(
        "link.download",
        transfers.DownloadParams,
        transfers.DownloadResult,
        "Open a file and dial back to send it.",
        place=Place.LINK,
    ),
    act(
        "link.upload",
        transfers.UploadParams,
        transfers.UploadResult,
        "Make ready to replace a file and dial back for its content.",
        place=Place.LINK,
    ),
    read(
        "link.archive",
        transfers.ArchiveParams,
        transfers.ArchiveResult,
        "Dial back to send a folder as zip.",
        place=Place.LINK,
    ),
)
