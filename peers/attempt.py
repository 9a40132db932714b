"""Decides, for one request toward one gateway, whom to ask next and what an answer means. No I/O.

A read goes on to its next way after any failure on the way; a write only if it cannot have been executed: the
connection failed, or the answer was 421, 508 or one that says it was never sent. Source: docs/architecture.md,
"Forwarding".
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from entities.hops import Hops, parse_tried
from entities.routes import MAX_HOPS, Topology
from peers.errors import PeerError, PeerReason, told_reason
from peers.view import Gap

NEVER_SENT: Final = frozenset(
    {
        PeerReason.NO_ROUTE,
        PeerReason.LOOP_DETECTED,
        PeerReason.CONNECTION_REFUSED,
        PeerReason.CONNECTION_TIMEOUT,
        PeerReason.CONNECTION_LIMIT_REACHED,
        PeerReason.DNS_ERROR,
        PeerReason.DNS_TIMEOUT,
        PeerReason.DESTINATION_IP_PROHIBITED,
        PeerReason.DESTINATION_IP_UNROUTABLE,
        PeerReason.DESTINATION_UNAVAILABLE,
        PeerReason.DRAINING,
        PeerReason.HTTP_REQUEST_DENIED,
        PeerReason.TLS_CERTIFICATE_ERROR,
        PeerReason.TLS_PROTOCOL_ERROR,
        PeerReason.NOT_ASKED,
        PeerReason.AUTH,
    }
)
"""Reasons that prove the owner never saw the request."""


class Step(msgspec.Struct, frozen=True):
    """Ask this peer, the gateway `instance`, with these hops."""

    peer: str
    instance: str
    hops: Hops


class GiveUp(msgspec.Struct, frozen=True):
    """No answer can be had. `may_have_executed`: a write may have reached the owner."""

    gap: Gap
    tried: tuple[str, ...]
    may_have_executed: bool = False


class Attempt:
    """One request on its way: made once, stepped until an answer is delivered or it gives up."""

    def __init__(self, topology: Topology, target: str, hops: Hops, *, is_write: bool, replayable: bool = True) -> None:
        """`hops` as received (empty for a client's request); `replayable`: the body can be sent a second time."""
        self._topology = topology
        self._target = target
        self._incoming = hops
        self._via = (*hops.via, topology.self_id)
        self._is_write = is_write
        self._replayable = replayable
        # Mutable: what was tried, the step under way, the last failure.
        self._tried: dict[str, None] = dict.fromkeys(hops.tried)
        self._failed_peers: set[str] = set()
        self._step: Step | None = None
        self._last: Gap | None = None

    def next(self) -> Step | GiveUp:
        """Whom to ask now."""
        if len(self._via) > MAX_HOPS:
            return self._give_up(self._gap(PeerReason.LOOP_DETECTED, status=508))
        way = self._topology.way_to(
            self._target,
            avoid=frozenset((*self._via, *self._tried)),
            avoid_peers=frozenset(self._failed_peers),
        )
        if way is None:
            return self._give_up(self._last or self._gap(PeerReason.NO_ROUTE))
        self._step = Step(
            peer=way.first_peer,
            instance=way.instances[0],
            hops=replace(
                self._incoming, via=self._via, target=self._target, to=way.instances[0], tried=tuple(self._tried)
            ),
        )
        return self._step

    def failed(self, error: PeerError) -> GiveUp | None:
        """The step's exchange failed: None to go on with `next`, or the end."""
        self._last = self._gap(
            error.reason, status=error.status, elapsed_ms=error.elapsed_ms, is_timeout=error.is_timeout
        )
        if self._step is not None:
            # Only our own link is known to be broken: others may still reach the gateway at its end.
            self._failed_peers.add(self._step.peer)
        if error.sent and (self._is_write or not self._replayable):
            unknown = replace(self._last, is_timeout=self._is_write or error.is_timeout)
            return self._give_up(unknown, may_have_executed=self._is_write)
        return None

    def answered(self, status: int, reason: str | None, tried: str | None) -> GiveUp | bool:
        """The step's answer: True to deliver it, False to go on with `next`, or the end.

        `reason` and `tried` are its X-Medkit-Reason and X-Medkit-Tried; only a gateway that could not reach the
        owner sends the former.
        """
        if status not in (421, 508) and (reason is None or status < 500):
            return True
        was_sent = status not in (421, 508) and reason not in NEVER_SENT  # a word that is none proves nothing
        self._last = self._gap_told(status, None if reason is None else told_reason(reason))
        self._tried.update(dict.fromkeys(parse_tried(tried)))
        self._leave_out()
        if self._is_write and was_sent:
            return self._give_up(replace(self._last, is_timeout=True), may_have_executed=True)
        if not self._replayable:
            return self._give_up(self._last)
        return False

    def refused(self, status: int) -> GiveUp | bool:
        """The step's gateway does not let us in: False to go on with `next`, or the end. Nothing was executed."""
        self._last = self._gap(PeerReason.AUTH, status=status)
        self._leave_out()
        return False if self._replayable else self._give_up(self._last)

    def out_of_time(self) -> GiveUp:
        """The deadline passed before the next step could be taken."""
        return self._give_up(self._last or self._gap(PeerReason.NOT_ASKED, is_timeout=True))

    def _leave_out(self) -> None:
        if self._step is None:
            return
        self._failed_peers.add(self._step.peer)
        if self._step.instance != self._target:
            self._tried[self._step.instance] = None

    def _gap_told(self, status: int, reason: str | None) -> Gap:
        known = {421: PeerReason.HTTP_REQUEST_DENIED, 508: PeerReason.LOOP_DETECTED}
        return Gap(
            label=self._topology.label(self._target),
            reason=reason or known[status].value,
            instance=self._target,
            status=status,
            tried=tuple(self._tried),
            is_timeout=status == 504,
        )

    def _gap(
        self, reason: PeerReason, *, status: int | None = None, elapsed_ms: int = 0, is_timeout: bool = False
    ) -> Gap:
        return Gap(
            label=self._topology.label(self._target),
            reason=reason.value,
            instance=self._target,
            status=status,
            elapsed_ms=elapsed_ms,
            tried=tuple(self._tried),
            is_timeout=is_timeout,
        )

    def _give_up(self, gap: Gap, *, may_have_executed: bool = False) -> GiveUp:
        tried = tuple(dict.fromkeys((*self._tried, self._topology.self_id)))
        if may_have_executed and gap.reason in NEVER_SENT:
            # The word would tell the gateway that asked us that it may send the write another way.
            gap = replace(gap, reason=PeerReason.CONNECTION_TERMINATED.value)
        return GiveUp(replace(gap, tried=tried), tried, may_have_executed)
