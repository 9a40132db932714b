"""Moments as clients read them. Pure."""

from datetime import UTC, datetime
from typing import Final

NS_PER_S: Final = 1_000_000_000


def iso_time(time_ns: int) -> str:
    """ISO 8601 in UTC, with milliseconds, of ns since 1970."""
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % NS_PER_S // 1_000_000:03d}Z"
