"""Making this gateway known by mDNS. Off by default. zeroconf does the protocol: probing, renaming, answering.

Upstream's questions from ports of their own are answered too, with PTR and SRV.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from zeroconf import Error, ServiceInfo
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from discovery.interfaces import Interface
from discovery.mdns import ReadInterfaces
from discovery.multicast import try_port
from discovery.records import Announcement, service_type
from discovery.settings import MdnsSettings
from discovery.trouble import HEADLINE, NO_INTERFACE, explain

log = structlog.get_logger("discovery")

_FAILURES = (OSError, RuntimeError, Error, TimeoutError)
"""What zeroconf raises when it cannot work; RuntimeError: the address it was told of is gone."""


class Announcer:
    """Announces one gateway until cancelled, then says goodbye."""

    def __init__(
        self,
        service: str,
        announcement: Announcement,
        settings: MdnsSettings,
        *,
        read_interfaces: ReadInterfaces,
        clock: Callable[[], float],
    ) -> None:
        """`service`: `aggregation.mdns_service`; `read_interfaces`: where to announce, with the addresses to tell."""
        self._service = service_type(service)
        self._announcement = announcement
        self._settings = settings
        self._read_interfaces = read_interfaces
        self._clock = clock
        # Mutable: zeroconf while it works, the name we have got and where we are announced; why it does not work.
        self._zeroconf: AsyncZeroconf | None = None
        self._label = announcement.label
        self._served: tuple[Interface, ...] = ()
        self._announced = False
        self._trouble: str | None = None
        self._retry_at = 0.0

    @property
    def trouble(self) -> str | None:
        """Why nothing is announced; None when it is."""
        return self._trouble

    @property
    def is_announced(self) -> bool:
        """Whether it has been said, whole and under a name of our own."""
        return self._announced

    async def run(self) -> None:
        """Announces until cancelled. Never fails: what does is its trouble, and it is tried again."""
        try:
            while True:
                await self._follow(await self._read_interfaces())
                await asyncio.sleep(self._settings.interfaces_s)
        finally:
            await self._close()

    async def _follow(self, served: tuple[Interface, ...]) -> None:
        """Announces on the interfaces as they are now, if they changed or it is time to try again."""
        changed, self._served = served != self._served, served
        if not changed and (self._zeroconf is not None or self._clock() < self._retry_at):
            return
        try:
            if not served:
                await self._close()
                raise OSError(NO_INTERFACE)
            if self._zeroconf is None:
                await self._announce(served)
            else:
                await self._announce_anew(self._zeroconf, served)
        except _FAILURES as error:
            self._retry_at = self._clock() + self._settings.retry_s
            self._say(explain(error))
            await self._close()
        else:
            self._say(None)

    async def _announce(self, served: Sequence[Interface]) -> None:
        try_port()
        self._zeroconf = AsyncZeroconf(interfaces=_speaking_from(served))
        self._label = self._announcement.label
        info = self._records(served)
        # The second await is until it has been said three times.
        await (await self._zeroconf.async_register_service(info, allow_name_change=True, strict=False))
        self._label = info.name.removesuffix(f".{self._service}")
        if self._label != self._announcement.label:
            log.info("mdns name in use by another", wanted=self._announcement.label, taken=self._label)
        self._announced = True
        log.info("announced by mdns", name=self._label, addresses=info.parsed_addresses())

    async def _announce_anew(self, zeroconf: AsyncZeroconf, served: Sequence[Interface]) -> None:
        """Under the name that we have got, with the addresses of now."""
        info = self._records(served)
        said = await zeroconf.async_update_service(info)
        await zeroconf.async_update_interfaces(_speaking_from(served))
        await said
        log.info("announced by mdns anew", name=self._label, addresses=info.parsed_addresses())

    def _records(self, served: Sequence[Interface]) -> ServiceInfo:
        return AsyncServiceInfo(
            self._service,
            f"{self._label}.{self._service}",
            port=self._announcement.port,
            properties=self._announcement.text,
            server=self._announcement.host,
            parsed_addresses=[str(address.ip) for interface in served for address in interface.addresses],
        )

    async def _close(self) -> None:
        """Says goodbye, if there is a way to say it."""
        zeroconf, self._zeroconf = self._zeroconf, None
        self._announced = False
        if zeroconf is not None:
            with suppress(*_FAILURES):
                await zeroconf.async_close()

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            log.error(HEADLINE, cause=trouble, retry_s=self._settings.retry_s)
        elif trouble is None and self._trouble is not None:
            log.info("announcing by mdns works again")
        self._trouble = trouble


def _speaking_from(served: Sequence[Interface]) -> list[str | int]:
    """As zeroconf wants it: IPv4 addresses, and the numbers of interfaces that have IPv6."""
    chosen: list[str | int] = []
    for interface in served:
        chosen += [str(address.ip) for address in interface.addresses if address.version == 4]
        if any(address.version == 6 for address in interface.addresses):
            chosen.append(interface.index)
    return chosen
