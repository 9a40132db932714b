"""Sessions have bounds, forget what has expired, and are kept in a file that is whole or not there."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.auth.roles import Role
from gateway.auth.session_file import SESSIONS_FILE, SessionFile, restore_sessions
from gateway.auth.sessions import MAX_FAMILIES, MAX_REVOKED, Sessions
from gateway.auth.tokens import LEEWAY_S, Token, TokenKind
from gateway.state_dir import StateDir
from tests.federation.eventually import eventually
from tests.unit.auth.minting import NOW

HOUR = 3600


def access(token_id: str, *, client: str = "ci", issued: int = NOW, family: str | None = None) -> Token:
    return Token(TokenKind.ACCESS, client, Role.VIEWER, issued, issued, issued + HOUR, token_id, family)


def refresh(family: str, turn: int = 0, *, client: str = "ci") -> Token:
    return Token(TokenKind.REFRESH, client, Role.VIEWER, NOW, NOW, NOW + 24 * HOUR, f"{family}.{turn}", family, turn)


def opened(sessions: Sessions, family: str, *, client: str = "ci", now: int = NOW) -> None:
    sessions.open(family, client, now=now, expires=now + 24 * HOUR, access_until=now + HOUR)


def renewed(sessions: Sessions, token: Token, *, now: int = NOW) -> bool:
    return sessions.renew(token, now=now, access_until=now + HOUR) is not None


def test_of_too_many_sign_ins_of_one_client_the_oldest_can_no_longer_be_renewed() -> None:
    sessions = Sessions()
    opened(sessions, "of-another", client="boss")
    for n in range(MAX_FAMILIES + 1):
        opened(sessions, f"f{n}")
    assert not renewed(sessions, refresh("f0"))
    assert renewed(sessions, refresh("f1"))
    assert renewed(sessions, refresh("of-another", client="boss"))
    assert not sessions.is_revoked(access("a", family="f0"))


def test_after_too_many_revocations_everything_of_that_client_is_revoked_and_of_no_other() -> None:
    sessions = Sessions()
    opened(sessions, "f")
    for n in range(MAX_REVOKED + 1):
        sessions.revoke_token(access(f"t{n}"), now=NOW)
    assert len(sessions.save()) < 1000
    for token in (access("t0"), access("never-revoked"), refresh("f")):
        assert sessions.is_revoked(token)
    assert not renewed(sessions, refresh("f"))
    assert not sessions.is_revoked(access("t", client="boss"))
    later = sessions.earliest_issue("ci", NOW)
    assert not sessions.is_revoked(access("new", issued=later))
    assert later <= NOW + LEEWAY_S


def test_what_would_have_expired_anyhow_is_forgotten_and_nothing_before() -> None:
    sessions = Sessions()
    opened(sessions, "f")
    sessions.revoke_family(refresh("f"), now=NOW, access_until=NOW + HOUR)
    sessions.revoke_token(access("t"), now=NOW)
    for hour in (0, 1):
        opened(sessions, "g", now=NOW + hour * HOUR)
        assert sessions.is_revoked(access("t"))
    opened(sessions, "h", now=NOW + 25 * HOUR)
    assert repr(sessions) == "<Sessions 2 families, 0 revoked>"


def test_a_refresh_token_of_another_client_or_from_the_future_ends_the_sign_in() -> None:
    for stranger in (refresh("f", client="boss"), refresh("f", turn=1)):
        sessions = Sessions()
        opened(sessions, "f")
        assert not renewed(sessions, stranger)
        assert sessions.is_revoked(access("a", family="f"))
        assert not renewed(sessions, refresh("f"))


AS_BEFORE = {"ci": "one", "boss": "two"}


@pytest.mark.parametrize("now", [{"ci": "another", "boss": "two"}, {"boss": "two"}], ids=["new secret", "gone"])
def test_a_client_that_went_or_has_another_secret_since_the_last_run_is_out_with_all_its_tokens(
    tmp_path: Path, now: dict[str, str]
) -> None:
    state = StateDir.open(tmp_path / "state")
    sessions = Sessions(AS_BEFORE)
    for client in AS_BEFORE:
        opened(sessions, f"of {client}", client=client)
        sessions.proven[client] = ["127.0.0.1"]
    state.save(SESSIONS_FILE, sessions.save())
    for secrets in (now, AS_BEFORE):  # also when it comes back as it was
        again = Sessions(secrets)
        restore_sessions(state, again, now=NOW + 1)
        assert again.is_revoked(access("t"))
        assert not renewed(again, refresh("of ci"))
        assert not again.is_revoked(access("t", client="boss"))
        assert again.proven == {"boss": ["127.0.0.1"]}
        assert repr(again) == "<Sessions 1 families, 0 revoked>"
    state.close()


def test_sessions_of_before_secrets_were_known_again_count_on(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path / "state")
    sessions = Sessions()
    opened(sessions, "f")
    opened(sessions, "g", client="boss")
    state.save(SESSIONS_FILE, sessions.save().replace(b'"secrets":{},"proven":{}', b'"more":0'))
    again = Sessions({"ci": "one"})
    restore_sessions(state, again, now=NOW + 1)
    assert renewed(again, refresh("f"))
    assert not renewed(again, refresh("g", client="boss"))
    last = Sessions({"ci": "another"})
    restore_sessions(state, last, now=NOW + 1)
    assert last.is_revoked(access("t"))  # from the first start on they are known
    state.close()


async def test_fault_076_the_file_has_what_was_kept_and_many_changes_share_a_write(tmp_path: Path) -> None:
    state = await asyncio.to_thread(StateDir.open, tmp_path / "state")
    writes: list[str] = []

    class Counting(StateDir):
        def save(self, name: str, body: bytes) -> None:
            writes.append(name)
            super().save(name, body)

    sessions = Sessions()
    file = SessionFile(Counting(state.path, ephemeral=False), sessions)
    for n in range(50):
        opened(sessions, f"f{n}")
    await asyncio.gather(*(file.keep() for _ in range(50)))
    assert len(writes) <= 2
    sessions.revoke_token(access("t"), now=NOW)
    await file.keep()
    await file.aclose()
    again = Sessions({"ci": "of ci"})
    await asyncio.to_thread(restore_sessions, state, again, now=NOW)
    assert again.is_revoked(access("t"))
    assert renewed(again, refresh("f49"))
    state.close()


async def test_a_write_goes_on_though_whoever_asked_for_it_left(tmp_path: Path) -> None:
    state = await asyncio.to_thread(StateDir.open, tmp_path / "state")
    sessions = Sessions()
    file = SessionFile(state, sessions)
    opened(sessions, "f")
    keeping = asyncio.create_task(file.keep())
    await asyncio.sleep(0)
    keeping.cancel()
    await file.aclose()
    assert b'"f"' in (tmp_path / "state" / SESSIONS_FILE).read_bytes()
    state.close()


async def test_a_full_disk_is_told_once_and_the_next_change_tries_again(tmp_path: Path) -> None:
    class Full(StateDir):
        is_full = True

        def save(self, name: str, body: bytes) -> None:
            if self.is_full:
                raise OSError(28, "No space left on device")
            super().save(name, body)

    (tmp_path / "state").mkdir()
    state = Full(tmp_path / "state", ephemeral=False)
    sessions = Sessions()
    file = SessionFile(state, sessions)
    with capture_logs() as logs:
        assert await asyncio.gather(*(file.keep() for _ in range(3))) == [False] * 3
        assert not await file.keep()
    assert [entry["event"] for entry in logs] == ["tokens could not be saved"]
    assert [warned.code for warned in file.warnings()] == ["tokens_unsaved"]
    state.is_full = False
    opened(sessions, "f")
    assert await file.keep()
    assert [*file.warnings()] == []
    assert b'"f"' in (tmp_path / "state" / SESSIONS_FILE).read_bytes()


async def test_what_could_not_be_saved_is_saved_later_though_nothing_changes(tmp_path: Path) -> None:
    class FullOnce(StateDir):
        tries = 0

        def save(self, name: str, body: bytes) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError(28, "No space left on device")
            super().save(name, body)

    (tmp_path / "state").mkdir()
    sessions = Sessions()
    file = SessionFile(FullOnce(tmp_path / "state", ephemeral=False), sessions, retry_s=0.01)
    trying = asyncio.create_task(file.run())
    sessions.revoke_token(access("t"), now=NOW)
    assert not await file.keep()
    await eventually(lambda: not [*file.warnings()])
    assert b'"t"' in (tmp_path / "state" / SESSIONS_FILE).read_bytes()
    trying.cancel()
    await asyncio.wait([trying])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"families": 1}', b"\xff"])
def test_where_the_file_is_unusable_nothing_given_out_before_counts(tmp_path: Path, body: bytes) -> None:
    """What had been revoked is not known any more, so everything is."""
    state = StateDir.open(tmp_path / "state")
    state.save(SESSIONS_FILE, body)
    sessions = Sessions()
    restore_sessions(state, sessions, now=NOW)
    assert sessions.is_revoked(access("t", issued=NOW))
    assert not sessions.is_revoked(access("t", issued=sessions.earliest_issue("ci", NOW)))
    assert (state.path / f"{SESSIONS_FILE}.unusable").read_bytes() == body
    again = Sessions()
    restore_sessions(state, again, now=NOW - HOUR)
    assert again.is_revoked(access("t", issued=NOW))
    state.close()


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.mkdir(), lambda path: path.symlink_to(path), lambda path: path.symlink_to("/nowhere/tokens")],
)
def test_where_the_file_cannot_be_read_nothing_given_out_before_counts(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    state = StateDir.open(tmp_path / "state")
    spoil(state.path / SESSIONS_FILE)
    sessions = Sessions()
    restore_sessions(state, sessions, now=NOW)
    assert sessions.is_revoked(access("t", issued=NOW))
    assert state.is_set_aside(SESSIONS_FILE)
    (state.path / SESSIONS_FILE).unlink()  # as if the process had died before it was written anew
    again = Sessions()
    restore_sessions(state, again, now=NOW)
    assert again.is_revoked(access("t", issued=NOW))
    state.close()
