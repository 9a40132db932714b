"""A program that embeds a gateway, as a process of a test."""

from pathlib import Path

from tests.federation.gateway import GatewayProcess
from tests.federation.gateways import Cluster
from tests.federation.ports import free_port
from tests.federation.process import Process


def add_program(cluster: Cluster, script: Path, *arguments: str) -> GatewayProcess:
    """`python <script> <arguments>`, not started yet, on a free port; its state stays in the test's folder."""
    port, folder = free_port(), cluster.folder / script.stem
    program = GatewayProcess(script.stem, [], folder=folder, port=port, session=cluster.session)
    env = {"GROVE_LOG": "json", "GROVE_SERVER__PORT": str(port), "GROVE_SERVER__STATE_DIR": str(folder / "state")}
    program.process = Process(script.stem, [str(script), *arguments], folder, env)
    cluster.gateways[script.stem] = program
    return program
