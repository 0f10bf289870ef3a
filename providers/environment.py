"""What an agent's process sees of the environment."""

from collections.abc import Mapping

from providers.process import MARK

OWN_PREFIX = "SWITCHYARD_"
_INHERITED_FROM_AN_AGENT = frozenset({"CLAUDECODE", MARK})
"""Set for the children of agents: a node started from within one must not pass it on."""


def child_environment(node: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """The node's environment less our own settings (they may hold secrets), with what the configuration adds."""
    inherited = {
        name: value
        for name, value in node.items()
        if not name.startswith(OWN_PREFIX) and name not in _INHERITED_FROM_AN_AGENT
    }
    return inherited | dict(configured)
