"""Avahi on a host of a test: the system's own, or the one that `.ci/fetch-avahi` unpacked."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from tests.federation.eventually import eventually
from tests.federation.process import ROOT
from tests.network.hosts import Host

UNPACKED: Final = ROOT / ".avahi"
NEEDS: Final = "these tests need Avahi and D-Bus (Debian: avahi-daemon, avahi-utils, dbus)"

_BUS_CONFIG: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/> <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/> <allow receive_sender="*" eavesdrop="true"/>
  </policy>
</busconfig>
"""

_START: Final = """\
mount -t tmpfs none /run && mkdir -p /run/avahi-daemon && mount --bind passwd /etc/passwd \\
    && mount --bind group /etc/group || exit 1
dbus-daemon --nofork --nopidfile --config-file=bus.conf &
bus=$!
trap 'kill $avahi $bus; wait; exit 0' TERM
until [ -S "$BUS_SOCKET" ]; do sleep 0.05; done
avahi-daemon --no-drop-root --no-chroot --no-rlimits --no-proc-title -f avahi.conf &
avahi=$!
wait $avahi
kill $bus
"""
"""Run by `ip netns exec`, which gives it mounts of its own: Avahi's one place for its process id is nobody else's."""


def why_not() -> str | None:
    """Why there is no Avahi here; None when there is."""
    path = _environment(Path())["PATH"]
    missing = [
        name for name in ("avahi-daemon", "avahi-browse", "dbus-daemon") if shutil.which(name, path=path) is None
    ]
    return f"{NEEDS}; missing: {', '.join(missing)}" if missing else None


@contextlib.asynccontextmanager
async def avahi_on(host: Host, folder: Path) -> AsyncIterator["Avahi"]:
    """Avahi at work on `host`; its files are in `folder`."""
    folder.mkdir()
    environment = _environment(folder)
    (folder / "bus.conf").write_text(_BUS_CONFIG.format(socket=environment["BUS_SOCKET"]))
    # It wants a user of this name even when it does not become one.
    (folder / "passwd").write_text(f"{Path('/etc/passwd').read_text()}avahi:x:65500:65500::/:/bin/false\n")
    (folder / "group").write_text(f"{Path('/etc/group').read_text()}avahi:x:65500:\n")
    (folder / "avahi.conf").write_text(f"[server]\nhost-name=avahi-{host.name}\nuse-ipv6=no\n[publish]\n")
    with (folder / "log.txt").open("wb") as log:
        daemons = subprocess.Popen(
            host.command("sh", "-c", _START),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    avahi = Avahi(host, folder, environment)
    try:
        await eventually(lambda: "Server startup complete" in avahi.log)
        yield avahi
    finally:
        avahi.close()
        daemons.terminate()
        try:
            await asyncio.to_thread(daemons.wait, 10)
        except subprocess.TimeoutExpired:
            os.killpg(daemons.pid, signal.SIGKILL)
            daemons.wait()


class Avahi:
    """What a user of Avahi sees and publishes."""

    def __init__(self, host: Host, folder: Path, environment: Mapping[str, str]) -> None:
        self._host = host
        self._folder = folder
        self._environment = environment
        self._published: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        """What the daemons have said."""
        return (self._folder / "log.txt").read_text()

    async def browse(self, service: str) -> list[list[str]]:
        """The fields of `avahi-browse --resolve`: [state, interface, protocol, name, type, domain, host, address, port,
        text].
        """
        command = self._host.command("avahi-browse", "--resolve", "--parsable", "--terminate", service)
        out = await asyncio.to_thread(
            subprocess.run, command, env=self._environment, capture_output=True, text=True, timeout=20, check=False
        )
        return [line.split(";") for line in out.stdout.splitlines() if line.startswith("=")]

    def publish(self, name: str, service: str, port: int, *text: str) -> None:
        """As `avahi-publish -s`, until the end."""
        command = self._host.command("avahi-publish", "-s", name, service, str(port), *text)
        with (self._folder / "log.txt").open("ab") as log:
            self._published.append(
                subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
            )

    def close(self) -> None:
        """Withdraws what was published."""
        for one in self._published:
            one.terminate()
            one.wait()


def _environment(folder: Path) -> dict[str, str]:
    socket = str(folder / "bus")
    libraries = ":".join(str(each) for each in (UNPACKED / "usr/lib").glob("*-linux-gnu*"))
    return {
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/bin:{UNPACKED}/usr/sbin:{UNPACKED}/usr/bin",
        "LD_LIBRARY_PATH": libraries,
        "BUS_SOCKET": socket,
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}",
    }
