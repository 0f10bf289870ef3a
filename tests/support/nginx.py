"""A real nginx before Main, with a folder, a configuration and a port of its own."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Issued
from tests.support.processes import ROOT, free_port
from tests.support.waiting import eventually


def _readme_lines() -> str:
    """What README tells people to write into their location, but for the address of Main."""
    block = re.search(r"```nginx\nlocation / \{\n(.*?)\n\}\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    return "\n".join(line.strip() for line in block[1].splitlines() if "proxy_pass " not in line)


HEADERS = _readme_lines()

CONFIGURATION = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port}{ssl};
        {certificate}
        {locations}
    }}
}}
"""


@dataclass
class Nginx:
    """`url` is where it listens."""

    port: int
    is_tls: bool

    @property
    def url(self) -> str:
        return f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.port}"


def location(main_port: int, path: str = "/", headers: str = HEADERS, target: str = "") -> str:
    """A location that passes on to Main; `target` is a path behind the port."""
    return f"location {path} {{ proxy_pass http://127.0.0.1:{main_port}{target}; {headers} }}"


@contextlib.asynccontextmanager
async def nginx(folder: Path, locations: str, tls: Issued | None = None) -> AsyncIterator[Nginx]:
    """Runs until the end; found on the PATH or in /usr/sbin, where Debian puts it."""
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    assert program is not None, "nginx is not installed (Debian: nginx-light)"
    folder.mkdir(parents=True)
    port = free_port()
    certificate = "" if tls is None else f"ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key};"
    text = CONFIGURATION.format(
        user="user root;" if os.getuid() == 0 else "",
        port=port,
        ssl=" ssl" if tls else "",
        certificate=certificate,
        locations=locations,
    )
    (folder / "nginx.conf").write_text(text)
    log = folder / "error.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *[program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:

        async def listens() -> bool:
            assert process.returncode is None, log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(listens, what="nginx to listen")
        yield Nginx(port, tls is not None)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 10)
