"""What can go wrong between us and a peer, as values; and the one table that translates the system's exceptions.

The words are those of RFC 9209 (Proxy-Status, section 2.3) with underscores, and a few of ours.
"""

import errno
import re
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SHOWN_BYTES = 80  # of a peer's own bytes, enough to recognise what spoke there


class PeerReason(StrEnum):
    """Why an exchange with a peer failed. The values go on the wire."""

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_TERMINATED = "connection_terminated"
    CONNECTION_READ_TIMEOUT = "connection_read_timeout"
    CONNECTION_WRITE_TIMEOUT = "connection_write_timeout"
    CONNECTION_LIMIT_REACHED = "connection_limit_reached"
    """Ours, not the peer's: no free slot before the deadline, or no file descriptor left."""

    DNS_ERROR = "dns_error"
    DNS_TIMEOUT = "dns_timeout"
    DESTINATION_IP_PROHIBITED = "destination_ip_prohibited"
    DESTINATION_IP_UNROUTABLE = "destination_ip_unroutable"
    DESTINATION_UNAVAILABLE = "destination_unavailable"
    """The peer is known to be silent and was not asked."""

    HTTP_RESPONSE_TIMEOUT = "http_response_timeout"
    HTTP_RESPONSE_INCOMPLETE = "http_response_incomplete"
    HTTP_RESPONSE_HEADER_SIZE = "http_response_header_size"
    HTTP_RESPONSE_BODY_SIZE = "http_response_body_size"
    HTTP_RESPONSE_CONTENT_CODING = "http_response_content_coding"
    HTTP_RESPONSE_TRANSFER_CODING = "http_response_transfer_coding"
    HTTP_PROTOCOL_ERROR = "http_protocol_error"
    HTTP_REQUEST_DENIED = "http_request_denied"
    """The peer says that it is not the one the request was meant for (421)."""

    HTTP_REQUEST_ERROR = "http_request_error"
    """Another status than 2xx where only a 2xx is of use."""

    TLS_CERTIFICATE_ERROR = "tls_certificate_error"
    TLS_PROTOCOL_ERROR = "tls_protocol_error"

    DRAINING = "draining"
    """Its `/health` says that it is about to stop."""

    INVALID_JSON = "invalid_json"
    LOOP_DETECTED = "loop_detected"
    NOT_ASKED = "not_asked"
    NO_ROUTE = "no_route"
    AUTH = "auth"
    NOT_GROVE = "not_grove"
    PEER_LIMIT_EXCEEDED = "peer_limit_exceeded"
    """It has more entities than are taken from one peer, or, being an upstream gateway, than its kind can serve."""


_BROKEN_LINE = frozenset({PeerReason.CONNECTION_REFUSED, PeerReason.CONNECTION_TERMINATED})

_TIMEOUTS = frozenset(
    {
        PeerReason.CONNECTION_TIMEOUT,
        PeerReason.CONNECTION_READ_TIMEOUT,
        PeerReason.CONNECTION_WRITE_TIMEOUT,
        PeerReason.HTTP_RESPONSE_TIMEOUT,
        PeerReason.DNS_TIMEOUT,
    }
)


_WORD: Final = re.compile(r"[a-z_]{1,64}")


def told_reason(told: object) -> str:
    """A reason word as another gateway told it; whatever is no word is `destination_unavailable`."""
    if isinstance(told, str) and _WORD.fullmatch(told):
        return told
    return PeerReason.DESTINATION_UNAVAILABLE.value


@dataclass(frozen=True, slots=True)
class PeerError:
    """One failed exchange with a peer: a value, returned and never raised.

    `detail` is text for people: no secrets, and a peer's own bytes only through `escaped`.
    `sent`: a byte of the request may have reached the peer, so a write may have been executed.
    """

    reason: PeerReason
    detail: str
    elapsed_ms: int = 0
    status: int | None = None
    sent: bool = False

    @property
    def is_timeout(self) -> bool:
        """Time ran out, as opposed to a refusal or a bad answer (504 rather than 502)."""
        return self.reason in _TIMEOUTS

    @property
    def is_broken_line(self) -> bool:
        """The peer's end of the connection is gone, or nobody takes a new one: it may have died just now."""
        return self.reason in _BROKEN_LINE


class PeerStreamError(Exception):
    """An answer's body broke while it was being passed on."""

    def __init__(self, error: PeerError) -> None:
        super().__init__(f"{error.reason}: {error.detail}")
        self.error = error


class StalledBodyError(Exception):
    """Who brings a request's body brought nothing for too long. No fault of the peer's, so no PeerError."""

    def __init__(self, idle_ms: int) -> None:
        super().__init__(f"nothing of the request body came for {idle_ms} ms")
        self.idle_ms = idle_ms


_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_UNROUTABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM})


def reason_of(error: BaseException | None) -> PeerReason:
    """The reason for what the system said about a connection; None is a clean end of the stream."""
    match error:
        case ssl.SSLCertVerificationError():
            return PeerReason.TLS_CERTIFICATE_ERROR
        case ssl.SSLError():
            return PeerReason.TLS_PROTOCOL_ERROR
        case ConnectionRefusedError():
            return PeerReason.CONNECTION_REFUSED
        case OSError(errno=errno.ETIMEDOUT):  # the kernel gave up: nobody acknowledged our bytes
            return PeerReason.CONNECTION_READ_TIMEOUT
        case OSError(errno=code) if code in _OUR_LIMITS:
            return PeerReason.CONNECTION_LIMIT_REACHED
        case OSError(errno=code) if code in _UNROUTABLE:
            return PeerReason.DESTINATION_IP_UNROUTABLE
        case _:
            return PeerReason.CONNECTION_TERMINATED


def escaped(text: str) -> str:
    """A peer's own text as printable ASCII, cut short, for details and logs."""
    shown = ascii(text[:_SHOWN_BYTES])
    return shown if len(text) <= _SHOWN_BYTES else f"{shown}..."
