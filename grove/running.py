"""Running Apps as a gateway of their own."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gateway import lifecycle
from gateway.commands.check import mistake_lines
from gateway.commands.run import log_without_effect
from gateway.config.reader import LoadedSettings, SettingsRefused, read_settings
from gateway.local.own import OwnEntities
from gateway.log import LogOptions, parse_log_options, set_up_logging
from grove.app import App
from grove.program import ProgramSource, check_ids


def run(
    *apps: App,
    peers: Sequence[str] | Mapping[str, str] = (),
    port: int | None = None,
    host: str | None = None,
    name: str | None = None,
    files: Sequence[Path | str] = (),
    settings: Mapping[str, Any] | None = None,
) -> int:
    """Serve `apps` until Ctrl-C or SIGTERM; the exit code, as of `grove run`. Call it in the main thread.

    `peers`: URLs of other gateways, or their names with their URLs. `files`: parameter files; the environment counts
    after them, then the arguments, then `settings` by dotted key. This machine is not served unless `local.host` says
    so. Mistakes are printed, and 2 is returned. Raises ValueError for two Apps of one id.
    """
    check_ids(apps)
    options = parse_log_options(os.environ, terminal=sys.stderr.isatty())
    given = {
        "local.host": False,
        "server.port": port,
        "server.host": host,
        **_peer_settings(peers),
        **(settings or {}),
    }
    assignments = [f"{key}:={json.dumps(value)}" for key, value in given.items() if value is not None]
    paths, own_name = [Path(file) for file in files], name or _name(apps)

    def read() -> LoadedSettings | SettingsRefused:
        return read_settings(paths, os.environ, assignments, name=own_name)

    loaded = read()
    mistakes = [] if isinstance(options, LogOptions) else [*map(str, options)]
    if isinstance(loaded, SettingsRefused):
        mistakes += mistake_lines(loaded)
    if not isinstance(options, LogOptions) or isinstance(loaded, SettingsRefused):
        sys.stderr.write("".join(f"{line}\n" for line in mistakes))
        return lifecycle.BAD_CONFIGURATION
    set_up_logging(options, sys.stderr)
    log_without_effect(loaded)

    def bind(own: OwnEntities) -> None:
        for app in apps:
            app.bind(own, asyncio.get_running_loop())

    try:
        return lifecycle.run(loaded, read, program=partial(ProgramSource, apps), ready=bind)
    finally:
        for app in apps:
            app.unbind()


def _name(apps: Sequence[App]) -> str | None:
    """A gateway of one App is called as it is."""
    return apps[0].id if len(apps) == 1 else None


def _peer_settings(peers: Sequence[str] | Mapping[str, str]) -> dict[str, Any]:
    if not peers:
        return {}
    named = peers if isinstance(peers, Mapping) else {_peer_name(url): url for url in peers}
    listed = [{"name": peer, "url": url} for peer, url in named.items()]
    return {"aggregation.enabled": True, "aggregation.peers": listed}


def _peer_name(url: str) -> str:
    """What a peer is called of which only the URL is known: its host and port in characters that a name may have."""
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9-]", "_", url.partition("://")[2])).strip("_")
