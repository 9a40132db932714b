"""Making this gateway known by mDNS. Off by default. zeroconf does the protocol: probing, renaming, answering.

Upstream's questions from ports of their own are answered too, with PTR and SRV.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog
from zeroconf import Error, NonUniqueNameException, ServiceInfo
from zeroconf.asyncio import AsyncServiceInfo

from discovery.interfaces import Interface, wait_for_trials
from discovery.mdns import ReadInterfaces
from discovery.multicast import Way, try_port, try_to_speak
from discovery.records import Announcement, numbered_label, service_type
from discovery.responder import Responder
from discovery.settings import MdnsSettings
from discovery.trouble import HEADLINE, NO_INTERFACE, PARTLY, explain, explain_partly

log = structlog.get_logger("discovery")

_FAILURES = (OSError, RuntimeError, Error, TimeoutError)
"""What zeroconf raises when it cannot work; RuntimeError: the address it was told of is gone."""


class NamesInUseError(Error):
    """Whatever we would like to be called, somebody says that it is his name."""


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
        # Mutable: the responder while it works, the name we have got and where we are announced; where we cannot be;
        # why it does not work.
        self._responder: Responder | None = None
        self._label = announcement.label
        self._served: tuple[Interface, ...] = ()
        self._announced = False
        self._silent: Mapping[Way, OSError] = {}
        self._trouble: str | None = None
        self._headline: str | None = None
        self._retry_at = 0.0

    @property
    def trouble(self) -> str | None:
        """Why nothing is announced, or not everywhere; None when it is."""
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
                on_trial = any(one.on_trial for one in self._served)
                await asyncio.sleep(self._settings.trial_s if on_trial else self._settings.interfaces_s)
        finally:
            await self._close()

    async def _follow(self, served: tuple[Interface, ...]) -> None:
        """Announces on the interfaces as they are now, if they changed or it is time to try again."""
        if wait_for_trials(served):
            self._served = served
            return
        changed, self._served = served != self._served, served
        works = self._responder is not None and not self._silent
        if not changed and (works or self._clock() < self._retry_at):
            return
        try:
            if not served:
                await self._close()
                raise OSError(NO_INTERFACE)
            if self._responder is None:
                await self._announce(served)
            else:
                await self._announce_anew(self._responder, served, changed=changed)
        except NamesInUseError as error:
            self._say(str(error), "mdns name in use by others")
            await self._close()
        except _FAILURES as error:
            self._say(explain(error))
            await self._close()
        else:
            self._say(explain_partly(self._silent), PARTLY)
        finally:
            self._retry_at = self._clock() + self._settings.retry_s

    async def _announce(self, served: Sequence[Interface]) -> None:
        try_port()
        tried = try_to_speak(served)
        self._responder = Responder(_speakable(served, tried), self._settings, clock=self._clock)
        info = await self._take_name(self._responder, served)
        self._silent = _silent(tried, self._responder.ways)
        if self._label != self._announcement.label:
            log.info("mdns name in use by another", wanted=self._announcement.label, taken=self._label)
        self._announced = True
        log.info("announced by mdns", name=self._label, addresses=info.parsed_addresses())

    async def _take_name(self, responder: Responder, served: Sequence[Interface]) -> ServiceInfo:
        """Announces under the wanted name, or with the lowest number that nobody has; then it is our label."""
        wanted, most = self._announcement.label, self._settings.most_names
        for self._label in (wanted, *(numbered_label(wanted, number) for number in range(2, most + 1))):
            info = self._records(served)
            # Heard while the names before were tried. The numbers are ours: zeroconf makes names that are too long.
            if responder.cache.current_entry_with_name_and_alias(info.type, info.name):
                continue
            with suppress(NonUniqueNameException):
                # The second await is until it has been said three times.
                await (await responder.async_register_service(info, strict=False))
                return info
        raise NamesInUseError(
            f"somebody on this network has the name {wanted!r}, {numbered_label(wanted, 2)!r} and so on to {most}: "
            "set aggregation.mdns_name to another name"
        )

    async def _announce_anew(self, responder: Responder, served: Sequence[Interface], *, changed: bool) -> None:
        """Under the name that we have got, with the addresses of now; on the ways that there are now."""
        tried = try_to_speak(served)
        speakable, info = _speakable(served, tried), self._records(served)
        responder.registry.async_update(info)  # before the move, which announces it where nothing was said yet
        await responder.move(speakable)
        before, self._silent = self._silent, _silent(tried, responder.ways)
        if changed or before.keys() - self._silent.keys():
            await (await responder.async_update_service(info))
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
        responder, self._responder = self._responder, None
        self._announced = False
        if responder is not None:
            with suppress(*_FAILURES):
                await responder.end()

    def _say(self, trouble: str | None, headline: str = HEADLINE) -> None:
        if trouble is not None and headline != self._headline:
            log.error(headline, cause=trouble, retry_s=self._settings.retry_s)
        elif trouble is None and self._trouble is not None:
            log.info("announcing by mdns works again")
        self._trouble, self._headline = trouble, None if trouble is None else headline


def _speakable(served: Sequence[Interface], tried: Mapping[Way, OSError | None]) -> tuple[Interface, ...]:
    """`served` without what nothing can be sent from. Raises OSError when nothing is left."""
    works = {way for way, error in tried.items() if error is None}
    left = tuple(
        replace(one, addresses=tuple(each for each in one.addresses if (one.name, each.version) in works))
        for one in served
    )
    if any(one.addresses for one in left):
        return left
    raise next(filter(None, tried.values()), OSError(NO_INTERFACE))


def _silent(tried: Mapping[Way, OSError | None], ways: frozenset[Way]) -> dict[Way, OSError]:
    """Where nothing is said, and why. Raises OSError when that is everywhere."""
    unopened = OSError("no socket could be opened (on more than 20 interfaces: raise net.ipv4.igmp_max_memberships)")
    silent = {way: error or unopened for way, error in tried.items() if way not in ways}
    if tried and len(silent) == len(tried):
        raise next(iter(silent.values()))
    return silent
