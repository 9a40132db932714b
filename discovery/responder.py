"""zeroconf as our responder, kept from saying more than RFC 6762 allows: it would be a stranger's loudspeaker.

Alone it answers every probe and every legacy question at once, six times as long as the question, to whatever address
that bears; also to questions from beyond the network, which are none of mDNS.
"""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, Final

from zeroconf import DNSOutgoing, Zeroconf
from zeroconf.asyncio import AsyncZeroconf

from discovery.budget import Repetition, SenderBudget
from discovery.interfaces import Interface, IpAddress
from discovery.multicast import PORT, Way
from discovery.settings import MdnsSettings

_AUTHORITATIVE_RESPONSE: Final = 0x8400


class Responder(Zeroconf):
    """Speaks on some interfaces, on others from a `move` on, until its `end`."""

    def __init__(self, served: Sequence[Interface], settings: MdnsSettings, *, clock: Callable[[], float]) -> None:
        """Opens its sockets; raises OSError when it cannot. `clock`: monotonic seconds."""
        self._clock = clock
        self._answers = Repetition(settings.answer_burst, settings.answer_pause_s)
        self._askers = SenderBudget(
            burst=settings.reply_burst,
            per_s=settings.replies_per_s,
            senders=settings.max_senders,
            together=settings.askers_together,
        )
        # Mutable: where we speak; the announcement or goodbye that is being sent.
        self._served = tuple(served)
        self._announcement: DNSOutgoing | None = None
        super().__init__(interfaces=speaking_from(served))

    async def move(self, served: Sequence[Interface]) -> None:
        """Speaks on these interfaces from now on, and says there what is announced."""
        self._served = tuple(served)
        await self.async_update_interfaces(speaking_from(served))

    @property
    def ways(self) -> frozenset[Way]:
        """Where it has a socket to speak from. Where none could be opened, zeroconf does not tell."""
        spoken_from = {each.multicast_index if each.is_ipv6 else each.sock_name[0] for each in self.engine.senders}
        return frozenset(
            (one.name, address.version)
            for one in self._served
            for address in one.addresses
            if (one.index if address.version == 6 else str(address.ip)) in spoken_from
        )

    async def end(self) -> None:
        """Says goodbye for what was announced. Nothing is left open afterwards, whatever fails or is cancelled."""
        try:
            await AsyncZeroconf(zc=self).async_close()
        finally:
            self._close()
            self.engine.close()
            if (timer := self.engine._cleanup_timer) is not None:  # noqa: SLF001 -- only a close that succeeds stops it
                timer.cancel()

    def generate_service_broadcast(self, *arguments: Any, **options: Any) -> DNSOutgoing:
        """As zeroconf's, and sent without regard to what was said before."""
        self._announcement = super().generate_service_broadcast(*arguments, **options)
        return self._announcement

    def generate_unregister_all_services(self) -> DNSOutgoing | None:
        """As zeroconf's, and sent without regard to what was said before."""
        self._announcement = super().generate_unregister_all_services()
        return self._announcement

    def async_send(self, out: DNSOutgoing, addr: str | None = None, port: int = PORT, *way: Any, **ways: Any) -> None:
        """Sends a packet, or does not: an answer that was given just now, one to somebody who asks too much."""
        if out is self._announcement or not out.is_response():
            super().async_send(out, addr, port, *way, **ways)
            return
        now = self._clock()
        if addr is None:
            if self._answers.allows((record for record, _ in out.answers), now):
                super().async_send(out)
            return
        asker = ipaddress.ip_address(addr.partition("%")[0])
        if port == PORT and self._is_ours(asker):
            # Several share this port on this machine, and only one of them would get it: not the one that asked.
            self.async_send(_to_everybody(out))
        elif self._is_on_link(asker) and self._askers.allows(str(asker), 1, now):
            super().async_send(out, addr, port, *way, **ways)

    def _is_ours(self, ip: IpAddress) -> bool:
        spoken_from = (str(sender.sock_name[0]).partition("%")[0] for sender in self.engine.senders)
        told = (address.ip for interface in self._served for address in interface.addresses)
        return ip in (*told, *map(ipaddress.ip_address, spoken_from))

    def _is_on_link(self, ip: IpAddress) -> bool:
        """RFC 6762, section 11."""
        return ip.is_link_local or any(ip in one.network for interface in self._served for one in interface.addresses)


def speaking_from(served: Sequence[Interface]) -> list[str | int]:
    """As zeroconf wants it: IPv4 addresses, and the numbers of interfaces that have IPv6."""
    chosen: list[str | int] = []
    for interface in served:
        chosen += [str(address.ip) for address in interface.addresses if address.version == 4]
        if any(address.version == 6 for address in interface.addresses):
            chosen.append(interface.index)
    return chosen


def _to_everybody(reply: DNSOutgoing) -> DNSOutgoing:
    """The records of a reply to one, as an answer to all."""
    out = DNSOutgoing(_AUTHORITATIVE_RESPONSE)
    out.answers, out.additionals = reply.answers, reply.additionals
    return out
