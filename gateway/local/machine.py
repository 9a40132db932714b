"""What the sensors of the machine say. Everything here blocks."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psutil
import structlog

from gateway.local.bindings import DataSpec
from gateway.local.cpu_meter import CpuMeter
from gateway.local.values import DataType

DISCOVERED_LIMIT: Final = 32
"""Disks, and temperatures, that become data items of their own; a server may have hundreds."""

_PSEUDO_DISKS: Final = frozenset({"squashfs", "overlay", "iso9660"})
"""File systems that are always full and say nothing about the machine."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """Some data items that one look at the machine answers; `read` gives value by id and may raise anything."""

    specs: tuple[DataSpec, ...]
    read: Callable[[], Mapping[str, Any]]


class Machine(Protocol):
    """A machine to look at."""

    def standard(self) -> Sequence[Probe]:
        """What every machine has. Does not look yet."""

    def discover(self) -> Sequence[Probe]:
        """What only looking can tell: disks and temperatures. Blocks; what cannot be found is left out."""


class PsutilMachine:
    """The machine we run on. `now_s` is the time, in seconds since 1970."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._cpu = CpuMeter()

    def standard(self) -> Sequence[Probe]:
        return (
            Probe((_percent("cpu_percent", "CPU load"),), lambda: {"cpu_percent": self._cpu.percent()}),
            Probe((_count("cpu_count", "CPU threads"),), lambda: {"cpu_count": psutil.cpu_count()}),
            Probe(_LOADS, _read_loads),
            Probe(_MEMORY, _read_memory),
            Probe((_percent("swap_percent", "Swap used"),), _read_swap),
            Probe(_NETWORK, _read_network),
            Probe((DataSpec("uptime", "Uptime", DataType.DOUBLE, unit="s"),), self._read_uptime),
            _disk_probe("root", "/"),
        )

    def discover(self) -> Sequence[Probe]:
        return [*_found("disks", _disk_probes), *_found("temperatures", _temperature_probes)]

    def _read_uptime(self) -> Mapping[str, Any]:
        return {"uptime": round(max(0.0, self._now_s() - psutil.boot_time()), 3)}


def _percent(item_id: str, name: str) -> DataSpec:
    return DataSpec(item_id, name, DataType.DOUBLE, unit="%")


def _count(item_id: str, name: str) -> DataSpec:
    return DataSpec(item_id, name, DataType.INT)


def _bytes(item_id: str, name: str) -> DataSpec:
    return DataSpec(item_id, name, DataType.INT, unit="B")


_LOADS: Final = tuple(DataSpec(f"load_{minutes}m", f"Load, {minutes} min", DataType.DOUBLE) for minutes in (1, 5, 15))
_MEMORY: Final = (
    _percent("memory_percent", "Memory used"),
    _bytes("memory_available", "Memory available"),
    _bytes("memory_total", "Memory"),
)
_NETWORK: Final = (
    _bytes("network_sent", "Network, sent since start"),
    _bytes("network_received", "Network, received since start"),
)


def _read_loads() -> Mapping[str, Any]:
    return dict(zip(("load_1m", "load_5m", "load_15m"), psutil.getloadavg(), strict=True))


def _read_memory() -> Mapping[str, Any]:
    memory = psutil.virtual_memory()
    return {
        "memory_percent": memory.percent,
        "memory_available": memory.available,
        "memory_total": memory.total,
    }


def _read_swap() -> Mapping[str, Any]:
    return {"swap_percent": psutil.swap_memory().percent}


def _read_network() -> Mapping[str, Any]:
    counters = psutil.net_io_counters()
    return {"network_sent": counters.bytes_sent, "network_received": counters.bytes_recv}


def _disk_probe(word: str, mountpoint: str) -> Probe:
    def read() -> Mapping[str, Any]:
        usage = psutil.disk_usage(mountpoint)
        return {
            f"disk_{word}_percent": usage.percent,
            f"disk_{word}_free": usage.free,
            f"disk_{word}_total": usage.total,
        }

    specs = (
        _percent(f"disk_{word}_percent", f"Disk {word} used"),
        _bytes(f"disk_{word}_free", f"Disk {word} free"),
        _bytes(f"disk_{word}_total", f"Disk {word}"),
    )
    return Probe(specs, read)


def _disk_probes() -> list[Probe]:
    """One for each disk beside the root's; containers mount single files of one disk many times."""
    partitions = sorted(psutil.disk_partitions(all=False), key=lambda partition: len(partition.mountpoint))
    by_device: dict[str, str] = {}
    for partition in partitions:
        if partition.fstype not in _PSEUDO_DISKS:
            by_device.setdefault(partition.device, partition.mountpoint)
    words = {_word(mountpoint): mountpoint for mountpoint in by_device.values() if mountpoint != "/"}
    return [_disk_probe(word, mountpoint) for word, mountpoint in list(words.items())[:DISCOVERED_LIMIT]]


def _temperature_probes() -> list[Probe]:
    found = list(_read_temperatures())[:DISCOVERED_LIMIT]
    specs = tuple(
        DataSpec(item_id, item_id.replace("_", " ").capitalize(), DataType.DOUBLE, unit="°C") for item_id in found
    )
    return [Probe(specs, _read_temperatures)] if specs else []


def _read_temperatures() -> Mapping[str, Any]:
    """Degrees Celsius by id, `temperature_<chip>_<label>`; equal labels are numbered."""
    read = getattr(psutil, "sensors_temperatures", dict)  # not on every system
    temperatures: dict[str, Any] = {}
    for chip, sensors in read().items():
        for number, sensor in enumerate(sensors, start=1):
            item_id = f"temperature_{_word(chip)}_{_word(sensor.label or str(number))}"
            temperatures[item_id if item_id not in temperatures else f"{item_id}_{number}"] = sensor.current
    return temperatures


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "root"


def _found(what: str, look: Callable[[], list[Probe]]) -> list[Probe]:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - psutil raises whatever an odd /proc or /sys provokes
        _log.warning("sensors not found", kind=what, reason=repr(error))
        return []
