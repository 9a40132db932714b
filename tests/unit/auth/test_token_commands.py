"""`grove token new` and `grove token inspect`: what they print, what they refuse, and that no secret is quoted."""

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands.failure import CommandFailed
from gateway.commands.token_parts import read_parts, times
from tests.unit.auth.gatekeeping import Gate
from tests.unit.auth.minting import NOW, SECRET, claims, private_pem, public_pem, rsa_key, segment, signed
from tests.unit.gateway.command import grove
from tests.unit.http.serving import World, serving

SETTINGS = f"auth:\n  enabled: true\n  jwt_secret: {SECRET}\n  clients: ['ci:opensesame:operator', 'eye:x:viewer']\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(SETTINGS)
    return str(file)


class Said:
    """What a command printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        try:
            main(["token", *arguments])
            self.code = 0
        except SystemExit as end:
            self.code = int(end.code or 0)
        self.out, self.err = capsys.readouterr()


def test_a_token_is_made_with_the_role_of_its_client_and_the_lifetime_of_the_settings(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Said(capsys, "new", "--client", "ci", "-c", config)
    assert (made.code, made.err, made.out.count("\n")) == (0, "", 1)
    parts = read_parts(made.out.strip())
    assert parts.header == {"alg": "HS256", "typ": "access"}
    assert (parts.claims["sub"], parts.claims["role"]) == ("ci", "operator")
    assert parts.claims["exp"] - parts.claims["iat"] == 3600
    again = Said(capsys, "new", "--client", "ci", "-c", config)
    assert read_parts(again.out.strip()).claims["jti"] != parts.claims["jti"]


def test_role_and_lifetime_can_be_less_and_the_answer_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = Said(capsys, "new", "--client", "ci", "--role", "viewer", "--expires", "60", "-o", "json", "-c", config)
    parts = read_parts(json.loads(made.out)["access_token"])
    assert (parts.claims["role"], parts.claims["exp"] - parts.claims["iat"]) == ("viewer", 60)


REFUSED = [
    (["--client", "gone"], "allowed: one of auth.clients: ci, eye"),
    (["--client", "ci", "--role", "admin"], "allowed for ci: viewer, operator"),
    (["--client", "ci", "--role", "root"], "allowed for ci: viewer, operator"),
    (["--client", "ci", "--expires", "0"], "allowed: 1 to 31536000"),
    (["--client", "ci", "--expires", "99999999"], "allowed: 1 to 31536000"),
    (["--client", "ci", "-p", "auth.enabled:=false"], "these settings have no auth.enabled"),
    (["--client", "ci", "--secret-file", "x"], "--secret-file is for --url"),
    (["--client", "ci", "--url", "x"], "--url needs --secret-file"),
    (["--client", "ci", "--url", "x", "--role", "viewer"], "are for tokens made here"),
    (["--client", "ci", "--url", "http://127.0.0.1:9", "--secret-file", "/nonexistent"], "cannot be read"),
]


@pytest.mark.parametrize(("arguments", "why"), REFUSED)
def test_what_cannot_be_made_is_refused_in_one_line(
    config: str, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    said = Said(capsys, "new", "-c", config, *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert why in said.err
    assert "opensesame" not in said.err
    assert SECRET not in said.err


def test_mistakes_of_the_settings_are_told_as_check_tells_them(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "new", "--client", "ci", "-c", config, "-p", "server.port:=1")
    assert (said.code, "server.port" in said.err) == (2, True)


def test_keys_of_files_make_tokens_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "private").write_bytes(private_pem(rsa_key()))
    (tmp_path / "public").write_bytes(public_pem(rsa_key()))
    flags = [
        "auth.enabled:=true",
        "auth.jwt_algorithm:=RS256",
        f"auth.jwt_secret_file:={tmp_path / 'private'}",
        f"auth.jwt_public_key:={tmp_path / 'public'}",
        "auth.clients:=ci:x:admin",
    ]
    settings = [part for flag in flags for part in ("-p", flag)]
    made = Said(capsys, "new", "--client", "ci", *settings)
    assert made.code == 0
    inspected = Said(capsys, "inspect", made.out.strip(), *settings)
    assert (inspected.code, "verified: it counts" in inspected.out) == (0, True)


def test_a_token_is_shown_with_its_times_and_whether_it_counts(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = Said(capsys, "new", "--client", "ci", "--expires", "7200", "-c", config).out.strip()
    said = Said(capsys, "inspect", made, "-c", config)
    assert said.code == 0
    for part in ("header alg", "HS256", "sub", "operator", "made", "ends", "from now", "verified: it counts"):
        assert part in said.out
    alone = Said(capsys, "inspect", made)
    assert (alone.code, "not verified: these settings have no auth.enabled" in alone.out) == (0, True)


BAD = [
    (signed(claims(exp=NOW)), "it has expired"),
    (signed(key="another secret of thirty-two bytes"), "it is not signed by whom this gateway believes"),
    (signed(header={"alg": "none", "typ": "access"}), "it is no token of this gateway"),
]


@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_token_that_does_not_count_is_shown_all_the_same_with_the_reason(
    config: str, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    past = signed(claims(iat=1_000_000_000, exp=1_000_003_600)) if why == "it has expired" else text
    said = Said(capsys, "inspect", past, "-c", config)
    assert (said.code, f"verified: {why}" in said.out) == (1, True)
    as_json = json.loads(Said(capsys, "inspect", past, "-c", config, "-o", "json").out)
    assert (as_json["verdict"], as_json["claims"]["sub"]) == (why, "ci")


def test_a_token_may_come_by_standard_input(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Said(capsys, "new", "--client", "ci", "-c", config).out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made.encode())))
    assert Said(capsys, "inspect", "-", "-c", config).code == 0


@pytest.mark.parametrize(
    "text",
    [
        *("opensesame", "a.b", "..", "a.b.c", "!.!.!", f"{segment(b'[]')}.{segment(b'{}')}.x"),
        f"{segment(b'{}')}.{segment(b'no json')}.x",
        "x" * 100_000,
    ],
)
def test_what_is_no_token_is_told_so_and_not_quoted(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "inspect", text)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "opensesame" not in said.err


def test_claims_that_could_draw_on_the_terminal_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "inspect", signed(claims(sub="a\x1b[31mred", role="[bold]x[/bold]", jti=["\x07"])))
    assert said.code == 0
    assert "\x1b[31m" not in said.out
    assert "\x07" not in said.out
    assert "[bold]x[/bold]" in said.out


@pytest.mark.parametrize("told", [True, "now", None, -1, 1e300, [1], 253_402_300_800])
def test_a_time_that_is_none_is_shown_as_it_is(told: Any) -> None:
    assert times({"exp": told}, NOW) == {"ends": f"{told} (no time)"}


def test_times_are_told_in_words() -> None:
    assert times({"iat": NOW - 90, "nbf": NOW - 200, "exp": NOW + 3 * 86_400}, NOW) == {
        "made": "2027-01-15T07:58:30+00:00 (90 s ago)",
        "good from": "2027-01-15T07:56:40+00:00 (3 min ago)",
        "ends": "2027-01-18T08:00:00+00:00 (3 days from now)",
    }


def test_parts_hide_the_token_itself() -> None:
    with pytest.raises(CommandFailed):
        read_parts("x")
    token = signed()
    assert token.rpartition(".")[2] not in repr(read_parts(token))


async def test_a_token_is_fetched_with_the_secret_of_a_client(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("the secret of ci\n")
    (tmp_path / "bad").write_text("opensesame")
    gate = Gate()
    async with serving(World(authority=gate.make())) as client:
        url = f"http://127.0.0.1:{client.port}"
        fetched, refused = await asyncio.gather(
            *(
                grove("token", "new", "--client", "ci", "--url", url, "--secret-file", str(tmp_path / name))
                for name in ("good", "bad")
            )
        )
        (tmp_path / "token").write_text(fetched.out)
        shown = await client.get("/api/v1/apps", {"Authorization": f"Bearer {fetched.out.strip()}"})
        tree, without = await asyncio.gather(
            grove("tree", url, "--token-file", str(tmp_path / "token")), grove("tree", url)
        )
    assert (fetched.code, fetched.err, shown.status) == (0, "", 200)
    assert (refused.code, refused.out, "opensesame" in refused.err) == (1, "", False)
    assert "401" in refused.err
    assert (tree.code, tree.err) == (0, "")
    assert (without.code, "401" in without.err, "Invalid token" in without.err) == (1, True, True)
