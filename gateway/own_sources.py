"""Which sources of own entities are on; the earlier counts where two offer the same."""

import socket
import time
from collections.abc import Sequence

from gateway.local.host import HostSource
from gateway.local.logs.kept import log_numbers
from gateway.local.machine import PsutilMachine
from gateway.local.manifest.load import LoadedManifest
from gateway.local.manifest_source import ManifestSource
from gateway.local.source import Source
from gateway.settings import Settings


def own_sources(settings: Settings, manifest: LoadedManifest | None) -> Sequence[Source]:
    """The manifest, then this machine."""
    numbers = log_numbers(time.time_ns)
    sources: list[Source] = []
    if manifest is not None:
        sources.append(ManifestSource(manifest, time.time_ns, numbers))
    if settings.local.host:
        sources.append(HostSource(socket.gethostname(), PsutilMachine(time.time), time.time_ns))
    return sources
