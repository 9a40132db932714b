"""What a source of endpoints is: it always tells everything that it knows now, never what changed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from discovery.endpoint import FoundBy


@dataclass(frozen=True, slots=True)
class Found:
    """One endpoint as a source found it, before admission."""

    name: str
    """What the source calls it: the instance label of mDNS, the name in a file, the target of DNS."""
    url: str
    """scheme://host:port; the host is an address where the source knows it (mDNS always does)."""
    found_by: FoundBy
    instance: str | None = None
    """The instance id that it claims to have: a hint, proved only by its `/health`."""
    departed: bool = False
    """It said goodbye: to be suspected and probed, forgotten only if the probe fails. It stays among what was found
    for some seconds, for nobody notices what comes and goes between two readings."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one source knows now."""

    found: tuple[Found, ...] = ()
    trouble: str | None = None
    """Why the last read, lookup or socket failed, for people; `found` is then the last good set."""
    left_out: str | None = None
    """What is there and not in `found` because it is more than is read, for people. The reading is a good one."""


class Source(Protocol):
    """Where endpoints come from."""

    @property
    def name(self) -> str:
        """Unique, for people and the peers page: `mdns`, `file:/etc/grove/peers`, `dns:dnssrv+_grove._tcp.example`."""
        ...

    async def run(self, publish: Callable[[Reading], None]) -> None:
        """Publish a Reading whenever something was read, until cancelled.

        What fails outside is a Reading's `trouble`; an exception from here is a defect and ends the gateway. `publish`
        is called on the event loop and does not block.
        """
        ...
