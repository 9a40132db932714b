"""The certificate our own API is served with: loaded before anything listens, loaded anew when its files change."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Final

import structlog

from gateway.file_reading import READ_S, FileReading
from gateway.file_watch import FileWatch
from gateway.local.regular_file import open_regular
from gateway.settings import TlsSettings
from peers.tls import refuse_passphrase
from peers.view import Warned

EXPIRY_NOTICE: Final = dt.timedelta(days=14)
"""How long before its end a certificate is warned about."""

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_log = structlog.get_logger(__name__)


class CertificateRefusedError(Exception):
    """The files cannot be served with; the text says which and why."""


class ServerTls:
    """The TLS of our listener. Making it blocks and raises CertificateRefusedError.

    `context` stays the same object; each handshake takes what was loaded last, so a renewed certificate, and a
    changed list of authorities for clients, count for the next connection.
    """

    def __init__(self, settings: TlsSettings, clock: Callable[[], float], patience_s: float = READ_S) -> None:
        """`clock`: seconds since 1970; `patience_s`: seconds that are waited for files that hang."""
        self._settings = settings
        self._clock = clock
        self._files = tuple(
            path for path in (settings.cert_file, settings.key_file, settings.ca_file) if path is not None
        )
        self._watch = FileWatch(self._files)
        self._reading: FileReading[None] = FileReading(patience_s)
        # Mutable: what new handshakes use, when it ends, what is wrong with newer files.
        self._current, self._ends = self._load()
        self._trouble: str | None = None
        self.context: Final = _make_context(settings)
        self.context.sni_callback = self._take_current

    def warnings(self) -> Iterator[Warned]:
        """What is wrong with the certificate now."""
        if self._trouble is not None:
            yield Warned(
                "certificate_refused",
                f"the new certificate is not used: {self._trouble}; the one before is served on; mend the files",
            )
        left = self._ends - dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        if left <= dt.timedelta():
            yield Warned("certificate_expired", f"the certificate ended {self._ends:%Y-%m-%d %H:%M} UTC; renew it")
        elif left <= EXPIRY_NOTICE:
            yield Warned("certificate_expiring", f"the certificate ends {self._ends:%Y-%m-%d %H:%M} UTC; renew it")

    async def run(self) -> None:
        """Loads the files anew whenever they changed, until cancelled."""
        async with aclosing(self._watch.changes()) as changes:
            async for _ in changes:
                try:
                    await self._reading.read(self.look_again)
                except TimeoutError:
                    self._refuse(f"{self._named}: no answer within {self._reading.patience_s:g} s")

    def look_again(self) -> None:
        """Takes the files as they are now, if they changed and can be used. Blocks.

        While they cannot, they are read at every look: not every mend shows from outside.
        """
        if not self._watch.look() and self._trouble is None:
            return
        try:
            current, ends = self._load()
        except CertificateRefusedError as error:
            self._refuse(str(error))
            return
        self._current, self._ends, self._trouble = current, ends, None
        _log.info("certificate loaded anew", ends=f"{ends:%Y-%m-%dT%H:%M:%SZ}")

    def _refuse(self, why: str) -> None:
        if why != self._trouble:
            _log.warning("new certificate refused", reason=why)
        self._trouble = why

    @property
    def _named(self) -> str:
        return ", ".join(map(str, self._files))

    def _take_current(self, connection: ssl.SSLObject, _name: str | None, _base: ssl.SSLContext) -> int | None:
        connection.context = self._current
        # Sessions of TLS 1.2 cannot be kept from being remembered; a client that takes one up shows no certificate.
        if self._settings.ca_file is not None and connection.session_reused:
            return int(ssl.AlertDescription.ALERT_DESCRIPTION_HANDSHAKE_FAILURE)
        return None

    def _load(self) -> tuple[ssl.SSLContext, dt.datetime]:
        """A context of the files as they are, and when the certificate ends."""
        from cryptography import x509  # noqa: PLC0415 -- a library that every start without TLS would pay for

        tls = self._settings
        if tls.cert_file is None or tls.key_file is None:
            raise CertificateRefusedError("server.tls needs cert_file and key_file")
        try:
            for path in self._files:
                open_regular(path).close()  # or the reading might never end
            context = _make_context(tls)
            context.load_cert_chain(tls.cert_file, tls.key_file, password=refuse_passphrase)
            ends = x509.load_pem_x509_certificate(tls.cert_file.read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            raise CertificateRefusedError(f"{self._named}: {getattr(error, 'strerror', None) or error}") from error
        return context, ends


def _make_context(tls: TlsSettings) -> ssl.SSLContext:
    """Without a certificate. Raises OSError for a `ca_file` that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    if tls.ca_file is not None:
        context.load_verify_locations(tls.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        # Each connection shows its certificate, by the authorities and the clock of now.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context
