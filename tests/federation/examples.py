"""The examples as processes: the commands of their pages, the files as they are, only the ports moved to free ones."""

import itertools
import json
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tests.federation.gateway import FAST
from tests.federation.gateways import Cluster, GatewayProcess
from tests.federation.ports import free_port
from tests.federation.process import ROOT

EXAMPLES = ROOT / "examples"
SETTINGS_FLAGS = {"-c", "--config", "--params-file"}
MOUNTED = "/etc/grove/"
"""Where a container sees the folder of its example."""


def commands_of_page(example: str) -> list[list[str]]:
    """The arguments of every `grove run` in the example's README, in order."""
    text = (EXAMPLES / example / "README.md").read_text()
    return [shlex.split(line)[1:] for line in re.findall(r"^grove run.*$", text, flags=re.MULTILINE)]


def commands_of_compose() -> dict[str, list[str]]:
    """What each container of docker-compose.yml runs: the image's entry point and the service's command."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (entrypoint,) = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, flags=re.MULTILINE)
    ((source, target),) = re.findall(r"^COPY (\S+\.yaml) (\S+)$", dockerfile, flags=re.MULTILINE)
    start = [str(ROOT / source) if each == target else each for each in json.loads(entrypoint)[1:]]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {
        name: [*start, *(part.removeprefix(MOUNTED) for part in each["command"])] for name, each in services.items()
    }


class Moved:
    """One example whose gateways listen on free ports, so that tests can run side by side."""

    def __init__(self, cluster: Cluster, example: str) -> None:
        self._cluster = cluster
        self._source = EXAMPLES / example
        self._ports: dict[str, int] = {}
        # Mutable state: the new port of each `host:port` that the example names.

    def add(self, name: str, command: Sequence[str], host: str = "localhost") -> GatewayProcess:
        """A gateway that is not started yet, in its own copy of the example's folder.

        `host` is the name by which the others of the example call its machine.
        """
        folder = self._cluster.folder / name
        shutil.copytree(self._source, folder)
        settings = self._settings(command)
        port = self._port(f"{host}:{settings.get('server.port', 8080)}")
        moved = {**self._moved(settings), "server.port": port, "server.state_dir": str(folder / "state"), **FAST}
        flags = [("-p", f"{key}:={json.dumps(value)}") for key, value in moved.items()]
        return self._cluster.add_command(name, [*command, *itertools.chain(*flags)], folder, port)

    def _settings(self, command: Sequence[str]) -> dict[str, Any]:
        """What the command's files and its port flag say, by dotted key."""
        settings: dict[str, Any] = {}
        for flag, value in itertools.pairwise(command):
            if flag in SETTINGS_FLAGS:
                settings |= flat(yaml.safe_load((self._source / value).read_text()))
        return settings | dict(re.findall(r"(server\.port):=(\d+)", " ".join(command)))

    def _moved(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that name other machines or places, as they are here."""
        moved: dict[str, Any] = {"server.host": "127.0.0.1"}
        if urls := settings.get("aggregation.peer_urls"):
            moved["aggregation.peer_urls"] = [self._url(url) for url in urls]
        if peers := settings.get("aggregation.peers"):
            moved["aggregation.peers"] = [{**peer, "url": self._url(peer["url"])} for peer in peers]
        if (manifest := settings.get("local.manifest", "")).startswith(MOUNTED):
            moved["local.manifest"] = manifest.removeprefix(MOUNTED)
        return moved

    def _url(self, url: str) -> str:
        return f"http://127.0.0.1:{self._port(url.removeprefix('http://'))}"

    def _port(self, address: str) -> int:
        return self._ports.setdefault(address, free_port())


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, without the two levels the tutorial wraps them in."""
    if "ros2_medkit_gateway" in settings:
        return flat(settings["ros2_medkit_gateway"]["ros__parameters"])
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found
