"""Whether a request that could not be answered ran out of time (504) or failed (502)."""

import pytest

from entities.hops import Hops
from peers.attempt import Attempt
from peers.errors import PeerError, PeerReason
from tests.unit.http.views import Peer, instance, record, view_of

VIEW = view_of(record("here"), Peer("b", record("bee")))
LATE = PeerError(PeerReason.HTTP_RESPONSE_TIMEOUT, "no answer before the deadline", sent=True)
BROKEN = PeerError(PeerReason.HTTP_RESPONSE_INCOMPLETE, "cut off", sent=True)


@pytest.mark.parametrize(
    ("error", "is_write", "is_timeout"),
    [(LATE, False, True), (BROKEN, False, False), (LATE, True, True), (BROKEN, True, True)],
)
def test_a_streamed_body_that_is_gone_ends_it_as_its_error_says_but_a_write_without_answer_is_always_504(
    error: PeerError, is_write: bool, is_timeout: bool
) -> None:
    attempt = Attempt(VIEW.topology, instance("bee"), Hops(), is_write=is_write, replayable=False)
    attempt.next()
    end = attempt.failed(error)
    assert end is not None
    assert (end.gap.is_timeout, end.may_have_executed) == (is_timeout, is_write)
