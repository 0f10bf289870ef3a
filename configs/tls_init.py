"""``main_server.py tls init``: a CA of one's own, a certificate for this machine, and Main configured to use it."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from configs.certificates import (
    Authority,
    Files,
    fingerprint,
    is_issued,
    make_authority,
    make_server,
    read_authority,
    write_authority,
    write_server,
)
from configs.editing import edit_file, read_values
from configs.folders import DATA_FOLDER
from configs.names import own_names, read_name
from configs.reader import COMMANDS, Parser, Tables
from configs.table import ConfigError


def run(argv: Sequence[str], tables: Tables, program_folder: Path) -> None:
    """Do it and say what was done. `argv` is what follows ``tls``. Raises ConfigError with one sentence."""
    given = _parser().parse_args(argv)
    config: Path = given.config or program_folder / "configs" / "main.toml"
    names = [read_name(name) for name in given.host]
    files = Files(DATA_FOLDER.expanduser() / "tls")
    _refuse_foreign(config, files, is_forced=given.force)
    try:
        authority, is_new = _authority(files, names, is_forced=given.force)
        wanted = list(dict.fromkeys([*own_names(), *names]))
        covered = [name for name in wanted if authority.covers(name)]
        made = make_server(authority, covered)
        write_server(files, authority, made)
    except OSError as error:
        raise ConfigError(f"{files.folder}: the certificate cannot be written: {error.strerror}") from error
    values = {"server.tls_cert": str(files.certificate), "server.tls_key": str(files.key)}
    has_secrets = any(tables.is_secret(key) for key in _keys(read_values(config)))
    edit_file(config, values, has_secrets=has_secrets)
    ends = [f"until {each.not_valid_after_utc:%Y-%m-%d}" for each in (authority.certificate, made[0])]
    word = "Made" if is_new else "Kept"
    lines = [
        f"{word} the CA {files.ca} ({ends[0]}), SHA-256 {fingerprint(authority.certificate)}",
        f"Made the certificate {files.certificate} ({ends[1]}; run this again then) for {', '.join(covered)}",
        f"Set server.tls_cert and server.tls_key in {config}: start Main again, and open it with https://",
        *_left_out([name for name in wanted if name not in covered]),
        "",
        *_how_to_trust(files.ca),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _parser() -> Parser:
    made = Parser(
        prog="main_server.py",
        usage=COMMANDS["main"],
        description="Make a local CA and a certificate for this machine, and have Main serve TLS with it.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("tls", choices=["tls"], help=argparse.SUPPRESS)
    made.add_argument("init", choices=["init"], help="make or renew; a CA that is there is kept")
    made.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="one more name or address that Main is called by"
    )
    made.add_argument("--force", action="store_true", help="replace certificates that this command did not make")
    made.add_argument("--config", metavar="FILE", type=Path, help="TOML file to set (default: configs/main.toml)")
    return made


def _authority(files: Files, names: Sequence[str], *, is_forced: bool) -> tuple[Authority, bool]:
    """The one that is there when it does for `names`, else a fresh one; and whether it is fresh."""
    kept = read_authority(files)
    if kept is not None and kept.certificate.not_valid_after_utc <= datetime.now(UTC):
        kept = None
    missing = [] if kept is None else [name for name in names if not kept.covers(name)]
    if kept is not None and missing and not is_forced:
        raise ConfigError(
            f"the CA {files.ca} was made without {', '.join(missing)} and cannot vouch for it: --force makes a new CA,"
            " which every device must trust anew"
        )
    if kept is not None and not missing:
        return kept, False
    authority = make_authority([*own_names(), *names])
    write_authority(files, authority)
    return authority, True


def _refuse_foreign(config: Path, files: Files, *, is_forced: bool) -> None:
    """Leave alone what this command did not make. Raises ConfigError naming it."""
    server = read_values(config).get("server", {})
    for key, own in (("tls_cert", files.certificate), ("tls_key", files.key)):
        value = server.get(key) if isinstance(server, dict) else None
        if value is not None and not is_forced and config.parent / Path(str(value)).expanduser() != own:
            raise ConfigError(f"{config} has a certificate of its own (server.{key}): --force replaces it")
    if is_forced or not any(each.exists() for each in files.all):
        return
    authority = read_authority(files)
    if authority is None or not is_issued(files, authority):
        raise ConfigError(f"{files.folder} holds certificates that this command did not make: --force replaces them")


def _keys(content: dict[str, object]) -> list[str]:
    return [f"{section}.{key}" for section, table in content.items() if isinstance(table, dict) for key in table]


def _left_out(names: Sequence[str]) -> list[str]:
    """Names that this machine has got since its CA was made."""
    return [f"Left out, for the CA cannot vouch for it (--force makes a new one): {', '.join(names)}"] if names else []


def _how_to_trust(ca: Path) -> list[str]:
    there = "/usr/local/share/ca-certificates/switchyard.crt"
    return [
        f"Every device that opens the page must trust the CA once ({ca}; never give away a key):",
        f"  Linux    sudo cp {ca} {there} && sudo update-ca-certificates",
        "           Firefox and Chromium: import it in their settings under Certificates, Authorities",
        f"  macOS    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca.name}",
        f"  Windows  certutil -addstore -f Root {ca.name}   (as administrator)",
        "  iOS      open the file there, install the profile, then General, About, Certificate Trust Settings",
        "  Android  Settings, Security, Encryption & credentials, Install a certificate, CA certificate",
        f"Nodes on other machines: copy {ca.name} there, then: python app.py join https://… --ca {ca.name}",
        "  (node.tls_ca in configs/node.toml); the page shows the lines under Machines.",
    ]
