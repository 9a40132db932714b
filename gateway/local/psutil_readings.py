"""The readings of this machine that a manifest can bind a data item to, by psutil's own names (docs/manifest.md)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import psutil

from gateway.local.cpu_meter import CpuMeter
from gateway.local.values import DataType

Parameters = Mapping[str, str]
Reader = Callable[[Parameters], Any]
"""Blocks; raises what psutil raises, and SensorError."""


class SensorError(Exception):
    """There is no such sensor on this machine. The text is for a client."""


@dataclass(frozen=True, slots=True)
class SensorReading:
    """One reading. `required` and `optional` name its parameters; each data item has a reader of its own."""

    type: DataType
    unit: str | None
    make: Callable[[], Reader]
    required: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> what is meant without it; empty: all of them together, or the first."""


def _cpu_percent() -> Reader:
    meter = CpuMeter()
    return lambda _: meter.percent()


def _attribute(ask: Callable[[], Any], name: str) -> Any:
    found = ask()
    if found is None:
        raise SensorError("this machine does not tell it")
    return getattr(found, name)


def _simple(ask: str, attribute: str) -> Reader:
    """An attribute of what one of psutil's functions says; not every system has every function."""
    return lambda _: _attribute(getattr(psutil, ask, lambda: None), attribute)


def _disk(attribute: str) -> Reader:
    return lambda given: getattr(psutil.disk_usage(given["path"]), attribute)


def _counters(ask: Callable[..., Any], key: str, attribute: str) -> Reader:
    """Of one disk or interface, or of all together."""

    def read(given: Parameters) -> Any:
        name = given[key]
        found = ask(**{"pernic" if key == "interface" else "perdisk": bool(name)})
        if found is None or (name and name not in found):
            raise SensorError(f"this machine has no such {key}")
        return getattr(found[name] if name else found, attribute)

    return read


def _sensor(ask: str) -> Reader:
    """`current` of the sensor with this chip and label; without a label of the chip's first."""

    def read(given: Parameters) -> Any:
        chips: Mapping[str, Any] = getattr(psutil, ask, dict)()
        if given["chip"] not in chips:
            raise SensorError(f"this machine has no such chip, it has {', '.join(chips) or 'none'}")
        for sensor in chips[given["chip"]]:
            if given["label"] in {"", sensor.label}:
                return sensor.current
        raise SensorError("the chip has no sensor with such a label")

    return read


def _load(index: int) -> Reader:
    return lambda _: psutil.getloadavg()[index]


def _plain(type_: DataType, unit: str | None, read: Reader) -> SensorReading:
    return SensorReading(type_, unit, lambda: read)


def _sizes(ask: str, *attributes: str) -> dict[str, SensorReading]:
    return {f"{ask}.{name}": _plain(DataType.INT, "B", _simple(ask, name)) for name in attributes}


def _counts(ask: str, key: str, unit: str | None, *attributes: str) -> dict[str, SensorReading]:
    return {
        f"{ask}.{name}": SensorReading(
            DataType.INT, unit, partial(_counters, getattr(psutil, ask), key, name), optional={key: ""}
        )
        for name in attributes
    }


_DISK: Final = {"path": "/"}
_CHIP: Final = {"label": ""}

READINGS: Final[Mapping[str, SensorReading]] = {
    "cpu_percent": SensorReading(DataType.DOUBLE, "%", _cpu_percent),
    "cpu_count": _plain(DataType.INT, None, lambda _: psutil.cpu_count()),
    "cpu_freq.current": _plain(DataType.DOUBLE, "MHz", _simple("cpu_freq", "current")),
    **{f"getloadavg.{m}m": _plain(DataType.DOUBLE, None, _load(i)) for i, m in enumerate((1, 5, 15))},
    "virtual_memory.percent": _plain(DataType.DOUBLE, "%", _simple("virtual_memory", "percent")),
    **_sizes("virtual_memory", "total", "available", "used", "free"),
    "swap_memory.percent": _plain(DataType.DOUBLE, "%", _simple("swap_memory", "percent")),
    **_sizes("swap_memory", "total", "used", "free"),
    "disk_usage.percent": SensorReading(DataType.DOUBLE, "%", lambda: _disk("percent"), optional=_DISK),
    **{
        f"disk_usage.{name}": SensorReading(DataType.INT, "B", partial(_disk, name), optional=_DISK)
        for name in ("total", "used", "free")
    },
    **_counts("disk_io_counters", "disk", "B", "read_bytes", "write_bytes"),
    **_counts("disk_io_counters", "disk", None, "read_count", "write_count"),
    **_counts("net_io_counters", "interface", "B", "bytes_sent", "bytes_recv"),
    **_counts("net_io_counters", "interface", None, "packets_sent", "packets_recv", "errin", "errout"),
    **_counts("net_io_counters", "interface", None, "dropin", "dropout"),
    "sensors_temperatures": SensorReading(
        DataType.DOUBLE, "°C", lambda: _sensor("sensors_temperatures"), ("chip",), _CHIP
    ),
    "sensors_fans": SensorReading(DataType.INT, "rpm", lambda: _sensor("sensors_fans"), ("chip",), _CHIP),
    "sensors_battery.percent": _plain(DataType.DOUBLE, "%", _simple("sensors_battery", "percent")),
    "boot_time": _plain(DataType.DOUBLE, "s", lambda _: psutil.boot_time()),
    "processes": _plain(DataType.INT, None, lambda _: len(psutil.pids())),
}
"""All of them; the list is closed."""


def sensor_reader(reading: str, parameters: Parameters) -> Callable[[], Any]:
    """What one data item asks; the reading must be one of READINGS, with its required parameters."""
    known = READINGS[reading]
    return partial(known.make(), {**known.optional, **parameters})
