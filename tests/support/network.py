"""Machines in network namespaces of their own: cables that can be cut, names that can move, a NAT, IPv6 alone.

Nothing of the real network is touched: a switch is a namespace too. Needs root, Linux and iproute2.
"""

import asyncio
import contextlib
import ctypes
import ipaddress
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any

import aiohttp
import pytest

NAMESPACES = Path("/run/netns")
FILES = Path("/etc/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/sbin")
    assert found is not None, f"{name} is not installed"
    return found


async def run(*command: str) -> None:
    """Run a command to its end. Raises AssertionError with what it said."""
    process = await asyncio.create_subprocess_exec(
        _tool(command[0]),
        *command[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0, f"{' '.join(command)}: {output.decode()}"


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, for as long as it does not wait: a socket made here belongs to that namespace for ever."""
    with Path("/proc/thread-self/ns/net").open() as own, (NAMESPACES / namespace).open() as other:
        _enter(other.fileno())
        try:
            yield
        finally:
            _enter(own.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@dataclass
class Machine:
    """A namespace on a switch. `address` is what others call it by; `prefix` starts a program there."""

    namespace: str
    address: str
    port: str
    network: "Network"

    @property
    def prefix(self) -> list[str]:
        return [_tool("ip"), "netns", "exec", self.namespace]

    @property
    def host(self) -> str:
        """The address as a URL has it."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def hosts(self) -> Path:
        """Its own /etc/hosts, for programs that start after it was written."""
        return FILES / self.namespace / "hosts"

    def name(self, host: str, address: str) -> None:
        """Let `host` lead to `address` from now on; written in place, so that running programs see it too."""
        self.hosts.parent.mkdir(parents=True, exist_ok=True)
        with self.hosts.open("w") as file:
            file.write(f"127.0.0.1 localhost\n::1 localhost\n{address} {host}\n")

    async def ip(self, *arguments: str) -> None:
        await run("ip", "-n", self.namespace, *arguments)

    async def cut(self) -> None:
        """Pull the cable: nobody hears an end of anything."""
        await run("ip", "-n", self.network.switch, "link", "set", self.port, "down")

    async def mend(self) -> None:
        """Put the cable in again."""
        await run("ip", "-n", self.network.switch, "link", "set", self.port, "up")

    def connector(self, ssl: SSLContext | bool = True) -> aiohttp.TCPConnector:
        """For a client of aiohttp that calls from here."""
        return aiohttp.TCPConnector(ssl=ssl, socket_factory=self.socket)

    def socket(self, address: Any) -> socket.socket:
        """As aiohttp's connector wants one: made in this machine."""
        family, kind, protocol, _, _ = address
        with inside(self.namespace):
            made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


@dataclass
class Network:
    """A switch with machines, all in one subnet; `subnet` is IPv4 or IPv6."""

    name: str
    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network
    namespaces: list[str] = field(default_factory=list)

    @property
    def switch(self) -> str:
        return f"{self.name}-switch"

    async def begin(self) -> None:
        await self._namespace(self.switch)
        await run("ip", "-n", self.switch, "link", "add", "bridge", "type", "bridge")
        await run("ip", "-n", self.switch, "link", "set", "bridge", "up")

    async def machine(self, name: str) -> Machine:
        """A machine with a cable to the switch, the next address of the subnet, and its own loopback."""
        namespace = f"{self.name}-{name}"
        await self._namespace(namespace)
        made = Machine(namespace, "", f"to-{name}", self)
        await self.plug(made, "lan")
        return made

    async def plug(self, machine: Machine, interface: str) -> None:
        """One more cable from a machine, which is called by its address here from now on."""
        number = len(self.namespaces) + 1
        self.namespaces.append("")
        address = str(self.subnet[number])
        port = f"port-{number}"
        cable = ["type", "veth", "peer", "name", port, "netns", self.switch]
        await machine.ip("link", "add", interface, *cable)
        await run("ip", "-n", self.switch, "link", "set", port, "master", "bridge", "up")
        # Without duplicate address detection an IPv6 address can be used at once.
        more = ["nodad"] if self.subnet.version == 6 else []
        await machine.ip("address", "add", f"{address}/{self.subnet.prefixlen}", "dev", interface, *more)
        await machine.ip("link", "set", interface, "up")
        machine.address, machine.port, machine.network = address, port, self

    async def _namespace(self, namespace: str) -> None:
        await run("ip", "netns", "add", namespace)
        self.namespaces.append(namespace)
        await run("ip", "-n", namespace, "link", "set", "lo", "up")

    async def end(self) -> None:
        for namespace in filter(None, self.namespaces):
            await run("ip", "netns", "delete", namespace)
            shutil.rmtree(FILES / namespace, ignore_errors=True)


async def _ask_the_kernel() -> str | None:
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"sy-probe-{secrets.token_hex(2)}"
    try:
        await run("ip", "netns", "add", name)
    except AssertionError as error:
        return f"the kernel refuses network namespaces: {error}"
    await run("ip", "netns", "delete", name)
    return None


@contextlib.asynccontextmanager
async def network(subnet: str = "10.213.0.0/24") -> AsyncIterator[Network]:
    """A network of its own; skips the test where the kernel refuses one."""
    refused = await _ask_the_kernel()
    if refused is not None:
        pytest.skip(refused)
    made = Network(f"sy-{secrets.token_hex(2)}", ipaddress.ip_network(subnet))
    try:
        await made.begin()
        yield made
    finally:
        await made.end()
