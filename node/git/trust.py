"""What a repository's own configuration may not decide when something is done in it.

Three ways: a setting is set back to what the user's own configuration says (or to a harmless value); an act that would
need the setting is refused, where doing it differently would do harm (a file staged without its encrypting filter);
or it is left, where it only says what is to be done and names no program.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ws.protocol.errors import ErrorCode, WireError

Entry = tuple[str, str, str]
"""Scope, key and value as `git config --list --show-scope` gives them: section and name are in small letters."""

OWN_SCOPES = frozenset({"local", "worktree"})
_USER_SCOPES = frozenset({"system", "global"})

_SET_BACK: Sequence[tuple[str, str]] = (
    ("gpg.program", "gpg"),
    ("gpg.openpgp.program", "gpg"),
    ("gpg.x509.program", "gpgsm"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("gpg.ssh.defaultkeycommand", ""),
    ("core.alternaterefscommand", "true"),
    ("core.askpass", ""),
    ("core.gitproxy", ""),
    ("gc.recentobjectshook", ""),
    ("branch.*.mergeoptions", ""),  # may name a strategy, which is a program
    ("pull.twohead", "ort"),
    ("pull.octopus", "octopus"),
    ("http.sslverify", "true"),
    ("http.*.sslverify", "true"),
    ("http.savecookies", "false"),
    ("http.*.savecookies", "false"),
    ("transfer.bundleuri", "false"),
)
"""The value after the pattern stands where the user has none."""

_FOR_LFS: Sequence[str] = (
    "lfs.extension.*",
    "lfs.customtransfer.*",
    "lfs.standalonetransferagent",
    "lfs.*.standalone*",
)
"""Programs that the user's own LFS filter would run for the repository: emptied, also for looking."""

_REMOTE_REFUSED: Sequence[str] = (
    "remote.*.uploadpack",
    "remote.*.receivepack",
    "remote.*.vcs",
    "url.*.insteadof",
    "url.*.pushinsteadof",
    "fetch.bundleuri",
    "http.ssl[ck]*",
    "http.*.ssl[ck]*",
    "http.cookiefile",
    "http.*.cookiefile",
)


@dataclass(frozen=True)
class Trust:
    """What acts in one repository need to know of its configuration.

    `settings` go to every act and `credentials` to those that reach a remote, in this order. `ssh` is the user's own
    command, `hooks` the folders of core.hooksPath. The others are keys of the repository for which some
    acts are refused.
    """

    settings: tuple[tuple[str, str], ...]
    credentials: tuple[tuple[str, str], ...]
    ssh: str | None
    hooks: tuple[str, ...]
    filters: tuple[str, ...]
    merge_drivers: tuple[str, ...]
    remotes: tuple[str, ...]

    def check_filters(self) -> None:
        """Raises WireError for a repository whose files pass through programs that it brought along."""
        if self.filters:
            raise _refused(self.filters[0], "Its files would be read or written without it", "filter")

    def check_merging(self) -> None:
        """Raises WireError as `check_filters`, and for a merge driver of the repository."""
        self.check_filters()
        if self.merge_drivers:
            raise _refused(self.merge_drivers[0], "Its files would be merged without it", "merge driver")

    def check_remotes(self) -> None:
        """Raises WireError for settings that decide with which program or trust a remote is reached."""
        if self.remotes:
            key = printable(self.remotes[0])
            raise WireError(
                ErrorCode.CONFLICT,
                f"The repository's own configuration sets {key}, which is not followed here; remove it"
                f" (git config --unset-all {key}), or use a terminal.",
            )


def weigh(entries: Iterable[Entry]) -> Trust:
    """Sort the entries of one repository."""
    entries = list(entries)
    users = {key: value for scope, key, value in entries if scope in _USER_SCOPES}
    own = [(key, value) for scope, key, value in entries if scope in OWN_SCOPES]
    foreign = [key for key, value in own if users.get(key) != value]
    helpers = [key for key, _ in own if key.startswith("credential.") and key.endswith(".helper")]
    return Trust(
        settings=tuple(_set_back(own, users)),
        credentials=(
            *((key, "") for key in dict.fromkeys([*helpers, "credential.helper"])),
            *(
                (key, value)
                for scope, key, value in entries
                if scope in _USER_SCOPES and key.startswith("credential.") and key.endswith(".helper")
            ),
        ),
        ssh=users.get("core.sshcommand"),
        hooks=tuple(value for scope, key, value in entries if key == "core.hookspath" and scope != "command"),
        filters=_matching(foreign, ("filter.*.clean", "filter.*.smudge", "filter.*.process")),
        merge_drivers=_matching(foreign, ("merge.*.driver",)),
        remotes=_matching(foreign, _REMOTE_REFUSED),
    )


def lfs_programs(own: Iterable[str]) -> dict[str, str]:
    """Of the repository's own keys those that name programs for the user's LFS, each with an empty value."""
    return dict.fromkeys(_matching(own, _FOR_LFS), "")


def _set_back(own: Iterable[tuple[str, str]], users: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for key in dict.fromkeys(key for key, _ in own):
        for pattern, harmless in _SET_BACK:
            if fnmatch.fnmatchcase(key, pattern):
                yield (
                    key,
                    users.get(key, users.get("gpg.program", harmless) if key == "gpg.openpgp.program" else harmless),
                )
    yield from lfs_programs(key for key, _ in own).items()


def _matching(keys: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(key for key in dict.fromkeys(keys) if any(fnmatch.fnmatchcase(key, each) for each in patterns))


def _refused(key: str, why: str, what: str) -> WireError:
    name = printable(key)
    return WireError(
        ErrorCode.CONFLICT,
        f"The repository's own configuration names a program ({name}), which is not run here. {why}, so nothing was"
        f" done: if you trust that {what}, set {name} in your own configuration (git config --global).",
    )


def printable(text: str, limit: int = 300) -> str:
    """At most `limit` characters, none of which moves a cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:limit])
