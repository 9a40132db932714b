"""Peers listed in DNS: SRV records, or the addresses of one name; asked again when the answer grows old."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception

from discovery.dns_answer import MAX_RECORDS, Record, Reply
from discovery.dns_query import DnsQuery
from discovery.dns_server import BoundedNameserver
from discovery.endpoint import FoundBy
from discovery.source import Found, Reading

RESOLV_CONF: Final = Path("/etc/resolv.conf")
"""Where the system names its DNS servers."""

_LEFT_OUT: Final = f"its answer has {MAX_RECORDS} records or more, and no more are read"

_Place = tuple[str, str, int]
"""What to call it, its host, its port."""


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """How often DNS is asked."""

    timeout_ms: int = 5_000
    """Of one question, all servers and repetitions together."""
    min_ttl_ms: int = 5_000
    """An answer is used at least this long, whatever its TTL is."""
    max_ttl_ms: int = 300_000
    """An answer is used at most this long."""
    retry_ms: int = 5_000
    """After a question that failed."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One good answer: where the peers are, and for how many seconds this holds."""

    places: tuple[_Place, ...]
    ttl_s: float
    is_full: bool = False
    """There may have been more."""


class DnsSource:
    """The peers that one query leads to."""

    def __init__(
        self,
        query: DnsQuery,
        *,
        scheme: str,
        servers: Sequence[tuple[str, int]] = (),
        settings: DnsSettings | None = None,
        system: Path = RESOLV_CONF,
    ) -> None:
        """`scheme` of the URLs: http or https. `servers`: asked instead of those of `system`, as (address, port)."""
        self._query = query
        self._scheme = scheme
        self._servers = tuple(servers)
        self._settings = settings or DnsSettings()
        self._system = system
        # Mutable: the last good answer of every record type.
        self._good: dict[str, _Answer] = {}

    @property
    def name(self) -> str:
        """As the peers page shows it."""
        return f"dns:{self._query}"

    async def run(self, publish: Callable[[Reading], None]) -> None:
        """Asks now, and again whenever the answer is too old, or after a pause when there was none."""
        while True:
            trouble = await self._look()
            places = {place: None for answer in self._good.values() for place in answer.places}
            found = tuple(self._found(*place) for place in places)
            is_full = any(answer.is_full for answer in self._good.values())
            publish(Reading(found, trouble, _LEFT_OUT if is_full else None))
            await asyncio.sleep(self._settings.retry_ms / 1000 if trouble else self._freshness_s())

    async def _look(self) -> str | None:
        """Takes the answers; says what went wrong, where the answers before stay."""
        types = ("SRV",) if self._query.port is None else ("A", "AAAA")
        outcomes = dict(zip(types, await asyncio.gather(*map(self._ask, types)), strict=True))
        troubles = [outcome for outcome in outcomes.values() if isinstance(outcome, str)]
        good = self._good | {kind: answer for kind, answer in outcomes.items() if isinstance(answer, _Answer)}
        if any(answer.places for answer in good.values()):
            self._good = good
        elif not troubles:  # a zone that is just being loaded, pods that all start: no reason to lose everybody
            troubles = [f"{self._query.name} has no {' or '.join(types)} records"]
        return "; ".join(troubles) or None

    def _freshness_s(self) -> float:
        """How long the answers may be used."""
        least, most = self._settings.min_ttl_ms / 1000, self._settings.max_ttl_ms / 1000
        return min(max(min(answer.ttl_s for answer in self._good.values() if answer.places), least), most)

    async def _ask(self, record_type: str) -> _Answer | str:
        """One question; what went wrong as text."""
        try:
            resolver = await asyncio.to_thread(self._resolver)
            answer = await resolver.resolve(
                self._query.name,
                record_type,
                raise_on_no_answer=False,
                search=True,
                lifetime=self._settings.timeout_ms / 1000,
            )
        except (dns.exception.DNSException, OSError, ValueError) as error:  # ValueError: of a mistaken resolv.conf
            why = " ".join(str(error).split()) or type(error).__name__
            return f"{record_type} of {self._query.name}: {why}"
        records = answer.response.records if isinstance(answer.response, Reply) else ()
        places = sorted({place for record in records if (place := self._place(record)) is not None})
        ttl_s = float(min((record.ttl for record in records), default=0))
        return _Answer(tuple(places), ttl_s, len(records) >= MAX_RECORDS)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """Made anew for every question, so that another network's servers are taken up. Reads files: for a thread."""
        resolver = dns.asyncresolver.Resolver(filename=str(self._system), configure=not self._servers)
        servers = self._servers or [(str(address), resolver.port) for address in resolver.nameservers]
        resolver.nameservers = [BoundedNameserver(address, port) for address, port in servers]
        return resolver

    def _place(self, record: Record) -> _Place | None:
        """Where a record leads: what to call it, host, port. None: a service that is said not to be there."""
        match record.value:
            case (host, port):
                return None if host in ("", ".") else (host.partition(".")[0], host.lower(), port)
            case str(address):
                label = self._query.name.partition(".")[0]
                host = f"[{address}]" if ":" in address else address
                return f"{label}-{re.sub('[.:]+', '-', address)}", host, self._query.port or 0
            case _:
                return None

    def _found(self, name: str, host: str, port: int) -> Found:
        return Found(name, f"{self._scheme}://{host}:{port}", FoundBy.DNS)
