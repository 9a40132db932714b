"""mDNS as the settings of this gateway ask for it: announcing, looking for others, and what to warn about."""

import ipaddress
import random
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from discovery.interfaces import (
    Interface,
    InterfaceWatch,
    IpAddress,
    bound_addresses,
    interfaces_in_reach,
    interfaces_served,
)
from discovery.settings import MdnsSettings
from entities.identity import GatewayIdentity
from gateway.settings import Settings
from gateway.version import grove_version
from peers.view import Warned

if TYPE_CHECKING:
    from discovery.announce import Announcer
    from discovery.mdns import MdnsSource

Choose = Callable[[tuple[Interface, ...], frozenset[IpAddress], tuple[str, ...]], tuple[Interface, ...]]


class Mdns:
    """The two halves, each there only if it is switched on."""

    def __init__(self, settings: Settings, identity: GatewayIdentity, timing: MdnsSettings | None = None) -> None:
        """Looks up `server.host`: not on the event loop."""
        self._settings = settings
        self._identity = identity
        self._timing = timing or MdnsSettings()
        self._interfaces = InterfaceWatch()
        self._bound = bound_addresses(settings.server.host)
        self.source = self._make_source() if settings.aggregation.enabled and settings.aggregation.discover else None
        """Where peers are found; None when that is off."""
        # Mutable: what announces us, once the port is known.
        self._announcer: Announcer | None = None

    async def announce(self, port: int) -> None:
        """Makes this gateway known until cancelled, then says goodbye; returns at once when that is off."""
        aggregation = self._settings.aggregation
        if not aggregation.announce:
            return
        # zeroconf is a library that few need, and every start would pay for.
        from discovery.announce import Announcer  # noqa: PLC0415 -- see above
        from discovery.records import Announcement, instance_label  # noqa: PLC0415 -- the same

        announcement = Announcement(
            label=instance_label(aggregation.mdns_name or socket.gethostname().partition(".")[0]),
            port=port,
            instance=self._identity.instance_id,
            boot=self._identity.boot_id,
            version=grove_version(),
            scheme="https" if self._settings.server.tls.enabled else "http",
            auth=self._settings.auth.enabled,
        )
        self._announcer = Announcer(
            aggregation.mdns_service,
            announcement,
            self._timing,
            read_interfaces=partial(self._read, interfaces_served),
            clock=time.monotonic,
        )
        await self._announcer.run()

    def warnings(self) -> Iterable[Warned]:
        """`mdns_unavailable` for each half that is on and does not work now."""
        if self._announcer is not None and self._announcer.trouble is not None:
            yield Warned("mdns_unavailable", f"this gateway cannot announce itself by mDNS: {self._announcer.trouble}")
        if self.source is not None and self.source.trouble is not None:
            yield Warned("mdns_unavailable", f"no peers can be found by mDNS: {self.source.trouble}")

    def _make_source(self) -> "MdnsSource":
        from discovery.mdns import MdnsSource  # noqa: PLC0415 -- as in `announce`

        aggregation = self._settings.aggregation
        return MdnsSource(
            aggregation.mdns_service,
            self._timing,
            read_interfaces=partial(self._read, interfaces_in_reach),
            scheme=aggregation.peer_scheme,
            clock=time.monotonic,
            jitter=random.Random(),  # noqa: S311 -- spreads questions in time, keeps no secret
            own=(self._identity.instance_id, self._identity.boot_id),
            networks=[ipaddress.ip_network(subnet) for subnet in aggregation.discovery_subnets],
        )

    async def _read(self, choose: Choose) -> tuple[Interface, ...]:
        return choose(await self._interfaces.look(), self._bound, self._settings.aggregation.mdns_interfaces)
