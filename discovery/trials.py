"""IPv6 addresses that this machine has and cannot use yet: the system asks first whether somebody else has them."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

IF_INET6: Final = Path("/proc/net/if_inet6")
"""Where Linux tells them: address, number of the interface, prefix length, scope, flags, its name; all hexadecimal."""

_OPTIMISTIC: Final = 0x04
"""May be used while it is asked (RFC 4429)."""
_FAILED: Final = 0x08
_TENTATIVE: Final = 0x40


class Trial(Enum):
    """How it stands with an address that cannot be used."""

    PENDING = "pending"
    """Nobody has objected yet."""
    FAILED = "failed"
    """Somebody else has it."""


def read_trials(path: Path = IF_INET6) -> Mapping[tuple[int, ipaddress.IPv4Address | ipaddress.IPv6Address], Trial]:
    """The addresses that cannot be used, by interface; none where the system does not tell."""
    lines: list[str] = []
    with suppress(OSError):
        lines = path.read_text().splitlines()
    return dict(found for line in lines if (found := _parse(line)) is not None)


def _parse(line: str) -> tuple[tuple[int, ipaddress.IPv6Address], Trial] | None:
    try:
        address, index, _, _, flags, _ = line.split()
        key = (int(index, 16), ipaddress.IPv6Address(bytes.fromhex(address)))
        state = int(flags, 16)
    except ValueError:
        return None
    if not state & _TENTATIVE or state & _OPTIMISTIC:
        return None
    return key, Trial.FAILED if state & _FAILED else Trial.PENDING
