"""What the demo runs: three gateways in a chain, each with its own manifest."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

PORTS: Final = (8080, 8081, 8082)
"""From the top of the chain down."""

MANIFESTS: Final = "manifests"
"""Folder of the manifests, both here and where the demo runs."""

PLANT: Final = f"{MANIFESTS}/plant"
"""Where the demo's plant has its readings: the machine's manifest calls them `plant/...`."""


def put_manifests(folder: Path) -> None:
    """Copies the manifests to where the demo runs."""
    (folder / MANIFESTS).mkdir()
    for manifest in (files("gateway.demo") / MANIFESTS).iterdir():
        (folder / MANIFESTS / manifest.name).write_bytes(manifest.read_bytes())


@dataclass(frozen=True, slots=True)
class DemoGateway:
    """One gateway of the demo: its name, what it is, and the peer it reads (name, URL)."""

    name: str
    role: str
    port: int
    host: bool = False
    peer: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def port_file(self, folder: Path) -> Path:
        """The file that is there once the gateway listens."""
        return folder / self.name / "port"

    def command(self, folder: Path) -> list[str]:
        """The command that runs it, with its manifest and its state below `folder`."""
        manifest = folder / MANIFESTS / f"{self.role}.yaml"
        settings = [
            f"server.port:={self.port}",
            f"server.state_dir:={folder / self.name}",
            f"local.manifest:={manifest}",
            f"local.host:={json.dumps(self.host)}",
        ]
        if self.peer is not None:
            name, url = self.peer
            settings += [
                "aggregation.enabled:=true",
                f"aggregation.peer_urls:={json.dumps([url])}",
                f"aggregation.peer_names:={json.dumps([name])}",
            ]
        options = [word for setting in settings for word in ("-p", setting)]
        return [sys.executable, "-m", "gateway", "run", "--name", self.name, *options]


def demo_chain(ports: Sequence[int] = PORTS) -> tuple[DemoGateway, ...]:
    """A <- B <- C: the site reads the line, the line reads the machine; the machine shows this computer too."""
    top, middle, leaf = ports
    return (
        DemoGateway("gateway_a", "site", top, peer=("line", f"http://127.0.0.1:{middle}")),
        DemoGateway("gateway_b", "line", middle, peer=("machine", f"http://127.0.0.1:{leaf}")),
        DemoGateway("gateway_c", "machine", leaf, host=True),
    )
