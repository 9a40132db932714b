"""What is heard on the fault stream of an upstream gateway: it becomes news, as if that gateway told them itself."""

from typing import Any, Final

import structlog

from entities.jsontext import InvalidJsonError, parse_json
from entities.model import EntityKind, GatewayTree
from peers.eventlink import LONGEST_ID, EventLinkSettings, Hearer
from peers.eventtext import ServerEvent
from peers.fault_exchange import FaultExchange
from peers.fault_news import MAX_NEWS_BYTES, InvalidNewsError, check_event, member_of
from peers.peer import Peer

STREAM_PATH: Final = "/api/v1/faults/stream"

FOREIGN_LINE: Final = EventLinkSettings(open_timeout_ms=2_000, idle_ms=75_000, retry_ms=2_000, refused_ms=30_000)
"""An upstream gateway says something every 30 s, and has two streams for everybody by default."""

_TOLD: Final = ("event_type", "fault", "timestamp", "auto_cleared_codes")

log = structlog.get_logger("peers")


class ForeignLine:
    """The stream goes on after its last event, as long as the gateway there remembers it."""

    def __init__(self, peer: Peer, faults: FaultExchange) -> None:
        self._peer = peer
        self._faults = faults
        # Mutable: the id of the last event.
        self._last_id = ""

    @property
    def path(self) -> str:
        return STREAM_PATH

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Last-Event-ID", self._last_id),) if self._last_id else ()

    def hear(self, event: ServerEvent) -> None:
        if event.last_id.isdecimal() and event.last_id.isascii() and len(event.last_id) <= LONGEST_ID:
            self._last_id = event.last_id
        instance, held = self._peer.instance, self._peer.held
        if instance is None or held is None:
            return
        try:
            told = parse_json(event.data.encode(), max_bytes=MAX_NEWS_BYTES)
            check_event(told)
        except (InvalidJsonError, InvalidNewsError) as error:
            log.debug("upstream peer told what is no change of a fault", peer=self._peer.name, why=str(error))
            return
        record = next((one for one in held.document.records if one.id == instance), None)
        tree = GatewayTree() if record is None else record.tree
        self._faults.take_foreign(
            instance, {name: told[name] for name in _TOLD if name in told}, reporter_of(told, tree)
        )

    def turned(self, *, is_open: bool) -> None:
        del is_open
        self._faults.look_at_silence()


def reporter_of(event: dict[str, Any], tree: GatewayTree) -> str | None:
    """The entity that reports: as the event says, else the one App that stands for all of its reporting sources."""
    medkit = event.get("x-medkit")
    if isinstance(medkit, dict):
        named = f"{medkit.get('entity_type')}/{medkit.get('entity_id')}"
        entity = member_of(named)
        if entity is not None and tree.find(*entity) is not None:
            return named
    sources = set(event["fault"]["reporting_sources"])
    apps = [app.id for app in tree.apps if sources and sources <= {app.id, app.node}]
    return f"{EntityKind.APP.value}/{apps[0]}" if len(apps) == 1 else None


_: type[Hearer] = ForeignLine
