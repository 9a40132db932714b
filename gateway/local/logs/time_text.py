"""Times as logs write them -> ns since 1970. Pure, but for the time zone of this machine."""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

_NS: Final = 1_000_000_000
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9})\d*)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{1,20})?")
_LATEST_S: Final = 9_000_000_000
"""Times stay below 2^63 ns; this is the year 2255."""
_WITH_YEAR: Final = re.compile(r"%[YyGcxD]")
_LEAP_YEAR: Final = 2000


def parse_time(value: Any, time_format: str | None, now_ns: int) -> int | None:
    """The time that `value` says, None if it says none.

    Without a `time_format` (of strptime): ISO 8601, or seconds, milliseconds, microseconds or nanoseconds since
    1970, told apart by their size. Times without a zone are of this machine's; a year that is left out is that of
    `now_ns`, or the one before if the time would lie ahead.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if time_format is not None:
        return _formatted(str(value), time_format, now_ns)
    if isinstance(value, int | float):
        return _since_1970(value if isinstance(value, int) else _decimal(value))
    text = value.strip()
    iso = _ISO.fullmatch(text)
    if iso is not None:
        return _iso(*iso.groups())
    if _NUMBER.fullmatch(text):
        return _since_1970(int(text) if text.isdigit() else Decimal(text))
    return None


def _since_1970(number: int | Decimal) -> int | None:
    for unit in (1, 1_000, 1_000_000, _NS):
        if 0 <= number <= _LATEST_S * unit:
            scale = _NS // unit
            return number * scale if isinstance(number, int) else int(number * scale)
    return None


def _decimal(number: float) -> Decimal:
    """The decimal number as it was written: a double holds today's seconds, but not their nanoseconds."""
    return Decimal(repr(number)) if math.isfinite(number) else Decimal(-1)


def _iso(day: str, time: str, fraction: str | None, zone: str | None) -> int | None:
    zone = "+00:00" if zone in ("Z", "z") else zone or ""
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{zone}")
    except ValueError:
        return None
    return _ns(moment, int((fraction or "").ljust(9, "0")))


def _formatted(text: str, time_format: str, now_ns: int) -> int | None:
    has_year = _WITH_YEAR.search(time_format) is not None
    text = text.strip() if has_year else f"{_LEAP_YEAR} {text.strip()}"
    try:
        # A zone, where one is said, is in the format.
        moment = datetime.strptime(text, time_format if has_year else f"%Y {time_format}")  # noqa: DTZ007 - see above
    except (ValueError, re.error):
        return None
    if not has_year:
        moment = _dated(moment, now_ns)
    return _ns(moment.replace(microsecond=0), moment.microsecond * 1000)


def _dated(moment: datetime, now_ns: int) -> datetime:
    """The moment in the year in which it is closest before now (a clock may be a day off)."""
    now = datetime.fromtimestamp(now_ns / _NS, UTC)
    for year in range(now.year + 1, now.year - 9, -1):  # the 29th of February is not in every year
        try:
            dated = moment.replace(year=year)
            if dated.timestamp() <= now.timestamp() + 86_400:
                return dated
        except (ValueError, OverflowError):
            continue
    return moment


def _ns(moment: datetime, fraction_ns: int) -> int | None:
    try:
        seconds = int(moment.timestamp())  # without a zone: of this machine
    except (ValueError, OverflowError, OSError):
        return None
    return seconds * _NS + fraction_ns if 0 <= seconds <= _LATEST_S else None
