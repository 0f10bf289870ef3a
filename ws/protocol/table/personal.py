"""Rows of my.*: what a person keeps on Main."""

from ws.protocol import nodes, personal
from ws.protocol.op import Place, Scope, act, read

PERSONAL = (
    read(
        "my.watch",
        nodes.NodesParams,
        personal.PersonalResult,
        "The caller's marks, drafts and settings, then each change, on whatever device it was made.",
        place=Place.MAIN,
        events=personal.PersonalEvent,
    ),
    act(
        "my.mark",
        personal.MarkParams,
        nodes.Empty,
        "Note that the caller has looked at a session up to `seq`.",
        place=Place.MAIN,
        scope=Scope.READ,
        idempotent=True,
    ),
    act(
        "my.draft",
        personal.DraftParams,
        nodes.Empty,
        "Keep a text that was not sent yet.",
        place=Place.MAIN,
        scope=Scope.READ,
        idempotent=True,
    ),
    act(
        "my.setting",
        personal.PersonalSettingParams,
        nodes.Empty,
        "Keep a setting of the page.",
        place=Place.MAIN,
        scope=Scope.READ,
        idempotent=True,
    ),
)
