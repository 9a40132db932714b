"""What must hold among the settings about this machine's programs."""

from collections.abc import Iterator

from entities.model import is_valid_id
from gateway.config.findings import Finding
from gateway.config.problems import shown
from gateway.local.settings import LocalSettings, is_unit, unit_app_id


def host_mistakes(local: LocalSettings) -> Iterator[Finding]:
    """Every mistake among the processes and units; whether this machine is served is judged apart."""
    for index, process in enumerate(local.processes):
        if process.id is not None and not is_valid_id(process.id):
            allowed = "1 to 256 letters, digits, '_' and '-'"
            yield Finding((f"local.processes[{index}].id",), shown(process.id), allowed)
    for index, unit in enumerate(local.units):
        if not is_unit(unit):
            yield Finding((f"local.units[{index}]",), shown(unit), "the name of a systemd unit, such as nginx.service")
    yield from _repeated(local)


def hostless(local: LocalSettings) -> Iterator[Finding]:
    """Programs of a machine that is not served itself; `local` as it is in force."""
    for key, what in (("processes", local.processes), ("units", local.units)):
        if what and not local.host:
            yield Finding(
                (f"local.{key}", "local.host", "discovery.mode"),
                "programs of this machine while local.host is false",
                "true, for they stand on this machine",
                "set local.host, or discovery.mode to hybrid",
            )


def _repeated(local: LocalSettings) -> Iterator[Finding]:
    """Two programs that would be one App."""
    ids = [(f"local.processes[{index}]", process.app_id) for index, process in enumerate(local.processes)]
    ids += [(f"local.units[{index}]", unit_app_id(unit)) for index, unit in enumerate(local.units)]
    first: dict[str, str] = {}
    for key, app_id in ids:
        if app_id in first:
            found = f"an App with the id {shown(app_id)}, which {first[app_id]} has too"
            advice = "give a process another 'id'" if "processes" in key + first[app_id] else ""
            yield Finding((key,), found, "each id once", advice)
        first.setdefault(app_id, key)
