"""News of faults survive the way between gateways; what is none is refused with the reason."""

from typing import Any

import pytest

from entities.model import EntityKind
from peers.fault_news import MAX_NEWS_BYTES, FaultNews, InvalidNewsError, member_of, parse_news, render_news

ORIGIN = "A" * 22
FAULT = {"fault_code": "P_LOW", "severity": 2, "status": "CONFIRMED", "reporting_sources": ["/x/pump"]}
EVENT = {"event_type": "fault_confirmed", "fault": FAULT, "timestamp": 1.5, "auto_cleared_codes": ["X"]}


def test_news_are_read_as_they_were_told() -> None:
    news = FaultNews(ORIGIN, 7, 3, EVENT, "apps/pump")
    data = render_news(news)
    assert data is not None
    assert parse_news(data) == news
    alone = FaultNews(ORIGIN, 7, 4, {**EVENT, "x-medkit": {"more": 1}})
    assert parse_news(render_news(alone) or "") == alone


def test_news_that_are_too_large_are_not_told() -> None:
    large = {**EVENT, "fault": {**FAULT, "description": "x" * MAX_NEWS_BYTES}}
    assert render_news(FaultNews(ORIGIN, 7, 3, large)) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"origin": "short"}, "origin"),
        ({"seq": 0}, "out of range"),
        ({"epoch": -1}, "out of range"),
        ({"seq": 2**60}, "out of range"),
        ({"seq": "1"}, "Expected `int`"),
        ({"member": "pump"}, "member"),
        ({"member": "bricks/pump"}, "member"),
        ({"member": "apps/../x"}, "member"),
        ({"event": {}}, "no change"),
        ({"event": {**EVENT, "event_type": "fault_invented"}}, "no change"),
        ({"event": {**EVENT, "fault": []}}, "no change"),
        ({"event": {**EVENT, "timestamp": "now"}}, "timestamp"),
        ({"event": {**EVENT, "auto_cleared_codes": [1]}}, "auto_cleared_codes"),
        ({"event": {**EVENT, "fault": {**FAULT, "severity": True}}}, "severity"),
        ({"event": {**EVENT, "fault": {**FAULT, "reporting_sources": "x"}}}, "reporting_sources"),
        ({"event": {**EVENT, "fault": {**FAULT, "reporting_sources": [None]}}}, "reporting_sources"),
        ({"event": {**EVENT, "fault": {**FAULT, "fault_code": None}}}, "fault_code"),
    ],
)
def test_what_is_no_news_is_refused(change: dict[str, Any], why: str) -> None:
    told = {"origin": ORIGIN, "epoch": 7, "seq": 3, "event": EVENT, "member": "apps/pump", **change}
    with pytest.raises(InvalidNewsError, match=why):
        parse_news(_json(told))


@pytest.mark.parametrize("data", ["", "[]", "nonsense", "[" * 5000])
def test_what_is_no_json_is_refused(data: str) -> None:
    with pytest.raises(InvalidNewsError):
        parse_news(data)


def test_a_member_is_an_entity_by_kind_and_id() -> None:
    assert member_of("apps/pump") == (EntityKind.APP, "pump")
    assert member_of("components/ecu-1") == (EntityKind.COMPONENT, "ecu-1")
    assert member_of("apps/") is None


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
