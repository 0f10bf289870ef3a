"""THIRD_PARTY.md names every dependency, and no dependency has a licence that nobody has looked at."""

import importlib.metadata
import re

import pytest

from docs import third_party

PERMISSIVE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT", "MIT-0", "PSF-2.0"}
FOR_DEVELOPMENT = PERMISSIVE | {"MPL-2.0"}
"""Tools that are run and never shipped may also be under a weak copyleft."""


def _is_within(licence: str, allowed: set[str]) -> bool:
    """OR offers a choice, AND binds to both."""
    return any(all(part in allowed for part in choice.split(" AND ")) for choice in licence.split(" OR "))


def test_the_lists_are_up_to_date() -> None:
    assert third_party.DOCUMENT.read_text(encoding="utf-8") == third_party.generated(), "run: make gen"


@pytest.mark.parametrize("packages", [third_party.python_packages, third_party.node_packages])
def test_every_licence_is_one_that_was_looked_at(packages: third_party.Packages) -> None:
    shipped, development = packages()
    unknown = [f"{name}: {licence}" for name, licence in shipped.items() if not _is_within(licence, PERMISSIVE)]
    unknown += [
        f"{name}: {licence}" for name, licence in development.items() if not _is_within(licence, FOR_DEVELOPMENT)
    ]
    assert unknown == []


def test_what_is_installed_is_what_is_locked() -> None:
    lock = (third_party.ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    differing = [
        name
        for name, version in locked.items()
        if name not in third_party.ELSEWHERE and importlib.metadata.version(name) != version
    ]
    assert differing == [], "run: make setup-dev"


def test_the_three_locks_agree_and_name_no_index() -> None:
    versions: dict[str, set[str]] = {}
    for lock in third_party.ROOT.glob("requirements*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "http" not in re.sub(r"^[a-z0-9.-]*http[a-z0-9.-]*==|# +(via )?.*$", "", text, flags=re.MULTILINE)
        for name, version in re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
