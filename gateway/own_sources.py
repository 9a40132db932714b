"""Which sources of own entities are on; the earlier counts where two offer the same."""

import socket
import time
from collections.abc import Callable, Sequence

from gateway.host_programs import host_programs
from gateway.local.host import HostSource
from gateway.local.host_rules import MachineLimits
from gateway.local.logs.kept import Numbers, log_numbers
from gateway.local.machine import PsutilMachine
from gateway.local.manifest.load import LoadedManifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.settings import LocalSettings
from gateway.local.source import Source
from gateway.settings import Settings

MakeSource = Callable[[Numbers], Source]
"""What the program that embeds the gateway offers, given the numbers of log entries."""


def own_sources(
    settings: Settings, manifest: LoadedManifest | None, program: MakeSource | None = None
) -> Sequence[Source]:
    """The program that embeds the gateway, then the manifest, then this machine and its programs."""
    numbers = log_numbers(time.time_ns)
    sources: list[Source] = [] if program is None else [program(numbers)]
    if manifest is not None:
        sources.append(ManifestSource(manifest, time.time_ns, numbers))
    if settings.local.host:
        host = HostSource(socket.gethostname(), PsutilMachine(time.time), time.time_ns, _limits(settings.local))
        programs = host_programs(host.ref.id, settings.local, time.time_ns, numbers)
        sources += [host] if programs is None else [host, programs]
    return sources


def _limits(local: LocalSettings) -> MachineLimits | None:
    if not local.fault_rules:
        return None
    return MachineLimits(
        disk_percent=local.disk_limit_percent,
        memory_percent=local.memory_limit_percent,
        temperature_celsius=local.temperature_limit_celsius,
        hold_s=local.fault_hold_ms / 1000,
    )
