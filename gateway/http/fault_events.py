"""Changes of faults as clients read them, with ids as they are called here (docs/api.md, "The fault stream").

Clients of ros2_medkit take every event for a change of a fault. So what does not arrive is told in comments, and in
events only to those who ask for them.
"""

from typing import Any, assert_never

from entities.jsontext import render_json
from gateway.http.translate import reported_as
from peers.fault_exchange import KEPT, Entry, NewsLost, SilenceChanged
from peers.fault_news import FaultNews, member_of
from peers.view import FederatedView


class FaultEvents:
    """Renders entries; those of the newest view are kept for the next reader."""

    def __init__(self) -> None:
        # Mutable: the events of one view, by number.
        self._view: FederatedView | None = None
        self._kept: dict[int, bytes] = {}

    def text(self, number: int, entry: Entry, view: FederatedView, *, own_only: bool, as_event: bool) -> bytes:
        """What a client reads of an entry; empty for what it does not want to know."""
        match entry:
            case FaultNews():
                return b"" if own_only and entry.origin != view.self_id else self._change(number, entry, view)
            case NewsLost(label, count):
                return b"" if own_only else self.gap(count, label, as_event=as_event)
            case SilenceChanged(label, silent):
                return b"" if own_only else self.silence(label, silent=silent, as_event=as_event)
            case _:
                assert_never(entry)

    @staticmethod
    def gap(count: int, label: str | None = None, *, as_event: bool) -> bytes:
        """Changes that will not come; `count` 0: nobody knows how many."""
        told: dict[str, Any] = {**({"missed": count} if count else {}), **({"peer": label} if label else {})}
        return _notice("gap", told, as_event=as_event)

    @staticmethod
    def silence(label: str, *, silent: bool, as_event: bool) -> bytes:
        """A gateway whose changes do not arrive any more, or do again."""
        return _notice("peer", {"peer": label, "state": "silent" if silent else "back"}, as_event=as_event)

    def _change(self, number: int, news: FaultNews, view: FederatedView) -> bytes:
        if view is not self._view or len(self._kept) >= KEPT:
            self._view = view
            self._kept.clear()
        found = self._kept.get(number)
        if found is None:
            found = self._kept[number] = _render(number, news, view)
        return found


def _render(number: int, news: FaultNews, view: FederatedView) -> bytes:
    medkit: dict[str, Any] = {}
    event = news.event
    member = None if news.member is None else member_of(news.member)
    if member is not None:
        kind, own_id = member
        here = view.id_here(kind, news.origin, own_id)
        medkit |= {"entity_type": kind.value, "entity_id": here}
        event = {**event, "fault": reported_as(event["fault"], own_id, here)}
    medkit["origin"] = news.origin
    peer = view.first_peer(news.origin)
    if peer is not None:
        medkit["source"] = f"peer:{peer}"
    data = render_json({**event, "x-medkit": medkit})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, str(news.event["event_type"]).encode(), data)


def _notice(name: str, told: dict[str, Any], *, as_event: bool) -> bytes:
    data = render_json(told)
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data) if as_event else b": %s %s\n\n" % (name.encode(), data)
