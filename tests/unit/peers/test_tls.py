"""How a peer is checked, and how changed certificates count."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from peers.client import FetchedAnswer, PeerError, PeerRequest
from peers.errors import PeerReason
from peers.tls import PeerTls, TlsFiles, is_pin, pin_of
from tests.faults.authority import DAY, Authority
from tests.unit.peers.wire_server import client_to, serving, serving_ok, within

GET = PeerRequest("GET", "/")
SLOW_MS = 20_000


@pytest.fixture
def trusted(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "trusted")


def pin(certificate: Path) -> str:
    """As everybody makes one, with openssl."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=key.stdout, check=True, capture_output=True
    )
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der.stdout, check=True, capture_output=True
    )
    told = subprocess.run(["openssl", "base64"], input=digest.stdout, check=True, capture_output=True)
    return f"sha256//{told.stdout.decode().strip()}"


async def ask(server_side: ssl.SSLContext, tls: PeerTls) -> FetchedAnswer | PeerError:
    async with (
        serving(serving_ok, ssl_context=server_side) as server,
        client_to(server.https_url, tls=tls, connect_timeout_ms=SLOW_MS) as client,
    ):
        return await client.fetch(GET, deadline=within(30), cap=100)


async def refused(server_side: ssl.SSLContext, tls: PeerTls) -> PeerError:
    answer = await ask(server_side, tls)
    assert isinstance(answer, PeerError)
    assert not answer.sent
    return answer


async def test_a_peer_is_checked_against_the_authority_named_for_it(trusted: Authority) -> None:
    answer = await ask(trusted.context("b"), PeerTls(TlsFiles(ca_file=trusted.file)))
    assert isinstance(answer, FetchedAnswer)


async def test_an_authority_that_is_not_named_is_none(trusted: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    error = await refused(stranger.context("b"), PeerTls(TlsFiles(ca_file=trusted.file)))
    assert error.reason is PeerReason.TLS_CERTIFICATE_ERROR


async def test_with_a_pin_alone_the_key_decides(trusted: Authority) -> None:
    server_side = trusted.context("b", ends=-DAY, host="DNS:elsewhere.example")
    answer = await ask(server_side, PeerTls(TlsFiles(pins=(pin(trusted.certificate("b")),))))
    assert isinstance(answer, FetchedAnswer)


async def test_another_key_than_the_pinned_is_refused_though_its_authority_is_good(trusted: Authority) -> None:
    trusted.context("old")
    tls = PeerTls(TlsFiles(ca_file=trusted.file, pins=(pin(trusted.certificate("old")),)))
    error = await refused(trusted.context("b"), tls)
    assert error.reason is PeerReason.TLS_CERTIFICATE_ERROR
    assert pin(trusted.certificate("b")) in error.detail


async def test_one_of_several_pins_is_enough(trusted: Authority) -> None:
    trusted.context("next")
    server_side = trusted.context("b")
    pins = (pin(trusted.certificate("next")), pin(trusted.certificate("b")))
    assert isinstance(await ask(server_side, PeerTls(TlsFiles(ca_file=trusted.file, pins=pins))), FetchedAnswer)


async def test_a_pin_beside_an_authority_does_not_spare_the_dates(trusted: Authority) -> None:
    server_side = trusted.context("b", ends=-DAY)
    tls = PeerTls(TlsFiles(ca_file=trusted.file, pins=(pin(trusted.certificate("b")),)))
    assert (await refused(server_side, tls)).reason is PeerReason.TLS_CERTIFICATE_ERROR


async def test_a_peer_that_asks_who_we_are_is_told(trusted: Authority) -> None:
    trusted.context("we", host="DNS:we.example")
    demanding = trusted.context("b")
    demanding.load_verify_locations(trusted.file)
    demanding.verify_mode = ssl.CERT_REQUIRED
    known = TlsFiles(ca_file=trusted.file, cert_file=trusted.certificate("we"), key_file=trusted.key("we"))
    assert isinstance(await ask(demanding, PeerTls(known)), FetchedAnswer)
    # Which of the two ends learns first that the handshake failed depends on who reads first.
    nameless = await ask(demanding, PeerTls(TlsFiles(ca_file=trusted.file)))
    assert isinstance(nameless, PeerError)
    assert nameless.reason in {PeerReason.TLS_PROTOCOL_ERROR, PeerReason.CONNECTION_TERMINATED}


async def test_a_changed_authority_counts_for_the_next_connection(trusted: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(stranger.file.read_bytes())
    tls = PeerTls(TlsFiles(ca_file=ca_file))
    server_side = trusted.context("b")
    assert (await refused(server_side, tls)).reason is PeerReason.TLS_CERTIFICATE_ERROR
    swap(ca_file, trusted.file.read_bytes())
    assert isinstance(await ask(server_side, tls), FetchedAnswer)


async def test_an_authority_that_turns_into_nonsense_leaves_the_last_good_one(
    trusted: Authority, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(trusted.file.read_bytes())
    tls = PeerTls(TlsFiles(ca_file=ca_file))
    server_side = trusted.context("b")
    assert isinstance(await ask(server_side, tls), FetchedAnswer)
    swap(ca_file, b"nonsense")
    assert isinstance(await ask(server_side, tls), FetchedAnswer)


async def test_files_that_were_never_good_are_an_error_that_names_them(trusted: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    error = await refused(trusted.context("b"), PeerTls(TlsFiles(ca_file=tmp_path / "ca.pem")))
    assert error.reason is PeerReason.TLS_CERTIFICATE_ERROR
    assert str(tmp_path / "ca.pem") in error.detail


def swap(path: Path, content: bytes) -> None:
    """As renewals do: a whole new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_our_pins_are_those_that_openssl_makes(trusted: Authority) -> None:
    trusted.context("b")
    der = ssl.PEM_cert_to_DER_cert(trusted.certificate("b").read_text())
    assert pin_of(der) == pin(trusted.certificate("b"))
    assert is_pin(pin_of(der))


def test_what_is_no_certificate_has_no_pin() -> None:
    with pytest.raises(ValueError, match="parsing"):
        pin_of(b"nonsense")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.removesuffix("="),
        lambda text: text.replace("sha256", "sha1"),
        lambda text: text.replace("//", "/", 1),
        lambda text: text + "\n",
        lambda text: text[:-5] + "é" + text[-4:],
        lambda text: "",
    ],
)
def test_what_is_no_pin_is_refused(change: Callable[[str], str]) -> None:
    good = f"sha256//{'A' * 43}="
    assert is_pin(good)
    assert not is_pin(change(good))
