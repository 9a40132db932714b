"""The certificate we serve with: changed files count for the next connection, bad ones for none."""

import asyncio
import dataclasses
import datetime as dt
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path, PosixPath

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.server_tls import CertificateRefusedError, ServerTls
from gateway.settings import TlsSettings
from peers.tls import TlsFiles, make_context
from tests.faults.authority import Authority
from tests.federation.eventually import eventually


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> TlsSettings:
    put(authority, "first", tmp_path)
    return TlsSettings(enabled=True, cert_file=tmp_path / "cert.pem", key_file=tmp_path / "key.pem")


def put(authority: Authority, name: str, folder: Path, ends: dt.timedelta = dt.timedelta(days=90)) -> None:
    """Puts a new certificate in the place of what is there, whole."""
    authority.context(name, ends=ends)
    for made, place in ((authority.certificate(name), "cert.pem"), (authority.key(name), "key.pem")):
        shutil.copy(made, folder / "new")
        (folder / "new").replace(folder / place)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    writer.close()


@asynccontextmanager
async def listening(tls: ServerTls) -> AsyncIterator[int]:
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def name_shown(port: int, context: ssl.SSLContext) -> str:
    """The common name of the certificate a new connection is shown, once it was used. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"hello\n")
        if await reader.readline() != b"hello\n":
            raise ConnectionError("the server closed")
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        return str(name)
    finally:
        writer.close()


def knowing(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.file)


async def test_a_renewed_certificate_is_shown_to_the_next_client(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    tls = await asyncio.to_thread(ServerTls, settings, time.time)
    async with listening(tls) as port:
        assert await name_shown(port, knowing(authority)) == "first"
        watching = asyncio.create_task(tls.run())
        await asyncio.to_thread(put, authority, "second", tmp_path)

        async def is_second() -> bool:
            return await name_shown(port, knowing(authority)) == "second"

        await eventually(is_second)
        watching.cancel()
        await asyncio.wait([watching])


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("nonsense"), lambda path: path.unlink()])
async def test_files_that_cannot_be_served_with_leave_the_last_good_ones(
    authority: Authority, settings: TlsSettings, spoil: Callable[[Path], object]
) -> None:
    tls = await asyncio.to_thread(ServerTls, settings, time.time)
    assert settings.cert_file is not None
    spoil(settings.cert_file)
    await asyncio.to_thread(tls.look_again)
    (warned,) = tls.warnings()
    assert warned.code == "certificate_refused"
    assert "cert.pem" in warned.message
    async with listening(tls) as port:
        assert await name_shown(port, knowing(authority)) == "first"


async def test_a_key_of_another_certificate_is_refused_until_both_are_there(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    tls = await asyncio.to_thread(ServerTls, settings, time.time)
    await asyncio.to_thread(authority.context, "second", ends=dt.timedelta(days=90))
    shutil.copy(authority.certificate("second"), tmp_path / "cert.pem")
    await asyncio.to_thread(tls.look_again)
    assert [warned.code for warned in tls.warnings()] == ["certificate_refused"]
    shutil.copy(authority.key("second"), tmp_path / "key.pem")
    await asyncio.to_thread(tls.look_again)
    assert [*tls.warnings()] == []
    async with listening(tls) as port:
        assert await name_shown(port, knowing(authority)) == "second"


class Slow(PosixPath):
    """A certificate; `then` happens when it was read."""

    then: Callable[[], object]

    def read_bytes(self) -> bytes:
        content = super().read_bytes()
        self.then()
        return content


def slow(settings: TlsSettings, then: Callable[[], object]) -> TlsSettings:
    assert settings.cert_file is not None
    path = Slow(settings.cert_file)
    path.then = then
    return dataclasses.replace(settings, cert_file=path)


async def test_files_that_change_while_they_are_read_are_read_again(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    let = [partial(put, authority, "second", tmp_path)]
    slowly = slow(settings, lambda: let and let.pop()())
    tls = await asyncio.to_thread(ServerTls, slowly, time.time)
    await asyncio.to_thread(tls.look_again)
    async with listening(tls) as port:
        assert await name_shown(port, knowing(authority)) == "second"


async def test_files_that_hang_are_told_and_those_before_are_served(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    let = threading.Event()
    let.set()
    tls = await asyncio.to_thread(ServerTls, slow(settings, lambda: let.wait(60)), time.time, 0.05)
    let.clear()
    watching = asyncio.create_task(tls.run())
    await asyncio.to_thread(put, authority, "second", tmp_path)
    await eventually(lambda: [one.code for one in tls.warnings()] == ["certificate_refused"])
    async with listening(tls) as port:
        assert await name_shown(port, knowing(authority)) == "first"
        let.set()
        await eventually(lambda: not [*tls.warnings()])
        assert await name_shown(port, knowing(authority)) == "second"
    watching.cancel()
    await asyncio.wait([watching])


async def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    tls = await asyncio.to_thread(ServerTls, settings, time.time)
    assert settings.key_file is not None
    settings.key_file.unlink()
    os.mkfifo(settings.key_file)
    await asyncio.to_thread(tls.look_again)
    (warned,) = tls.warnings()
    assert "not a regular file" in warned.message
    await asyncio.to_thread(put, authority, "second", tmp_path)
    await asyncio.to_thread(tls.look_again)
    assert [*tls.warnings()] == []


def test_what_is_no_regular_file_is_refused_for_peers_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    with pytest.raises(OSError, match="not a regular file"):
        make_context(TlsFiles(ca_file=tmp_path / "ca.pem"))


@pytest.mark.parametrize("use", ["serve", "show"])
def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(settings: TlsSettings, use: str) -> None:
    assert settings.key_file is not None
    key = load_pem_private_key(settings.key_file.read_bytes(), None)
    locked = BestAvailableEncryption(b"a passphrase")
    settings.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with pytest.raises((CertificateRefusedError, OSError), match="the key has a passphrase"):
        if use == "serve":
            ServerTls(settings, time.time)
        else:
            make_context(TlsFiles(cert_file=settings.cert_file, key_file=settings.key_file))


def test_files_that_are_bad_at_the_start_are_refused_by_name(settings: TlsSettings) -> None:
    assert settings.key_file is not None
    settings.key_file.write_text("nonsense")
    with pytest.raises(CertificateRefusedError, match=r"key\.pem"):
        ServerTls(settings, time.time)


@pytest.mark.parametrize(
    ("days", "codes"),
    [(-1, ["certificate_expired"]), (13, ["certificate_expiring"]), (15, [])],
)
def test_the_end_of_a_certificate_is_warned_about(
    authority: Authority, settings: TlsSettings, tmp_path: Path, days: int, codes: list[str]
) -> None:
    put(authority, "ending", tmp_path, ends=dt.timedelta(days=days, minutes=5))
    assert [warned.code for warned in ServerTls(settings, time.time).warnings()] == codes


async def test_only_clients_of_the_named_authority_are_served(
    authority: Authority, settings: TlsSettings, tmp_path: Path
) -> None:
    clients = await asyncio.to_thread(Authority, tmp_path, "clients")
    await asyncio.to_thread(clients.context, "robot")
    mutual = TlsSettings(
        enabled=True, cert_file=settings.cert_file, key_file=settings.key_file, ca_file=tmp_path / "ca.pem"
    )
    assert mutual.ca_file is not None
    shutil.copy(clients.file, mutual.ca_file)
    tls = await asyncio.to_thread(ServerTls, mutual, time.time)
    known = knowing(authority)
    known.load_cert_chain(clients.certificate("robot"), clients.key("robot"))
    async with listening(tls) as port:
        assert await name_shown(port, known) == "first"
        with pytest.raises(OSError):
            await name_shown(port, knowing(authority))
        shutil.copy(authority.file, mutual.ca_file)
        await asyncio.to_thread(tls.look_again)
        with pytest.raises(OSError):
            await name_shown(port, known)  # its authority is no longer the named one


def ask_once(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
    """The answer, and the session that a later connection may take up. Raises OSError."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as tls,
    ):
        tls.sendall(b"hello\n")
        return tls.recv(100), tls.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_of_before_does_not_stand_for_a_certificate(
    authority: Authority, settings: TlsSettings, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    clients = await asyncio.to_thread(Authority, tmp_path, "clients")
    await asyncio.to_thread(clients.context, "robot")
    mutual = TlsSettings(
        enabled=True, cert_file=settings.cert_file, key_file=settings.key_file, ca_file=tmp_path / "ca.pem"
    )
    assert mutual.ca_file is not None
    shutil.copy(clients.file, mutual.ca_file)
    tls = await asyncio.to_thread(ServerTls, mutual, time.time)
    known = knowing(authority)
    known.load_cert_chain(clients.certificate("robot"), clients.key("robot"))
    known.minimum_version = known.maximum_version = version
    async with listening(tls) as port:
        answer, session = await asyncio.to_thread(ask_once, port, known, None)
        assert answer == b"hello\n"
        shutil.copy(authority.file, mutual.ca_file)
        await asyncio.to_thread(tls.look_again)
        with pytest.raises(OSError):
            answer, _ = await asyncio.to_thread(ask_once, port, known, session)
            if not answer:
                raise ConnectionError("the server closed")


async def test_versions_below_the_least_are_refused(authority: Authority, settings: TlsSettings) -> None:
    newest = TlsSettings(enabled=True, cert_file=settings.cert_file, key_file=settings.key_file, min_version="1.3")
    tls = await asyncio.to_thread(ServerTls, newest, time.time)
    old = knowing(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(tls) as port:
        with pytest.raises(OSError):
            await name_shown(port, old)
        assert await name_shown(port, knowing(authority)) == "first"
