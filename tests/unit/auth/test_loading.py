"""From settings to keys and clients: what is taken, what is refused, and that no secret is ever told."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway.auth.loading import AuthMaterial, load_material
from gateway.auth.tokens import verify
from gateway.settings import AuthSettings
from tests.unit.auth.minting import NOW, RULES, SECRET, claims, ec_key, private_pem, public_pem, rsa_key, signed

P_256 = bytes.fromhex("06082a8648ce3d030107")
UNKNOWN_CURVE = bytes.fromhex("06082a8648ce3d030163")
"""A curve as it is named in a key."""

CI = ("ci:opensesame:operator",)


def mistakes(**settings: Any) -> dict[str, str]:
    """What is wrong with these settings, by setting."""
    outcome = load_material(AuthSettings(enabled=True, **settings))
    assert isinstance(outcome, tuple)
    assert not isinstance(outcome, AuthMaterial)
    told = {mistake.keys[0].removeprefix("auth."): mistake.found for mistake in outcome}
    assert len(told) == len(outcome)
    assert "opensesame" not in repr(outcome)
    return told


def material(**settings: Any) -> AuthMaterial:
    outcome = load_material(AuthSettings(enabled=True, **{"clients": CI, **settings}))
    assert isinstance(outcome, AuthMaterial), outcome
    return outcome


def written(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def pair(folder: Path, key: Any, *, public: Any = None) -> dict[str, Path]:
    """Both keys in files, `public` from another pair."""
    return {
        "jwt_secret_file": written(folder, "private.pem", private_pem(key)),
        "jwt_public_key": written(folder, "public.pem", public_pem(public or key)),
    }


def believes(loaded: AuthMaterial, token: str) -> bool:
    assert loaded.verifying is not None
    return not isinstance(verify(token, loaded.verifying, RULES, now=NOW), str)


def test_a_secret_may_stand_in_the_settings_or_in_a_file(tmp_path: Path) -> None:
    for loaded in (
        material(jwt_secret=SECRET),
        material(jwt_secret_file=written(tmp_path, "secret", f"{SECRET}\n".encode())),
    ):
        assert believes(loaded, signed())
        assert SECRET not in repr(loaded)
        assert SECRET not in repr(loaded.signing)
        assert SECRET not in repr(loaded.verifying)


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_secret_of_less_than_32_bytes_is_refused(tmp_path: Path, secret: str) -> None:
    told = f"{len(secret)} bytes"
    assert mistakes(clients=CI, jwt_secret=secret) == {"jwt_secret": told}
    file = written(tmp_path, "secret", f"  {secret}\n".encode())
    assert mistakes(clients=CI, jwt_secret_file=file) == {"jwt_secret_file": told}


def test_32_bytes_are_enough_also_in_fewer_letters() -> None:
    material(jwt_secret="x" * 32)
    material(jwt_secret="ä" * 16)
    assert mistakes(clients=CI, jwt_secret="ä" * 15) == {"jwt_secret": "30 bytes"}


def test_a_key_pair_is_no_shared_secret(tmp_path: Path) -> None:
    found = "a key pair or certificate, which is no shared secret"
    for name, body in (("a", public_pem(rsa_key())), ("b", private_pem(ec_key()))):
        assert mistakes(clients=CI, jwt_secret_file=written(tmp_path, name, body)) == {"jwt_secret_file": found}


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", rsa_key), ("ES256", ec_key)])
def test_key_pairs_come_from_files(tmp_path: Path, algorithm: Any, key: Any) -> None:
    files = pair(tmp_path, key())
    loaded = material(jwt_algorithm=algorithm, **files)
    assert believes(loaded, signed(key=key(), algorithm=algorithm))
    assert not believes(loaded, signed(key=key(name="theirs"), algorithm=algorithm))
    as_upstream = material(
        jwt_algorithm=algorithm, jwt_secret=str(files["jwt_secret_file"]), jwt_public_key=files["jwt_public_key"]
    )
    assert believes(as_upstream, signed(claims(), key=key(), algorithm=algorithm))


BAD_PAIRS = [
    ("RS256", lambda: rsa_key(1024), None, "an RSA key of 1024 bits"),
    ("RS256", ec_key, None, "a key of another type than"),
    ("ES256", rsa_key, None, "a key of another type than"),
    ("ES256", lambda: ec_key(ec.SECP384R1), None, "a key of another type than"),
    ("ES256", ec_key, lambda: ec_key(name="theirs"), "the public key of another private key"),
]


@pytest.mark.parametrize(("algorithm", "key", "public", "found"), BAD_PAIRS)
def test_a_weak_or_unfit_key_is_refused(tmp_path: Path, algorithm: Any, key: Any, public: Any, found: str) -> None:
    told = mistakes(clients=CI, jwt_algorithm=algorithm, **pair(tmp_path, key(), public=public() if public else None))
    assert list(told) == ["jwt_secret_file"]
    assert told["jwt_secret_file"].startswith(found)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    locked = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"opensesame"))
    public = written(tmp_path, "public.pem", public_pem(rsa_key()))
    for name, body, found in (
        ("nothing", b"", "no private key in PEM"),
        ("text", b"opensesame", "no private key in PEM"),
        ("public", public_pem(rsa_key()), "no private key in PEM"),
        ("locked", locked, "a private key with a password"),
    ):
        file = written(tmp_path, name, body)
        told = mistakes(clients=CI, jwt_algorithm="RS256", jwt_secret_file=file, jwt_public_key=public)
        assert told == {"jwt_secret_file": found}


def test_a_key_on_a_curve_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    files = pair(tmp_path, ec_key())
    for path in files.values():
        known = path.read_bytes()
        begin, *lines, end = known.splitlines()
        body = b64decode(b"".join(lines))
        assert P_256 in body
        path.write_bytes(b"\n".join((begin, b64encode(body.replace(P_256, UNKNOWN_CURVE)), end, b"")))
        assert mistakes(clients=CI, jwt_algorithm="ES256", **files) == {"jwt_secret_file": "a key of an unknown kind"}
        path.write_bytes(known)


def test_files_that_are_not_there_or_too_large_are_named(tmp_path: Path) -> None:
    missing, large = tmp_path / "missing", written(tmp_path, "large", b"x" * 70_000)
    assert mistakes(clients=CI, jwt_secret_file=missing) == {
        "jwt_secret_file": "no file that can be read (No such file or directory)"
    }
    assert mistakes(clients=CI, jwt_secret_file=large) == {"jwt_secret_file": "more than 65536 bytes"}
    assert mistakes(clients=CI, jwt_algorithm="RS256") == {"jwt_secret": "no file", "jwt_public_key": "no file"}
    assert mistakes(jwt_secret=SECRET, clients_file=missing) == {
        "clients_file": "no file that can be read (No such file or directory)"
    }


def test_a_secret_at_two_places_is_a_mistake(tmp_path: Path) -> None:
    file = written(tmp_path, "secret", SECRET.encode())
    told = mistakes(clients=CI, jwt_secret=SECRET, jwt_secret_file=file)
    assert told == {"jwt_secret_file": "a file together with auth.jwt_secret"}


def test_clients_come_from_the_settings_and_from_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, "clients", "\ufeff# who may\n\neye:open:sesame:viewer\n  boss:x:admin  \n".encode())
    loaded = material(jwt_secret=SECRET, clients_file=file)
    assert [(client.id, client.role.word) for client in loaded.clients] == [
        ("ci", "operator"),
        ("eye", "viewer"),
        ("boss", "admin"),
    ]
    assert "opensesame" not in repr(loaded.clients)


def test_every_mistaken_client_is_told_where_it_stands(tmp_path: Path) -> None:
    file = written(tmp_path, "clients", b"\nci:opensesame:viewer\n")
    assert mistakes(jwt_secret=SECRET, clients=("ci:opensesame:operator", "x:opensesame:root", ":s:admin")) == {
        "clients[1]": "a client of another form",
        "clients[2]": "a client of another form",
    }
    assert mistakes(jwt_secret=SECRET, clients=CI, clients_file=file) == {
        "clients_file": "in line 2 the client 'ci' again"
    }
    assert mistakes(jwt_secret=SECRET) == {"clients": "an empty list"}
    assert mistakes(jwt_secret=SECRET, clients_file=written(tmp_path, "b", b"\xff")) == {
        "clients_file": "bytes that are not UTF-8"
    }


URL = "https://login.example/keys"


def test_a_provider_needs_an_audience_and_no_keys_here() -> None:
    loaded = load_material(
        AuthSettings(
            enabled=True, jwks_url=URL, jwt_algorithm="ES256", audience="cell 7", issuer="https://login.example"
        )
    )
    assert loaded == AuthMaterial(None, None, ())
    told = mistakes(jwks_url=URL, jwt_secret="opensesame", clients=CI)
    assert set(told) == {"jwt_algorithm", "audience", "jwt_secret", "clients"}


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        (URL, True),
        ("http://127.0.0.1:8000/keys", True),
        ("http://[::1]/keys", True),
        ("http://localhost/keys", True),
        ("http://login.example/keys", False),
        ("ftp://login.example/keys", False),
        ("https:///keys", False),
        ("https://user:opensesame@login.example/keys", False),
        ("https://login.example:port/keys", False),
        ("https://login.example/keys#x", False),
        ("https://login.example/ke ys", False),
        ("/etc/passwd", False),
        ("file:///etc/passwd", False),
    ],
)
def test_published_keys_are_fetched_over_tls_or_from_this_machine(url: str, is_good: bool) -> None:
    outcome = load_material(AuthSettings(enabled=True, jwks_url=url, jwt_algorithm="RS256", audience="x"))
    assert isinstance(outcome, AuthMaterial) is is_good
    assert "opensesame" not in repr(outcome)


def test_a_refresh_token_lives_no_shorter_than_an_access_token() -> None:
    told = mistakes(jwt_secret=SECRET, clients=CI, token_expiry_seconds=60, refresh_token_expiry_seconds=59)
    assert told == {"refresh_token_expiry_seconds": "59"}
