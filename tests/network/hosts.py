"""Hosts on a switch, in network namespaces of one test: several machines on one, with a network nobody else is on."""

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tests.federation.client import REQUEST_TIMEOUT_S
from tests.federation.gateway import Gateway
from tests.federation.process import Process

NEEDS: Final = "network namespaces need Linux, root and the command ip"

_CLONE_NEWNET: Final = 0x40000000
_SWITCH: Final = "bridge"


def why_not() -> str | None:
    """Why there can be no such network here; None when there can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None:
        return NEEDS
    name = f"grove{secrets.token_hex(4)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        return f"{NEEDS}, and the right to make them: {made.stderr.decode().strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


class Namespace:
    """A network namespace, by its name."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def ip(self, *arguments: str) -> None:
        """`ip <arguments>` in it."""
        run("ip", "-n", self.namespace, *arguments)

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Sockets made inside belong to this namespace, wherever they are used."""
        with Path("/proc/thread-self/ns/net").open() as home, Path(f"/run/netns/{self.namespace}").open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


class Host(Namespace):
    """One machine: a namespace with loopback and, when it is plugged in, `eth0`."""

    def __init__(self, name: str, switch: "Switch") -> None:
        super().__init__(f"{switch.namespace}-{name}")
        self.name = name
        self._switch = switch
        self.session = self._new_session()

    def unplug(self) -> None:
        """Pulls the cable."""
        self._switch.ip("link", "set", f"to-{self.name}", "down")

    def plug(self) -> None:
        """Puts the cable back."""
        self._switch.ip("link", "set", f"to-{self.name}", "up")

    def set_ipv6(self, interface: str, key: str, value: int) -> None:
        """Sets `net.ipv6.conf.<interface>.<key>`."""
        path = f"/proc/sys/net/ipv6/conf/{interface}/{key}"
        run(*self.command("sh", "-c", f"echo {value} > {path}"))

    def gateway(self, folder: Path, settings: dict[str, Any], *, host: str = "0.0.0.0") -> Gateway:
        """A gateway of this host's name on port 8080, not started yet; asked over the host's own loopback."""
        one = Gateway(self.name, folder / self.name, self.session, {"components": [{"id": f"of_{self.name}"}]})
        one.url = f"http://{'[::1]' if ':' in host else '127.0.0.1'}:8080"
        one.port = 8080
        one.configure({"server.port": 8080, "server.host": host, "aggregation.enabled": True, **settings})
        self.run_here(one.process)
        return one

    def run_here(self, process: Process) -> None:
        """Lets a process run on this host from its next start on."""
        process.prefix = self.command()

    def command(self, *arguments: str) -> Sequence[str]:
        """`arguments` as run on this host."""
        return ("ip", "netns", "exec", self.namespace, *arguments)

    def _new_session(self) -> aiohttp.ClientSession:
        def make(address: Any) -> socket.socket:
            with self.here():
                sock = socket.socket(address[0], address[1], address[2])
            sock.setblocking(False)
            return sock

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0, socket_factory=make),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
        )


class Switch(Namespace):
    """A bridge in a namespace of its own. Leaving it takes everything away, gateways included."""

    def __init__(self) -> None:
        super().__init__(f"grove{secrets.token_hex(4)}")
        self.hosts: dict[str, Host] = {}
        self.gateways: list[Gateway] = []
        # Mutable: the hosts that are plugged in, and the gateways that run on them.

    async def __aenter__(self) -> Self:
        run("ip", "netns", "add", self.namespace)
        self.ip("link", "add", _SWITCH, "type", "bridge", "mcast_snooping", "0")
        self.ip("link", "set", _SWITCH, "up")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for gateway in self.gateways:
                if error is not None:
                    print(f"----- log of {gateway.name}\n{gateway.process.log_text()}")
                if gateway.process.is_running:
                    await gateway.kill()
        finally:
            for host in self.hosts.values():
                await host.session.close()
                run("ip", "netns", "del", host.namespace)
            run("ip", "netns", "del", self.namespace)

    def host(self, name: str, *addresses: str, trial_s: int = 0) -> Host:
        """One more host with these addresses (`10.0.0.1/24`) on its `eth0`.

        IPv6 ones, the link-local one too, are on trial for so many seconds: nothing can be sent from them yet.
        """
        host = Host(name, self)
        run("ip", "netns", "add", host.namespace)
        self.hosts[name] = host
        port = f"to-{name}"
        self.ip("link", "add", port, "type", "veth", "peer", "eth0", "netns", host.namespace)
        self.ip("link", "set", port, "master", _SWITCH, "up")
        for interface in ("all", "eth0"):
            host.set_ipv6(interface, "accept_dad", 1 if trial_s else 0)
        host.set_ipv6("eth0", "dad_transmits", trial_s)
        host.ip("link", "set", "lo", "up")
        host.ip("link", "set", "eth0", "up")
        for address in addresses:
            skip = [] if trial_s or ":" not in address else ["nodad"]
            host.ip("address", "add", address, "dev", "eth0", *skip)
        return host

    def gateway(self, host: Host, folder: Path, settings: dict[str, Any], *, bind: str = "0.0.0.0") -> Gateway:
        """As `host.gateway`, ended with this network."""
        one = host.gateway(folder, settings, host=bind)
        self.gateways.append(one)
        return one


def run(*command: str) -> str:
    """Standard output; fails with what the command said."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr or ended.stdout}"
    return ended.stdout


def _enter(namespace: int) -> None:
    """The calling thread works in that network namespace from now on."""
    assert threading.current_thread() is threading.main_thread()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
