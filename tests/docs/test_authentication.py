"""The page about authentication: its table is the program's, and so are its figures and words."""

import shutil
from pathlib import Path

import pytest

from gateway.auth import attempts, jwks, keys, sessions, tokens
from gateway.auth.access import TABLE
from gateway.auth.roles import Role
from gateway.http import oauth
from gateway.http.errors import ApiError
from gateway.http.handlers.auth import MAX_FORM_BYTES
from tests.docs.pages import DOCS, lines_of, rows, spans, steps
from tests.docs.terminals import Terminals

PAGE = DOCS / "authentication.md"

METHODS = ("GET", "POST", "PUT", "DELETE")


def test_the_table_of_roles_is_the_one_that_is_enforced() -> None:
    told = {
        (method, path, role)
        for paths, *cells in rows(PAGE, "What each role may do")
        for method, role in zip(METHODS, cells, strict=True)
        for path in spans(paths)
        if role
    }
    enforced = {(method, rule.pattern, rule.role.word) for rule in TABLE for method in rule.methods}
    assert (sorted(told - enforced), sorted(enforced - told)) == ([], [])


def test_every_refusal_is_in_the_table_with_its_words() -> None:
    made: list[ApiError] = [
        oauth.invalid_token("x"),
        oauth.insufficient_scope(Role.ADMIN, Role.VIEWER),
        oauth.invalid_client(),
        oauth.invalid_grant(),
        oauth.bad_request("x"),
        oauth.unsupported_grant("x"),
        oauth.too_many_failures(1),
        oauth.no_tokens_here("x"),
        oauth.not_saved("x"),
    ]
    told = {(row[0], *spans(row[1]), *spans(row[2])) for row in rows(PAGE, "Refusals")}
    assert told == {(str(one.status), one.body()["error"], one.body()["error_code"]) for one in made}
    assert {*made[0].body()} == {"error", "error_description", "error_code", "message"}


def test_the_page_says_the_figures_of_the_program() -> None:
    text = " ".join(line.text for line in lines_of(PAGE))
    limits = attempts.AttemptLimits()
    for figure in (
        f"give or take {tokens.LEEWAY_S} s",
        f"{MAX_FORM_BYTES // 1024} KiB",
        f"at most {sessions.MAX_FAMILIES} sign-ins",
        f"more than {sessions.MAX_REVOKED} revocations",
        f"fail {limits.per_address} times, and a client {limits.per_client} times",
        f"forgiven every {limits.forgiven_s:g} s",
        f"at least {keys.MIN_SECRET_BYTES} bytes",
        f"at least {keys.MIN_RSA_BITS} bits",
        f"every {jwks.REFRESH_S:g} s",
        f"within {jwks.HURRY_S:g} s",
        f"At most {keys.MAX_KEYS} keys and {jwks.MAX_BYTES // 1024} KiB",
    ):
        assert figure in text, figure
    assert tokens.MAX_LIFETIME_S == 365 * 24 * 3600


@pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "jq", "openssl"))), reason="a reader of this page has curl, jq and openssl"
)
async def test_every_command_of_the_page_says_what_the_page_says(tmp_path: Path) -> None:
    async with Terminals(tmp_path) as terminals:
        await terminals.follow(steps(PAGE))
