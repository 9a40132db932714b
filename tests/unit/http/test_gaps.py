"""What is missing is named, once, and a client may ask for all or nothing."""

import pytest

from entities.model import App
from gateway.http.gaps import gap_marks, gap_of, gap_of_peer, gaps_among, wants_strict
from peers.view import Gap
from tests.unit.http.views import Peer, instance, record, view_of


def test_a_whole_answer_has_no_marks() -> None:
    assert gap_marks([]) == {}


def test_every_gap_is_told_with_its_peer_named_once() -> None:
    gaps = [Gap("b", "connection_refused", elapsed_ms=3), Gap("b", "http_request_error", status=500), Gap("c", "auth")]
    assert gap_marks(gaps) == {
        "partial": True,
        "failed_peers": ["b", "c"],
        "peer_errors": [
            {"peer": "b", "reason": "connection_refused", "elapsed_ms": 3},
            {"peer": "b", "reason": "http_request_error", "status": 500, "elapsed_ms": 0},
            {"peer": "c", "reason": "auth", "elapsed_ms": 0},
        ],
    }


def test_only_gaps_of_gateways_that_matter_are_kept() -> None:
    gaps = [Gap("b", "auth", "B"), Gap("c", "auth", "C"), Gap("never_reached", "auth")]
    assert [gap.label for gap in gaps_among(gaps, {"C", "D"})] == ["c"]


def test_a_silent_gateway_is_told_with_the_reason_of_the_view_but_never_as_a_timeout() -> None:
    view = view_of(record("here"), Peer("b", record("bee", App("cam")), up=False))
    assert gap_of(view, instance("bee")) == Gap("b", "connection_refused", instance("bee"), elapsed_ms=3)
    assert not gap_of(view, instance("bee")).is_timeout


def test_a_gateway_the_view_has_no_gap_for_is_unavailable() -> None:
    view = view_of(record("here"), Peer("b", record("bee")))
    assert gap_of(view, instance("bee")) == Gap("b", "destination_unavailable", instance("bee"))


def test_a_peer_that_was_never_reached_has_a_gap_by_its_name() -> None:
    view = view_of(record("here"), Peer("b", None, up=False))
    assert gap_of_peer(view, "b") == Gap("b", "connection_refused", elapsed_ms=3)


@pytest.mark.parametrize(
    ("headers", "strict"),
    [
        ([], False),
        (["handling=strict"], True),
        (["Handling = STRICT"], True),
        (['handling="strict"'], True),
        (["respond-async, handling=strict; x=y"], True),
        (["wait=2", "handling=strict"], True),
        (["handling=lenient"], False),
        (["handling=lenient, handling=strict"], False),
        (["handling"], False),
        (["strict"], False),
    ],
)
def test_strict_handling_is_read_as_preferences_are_written(headers: list[str], strict: bool) -> None:
    assert wants_strict(headers) is strict
