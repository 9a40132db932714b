"""Which of our foreign peers read us in turn, and from where: to them their own entities are not served.

An upstream gateway takes what another one lists under its own ids for that one's: it would send requests for its own
Components to us, and we would send them back. It asks all peers it can reach for `/version-info` when it is asked
itself, with our query: so a question with a token tells whether it reads us. Its copies of our entities, which carry
the tags of `entities/origin_tags.py`, tell the same, later. Source: docs/architecture.md, "Foreign gateways".
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from peers.errors import PeerError
from peers.foreign_health import ItsPeer, UpstreamHealth
from peers.horizon import Hidden
from peers.peer import Peer
from peers.request import PeerRequest
from peers.settings import ForeignSettings

ECHO_FIELD: Final = "x-medkit-echo"
"""The query field of `/version-info` that carries the token."""

MAX_HEARD: Final = 16
"""Addresses from which one question may come back, and names of ours that it may be sent to; more are not noted."""

MAX_READERS: Final = 64
"""Addresses for whose sake peers were asked, remembered; beyond, the one for which none was asked longest."""

_BODY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Question:
    """One that is under way: the addresses from which it came back, and our names that it was sent to."""

    addresses: set[str] = field(default_factory=set)
    authorities: set[str] = field(default_factory=set)


class MutualPeers:
    """Asks, hears the echoes, and remembers where each mutual peer reads us from (in the peer itself)."""

    def __init__(
        self,
        peers: Iterable[Peer],
        settings: ForeignSettings,
        *,
        new_token: Callable[[], str],
        clock: Callable[[], float],
        authorities: Iterable[str] = (),
    ) -> None:
        """`peers`: all of them, iterated anew each time; `clock`: monotonic seconds.

        `authorities`: `host:port` under which we can be reached.
        """
        self._peers = peers
        self._settings = settings
        self._new_token = new_token
        self._clock = clock
        self._authorities = frozenset(authorities)
        # Mutable: the questions under way with what was heard of each, looks begun and done, and by reader and
        # peer when that was last asked, and what its health told then.
        self._open: dict[str, _Question] = {}
        self._begun = 0
        self._done = 0
        self._asked: OrderedDict[str, dict[str, tuple[float, UpstreamHealth | None]]] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    def hear(self, token: str, address: str, authority: str) -> None:
        """A question came back to us with this token, from this address, sent to us as this `host:port`.

        Whoever sees the question can send it to us as well: that adds an address, and takes none away.
        """
        question = self._open.get(token)
        if question is not None and len(question.addresses | {address}) <= MAX_HEARD:
            question.addresses.add(address)
            if len(question.authorities) < MAX_HEARD:
                question.authorities.add(authority.lower())

    def is_us(self, peer: Peer, its_peer: ItsPeer) -> bool:
        """Whether a peer of the upstream gateway `peer` is this gateway, by its URL; not if that cannot be read.

        The name by which one gateway reads us is believed of that one alone.
        """
        return its_peer.authority in self._authorities or its_peer.authority in peer.calls_us

    def hidden_from(self, address: str) -> Hidden:
        """The foreign instances that read us from this address, and those that may read us from any."""
        foreign = [peer for peer in self._peers if peer.upstream is not None]
        known = [(peer, peer.instance) for peer in foreign if peer.instance is not None]
        return Hidden(
            proved=frozenset(instance for peer, instance in known if address in peer.reads_us_from),
            suspected=frozenset(instance for peer, instance in known if peer.may_read_us),
        )

    async def look(self, reader: str) -> None:
        """Asks every foreign peer that is not known to read us: one may be who reads us now, from address `reader`.

        Takes about as long as one question may. One look at a time, for all who wait for one; and while a peer is as
        it was, it is asked for the sake of the same reader once per `echo_pause_ms`: whoever asks us often does not
        make us ask others often.
        """
        wanted = self._begun + 1
        async with self._one_at_a_time:
            if self._done >= wanted:
                return
            unknown = [peer for peer in self._peers if peer.upstream is not None and not peer.reads_us_from]
            due = [peer for peer in unknown if peer.health.linked and not self._was_asked(reader, peer)]
            self._begun = number = self._begun + 1
            await asyncio.gather(*(self.ask(peer) for peer in due))
            self._done = number  # only now: a look that was cancelled is none
            self._note_asked(reader, due)

    def _was_asked(self, reader: str, peer: Peer) -> bool:
        at, health = self._asked.get(reader, {}).get(peer.name, (0.0, None))
        return health == peer.upstream and self._clock() - at < self._settings.echo_pause_ms / 1000

    def _note_asked(self, reader: str, peers: Sequence[Peer]) -> None:
        asked = self._asked.setdefault(reader, {})
        self._asked.move_to_end(reader)
        asked.update({peer.name: (self._clock(), peer.upstream) for peer in peers})
        if len(self._asked) > MAX_READERS:
            self._asked.popitem(last=False)

    async def ask(self, peer: Peer) -> None:
        """Asks one peer. What was known stays when it does not answer."""
        token = self._new_token()
        self._open[token] = question = _Question()
        deadline = asyncio.get_running_loop().time() + self._settings.echo_timeout_ms / 1000
        request = PeerRequest("GET", f"/api/v1/version-info?{ECHO_FIELD}={token}")
        try:
            answer = await peer.watch_client.fetch(request, deadline=deadline, cap=_BODY_BYTES)
        finally:
            del self._open[token]
        answered = not isinstance(answer, PeerError) and answer.status == 200
        if question.addresses or answered:
            peer.reads_us_from, peer.calls_us = frozenset(question.addresses), frozenset(question.authorities)
