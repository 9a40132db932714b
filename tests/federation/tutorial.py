"""The tutorial's files and commands word for word, and its gateways: on its own ports, or moved to free ones."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.ports import free_port

PORTS: Final = {"gateway_a": 8080, "gateway_b": 8081, "gateway_c": 8082}

STEP_1: Final = {
    "gateway_a": "--ros-args -p server.port:=8080 -r __node:=gateway_a -r __ns:=/subsystem_a",
    "gateway_b": "--ros-args -p server.port:=8081 -r __node:=gateway_b -r __ns:=/subsystem_b",
}
"""What stands behind `gateway_node` in the first step; B stays as it is from there on."""

STEP_2: Final = {**STEP_1, "gateway_a": "--ros-args --params-file gateway_a_params.yaml -r __node:=gateway_a"}

STEP_6: Final = {
    name: f"--ros-args --params-file {name}_chain.yaml -r __node:={name}"
    for name in ("gateway_a", "gateway_b", "gateway_c")
}
"""The tutorial gives the files only; started as in the steps before."""

STEP_4: Final = {
    name: f"--ros-args --params-file {name}_mdns.yaml -r __node:={name}" for name in ("gateway_a", "gateway_b")
}

QUIET: Final = {"refresh_interval_ms": 60_000, "health_interval_ms": 60_000}
"""The longest periods there are: what happens in a test's time did not happen by itself."""

FILES: Final = {
    "gateway_a_params.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8080
    aggregation:
      enabled: true
      peer_urls: ["http://localhost:8081"]
      peer_names: ["subsystem_b"]
""",
    "gateway_a_mdns.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8080
    aggregation:
      enabled: true
      announce: true
      discover: true
      mdns_name: "gateway_a"
""",
    "gateway_b_mdns.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8081
    aggregation:
      enabled: true
      announce: true
      discover: true
      mdns_name: "gateway_b"
""",
    "gateway_a_chain.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8080
    aggregation:
      enabled: true
      peer_urls: ["http://localhost:8081"]
      peer_names: ["mid_level"]
""",
    "gateway_b_chain.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8081
    aggregation:
      enabled: true
      peer_urls: ["http://localhost:8082"]
      peer_names: ["leaf_system"]
""",
    "gateway_c_chain.yaml": """\
ros2_medkit_gateway:
  ros__parameters:
    server:
      port: 8082
    aggregation:
      enabled: false
""",
}
"""The captions and texts of steps 2, 4 and 6."""


class Tutorial:
    """The tutorial's gateways in one cluster. `to_the_letter`: on its own ports, else on free ones.

    `fresh`: started from nothing, not forked; to the letter they always are.
    """

    def __init__(self, cluster: Cluster, *, to_the_letter: bool = False, fresh: bool = False) -> None:
        self._cluster = cluster
        self._fresh = fresh or to_the_letter
        self.ports = {port: port if to_the_letter else free_port() for port in PORTS.values()}
        """Where each of its ports is here."""

    def moved(self, text: str) -> str:
        """A command or file of the tutorial with its ports as they are here."""
        return re.sub(r"\b808[012]\b", lambda found: str(self.ports[int(found[0])]), text)

    def url(self, name: str) -> str:
        """Where `name` is, in the tutorial's spelling."""
        return f"http://localhost:{self.ports[PORTS[name]]}"

    def point(self, name: str, port: int) -> None:
        """Lets something else stand where the tutorial has the gateway `name`, for those added from now on."""
        self.ports[PORTS[name]] = port

    def add(
        self,
        name: str,
        command: str,
        *,
        manifest: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] = FAST,
        files: Mapping[str, str] = FILES,
    ) -> GatewayProcess:
        """A gateway that is not started yet, in a folder with all files. Without a manifest it serves this machine.

        `settings`, by dotted key, go behind the command as they would be typed.
        """
        folder = self._cluster.folder / name
        folder.mkdir(exist_ok=True)
        for caption, text in files.items():
            (folder / caption).write_text(self.moved(text))
        extra: dict[str, Any] = {"server.state_dir": str(folder / "state"), **settings}
        if manifest is not None:
            write_manifest(folder, manifest)
            extra = {"local.manifest": "manifest.yaml", "local.host": False, **extra}
        flags = [part for key, value in extra.items() for part in ("-p", f"{key}:={json.dumps(value)}")]
        arguments = [*shlex.split(self.moved(command)), *flags]
        gateway = self._cluster.add_command(name, arguments, folder, self.ports[PORTS[name]], fresh=self._fresh)
        if gateway.guard is not None:
            gateway.peers = [*listed_peers(folder / argument for argument in arguments if argument in files)]
        return gateway

    def add_all(
        self,
        commands: Mapping[str, str],
        manifests: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, Any] = FAST,
    ) -> list[GatewayProcess]:
        """One for each command, in order."""
        return [
            self.add(name, command, manifest=manifests[name], settings=settings) for name, command in commands.items()
        ]


def listed_peers(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Name and address of each in these files."""
    for file in files:
        aggregation = yaml.safe_load(file.read_text())["ros2_medkit_gateway"]["ros__parameters"]["aggregation"]
        yield from zip(aggregation.get("peer_names", []), aggregation.get("peer_urls", []), strict=True)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """As `manifest.yaml`; it counts from the gateway's next start on."""
    whole = {"manifest_version": "1.0", **manifest}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
