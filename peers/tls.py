"""How an https peer is checked, and what we show it: authorities, pinned keys, a certificate of our own."""

import asyncio
import base64
import binascii
import hashlib
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from peers.errors import PeerError, PeerReason
from peers.singleflight import InThread, SingleFlight, in_executor

PIN_RULE: Final = "sha256//BASE64: the SHA-256 of the public key (SubjectPublicKeyInfo, DER) in base64"

GLANCE_S: Final = 0.1
"""Seconds that are waited for files that do not answer while there is a context to use."""

_PIN: Final = re.compile(r"sha256//[A-Za-z0-9+/]{43}=")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the settings of one peer stand. Without `ca_file` the system's authorities count.

    With `pins` and no `ca_file` the key alone decides: neither name, nor authority, nor dates are looked at.
    `cert_file` and `key_file` are shown to a peer that asks who we are.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    pins: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Path, ...]:
        """The files that may change while we run."""
        return tuple(path for path in (self.ca_file, self.cert_file, self.key_file) if path is not None)


def is_pin(text: str) -> bool:
    """Whether `text` is of the form of `PIN_RULE`."""
    if _PIN.fullmatch(text) is None:
        return False
    try:
        return len(base64.b64decode(text.removeprefix("sha256//"), validate=True)) == hashlib.sha256().digest_size
    except binascii.Error:
        return False


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate (DER). Raises ValueError for what is none."""
    from cryptography import x509  # noqa: PLC0415 -- only those who pin need it
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 -- the same

    key = x509.load_der_x509_certificate(certificate).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256//{base64.b64encode(hashlib.sha256(spki).digest()).decode()}"


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """A context for `files`. Blocks. Raises OSError (ssl.SSLError among them) for files that cannot be used."""
    for path in files.all:
        if path.exists() and not path.is_file():  # a FIFO would be waited for, also when another file has its name
            raise OSError(f"{path} is not a regular file")
    context = ssl.create_default_context(cafile=None if files.ca_file is None else str(files.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.pins and files.ca_file is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.cert_file is not None:
        context.load_cert_chain(files.cert_file, files.key_file, password=refuse_passphrase)
    return context


def refuse_passphrase() -> str:
    """The passphrase of a key that has one. Raises OSError: without this, the library asks for it on the terminal."""
    raise OSError("the key has a passphrase, allowed is one without")


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at the files found: their state; a context, or why there is none, or None where all is as before."""

    stamp: object
    context: ssl.SSLContext | str | None


class PeerTls:
    """The TLS of one peer, or of all that have no settings of their own. New files count for new connections."""

    def __init__(
        self,
        files: TlsFiles | None = None,
        make: Callable[[TlsFiles], ssl.SSLContext] = make_context,
        in_thread: InThread = in_executor,
    ) -> None:
        """`in_thread` reads the files, which may hang."""
        self._files = files or TlsFiles()
        self._make = make
        self._looking: SingleFlight[TlsFiles, _Looked] = SingleFlight(in_thread)
        # Mutable: the context, of which state of its files it is, and why that is not the newest.
        self._context: ssl.SSLContext | None = None
        self._stamp: object = None
        self._trouble: str | None = None

    async def context(self) -> ssl.SSLContext | PeerError:
        """What to connect with. Files that cannot be used, or do not answer, leave the last good ones in force."""
        if self._context is not None and not self._files.all:
            return self._context
        try:
            async with asyncio.timeout(None if self._context is None else GLANCE_S):
                await self._looking.run(self._files, partial(self._look, self._stamp), self._take)
        except TimeoutError:
            self._take(_Looked(self._stamp, f"{self._named}: they could not be read in time"))
        if self._context is not None:
            return self._context
        return PeerError(PeerReason.TLS_CERTIFICATE_ERROR, f"our own settings for this peer: {self._trouble}")

    def check(self, certificate: bytes | None) -> PeerError | None:
        """Whether a peer that showed `certificate` (DER) in a finished handshake is not the one that was pinned."""
        if not self._files.pins:
            return None
        try:
            shown = None if certificate is None else pin_of(certificate)
        except ValueError:
            shown = None
        if shown in self._files.pins:
            return None
        why = f"its key {shown or 'cannot be read'} is none of the {len(self._files.pins)} pinned"
        return PeerError(PeerReason.TLS_CERTIFICATE_ERROR, why)

    @property
    def _named(self) -> str:
        return ", ".join(map(str, self._files.all))

    def _look(self, known: object) -> _Looked:
        """What the files are now, if they are others than `known`. In a thread."""
        stamp = _stamp_of(self._files.all)
        if stamp == known:
            return _Looked(stamp, None)
        try:
            return _Looked(stamp, self._make(self._files))
        except OSError as error:
            return _Looked(stamp, f"{self._named}: {error.strerror or error}")

    def _take(self, found: _Looked) -> None:
        match found.context:
            case None:
                self._trouble = None
            case str(trouble):
                if trouble != self._trouble:
                    _log.warning("certificates of a peer refused", reason=trouble, kept=self._context is not None)
                self._trouble = trouble
            case context:
                if self._trouble or self._stamp is not None:
                    _log.info("certificates of a peer loaded anew", files=[str(path) for path in self._files.all])
                self._context, self._stamp, self._trouble = context, found.stamp, None


def _stamp_of(paths: tuple[Path, ...]) -> tuple[tuple[int, int, int] | None, ...]:
    """What differs when a file changed."""
    return tuple(_state_of(path) for path in paths)


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 -- one call for all three
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
