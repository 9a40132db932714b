"""Which reason stands for what the system says."""

import errno
import ssl

import pytest

from peers.errors import PeerError, PeerReason, PeerStreamError, escaped, reason_of

TIMEOUTS = {
    PeerReason.CONNECTION_TIMEOUT,
    PeerReason.CONNECTION_READ_TIMEOUT,
    PeerReason.CONNECTION_WRITE_TIMEOUT,
    PeerReason.HTTP_RESPONSE_TIMEOUT,
    PeerReason.DNS_TIMEOUT,
}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ECONNREFUSED, "refused"), PeerReason.CONNECTION_REFUSED),
        (OSError(errno.ECONNRESET, "reset"), PeerReason.CONNECTION_TERMINATED),
        (OSError(errno.EPIPE, "pipe"), PeerReason.CONNECTION_TERMINATED),
        (None, PeerReason.CONNECTION_TERMINATED),
        (OSError(errno.ETIMEDOUT, "unacknowledged"), PeerReason.CONNECTION_READ_TIMEOUT),
        (OSError(errno.ENETUNREACH, "no network"), PeerReason.DESTINATION_IP_UNROUTABLE),
        (OSError(errno.EHOSTUNREACH, "no host"), PeerReason.DESTINATION_IP_UNROUTABLE),
        (OSError(errno.EMFILE, "too many open files"), PeerReason.CONNECTION_LIMIT_REACHED),
        (ssl.SSLCertVerificationError("self-signed"), PeerReason.TLS_CERTIFICATE_ERROR),
        (ssl.SSLError("wrong version"), PeerReason.TLS_PROTOCOL_ERROR),
    ],
)
def test_what_the_system_says_becomes_a_reason(error: BaseException | None, reason: PeerReason) -> None:
    assert reason_of(error) is reason


@pytest.mark.parametrize("reason", PeerReason)
def test_only_reasons_of_time_are_timeouts(reason: PeerReason) -> None:
    assert PeerError(reason, "").is_timeout is (reason in TIMEOUTS)


@pytest.mark.parametrize("reason", PeerReason)
def test_reasons_on_the_wire_are_their_names_in_lower_case(reason: PeerReason) -> None:
    assert reason.value == reason.name.lower()


def test_a_broken_stream_says_why() -> None:
    error = PeerError(PeerReason.CONNECTION_TERMINATED, "the peer has gone")
    assert str(PeerStreamError(error)) == "connection_terminated: the peer has gone"


def test_a_peers_text_is_shown_escaped_and_cut() -> None:
    assert escaped("caf\xe9\n\x1b[2J") == r"'caf\xe9\n\x1b[2J'"
    assert escaped("x" * 81) == f"'{'x' * 80}'..."
