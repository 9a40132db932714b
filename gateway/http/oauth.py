"""Refusals in the form of OAuth, as ros2_medkit gives them, and in that of every other error beside it.

Source: docs/authentication.md, "Refusals".
"""

from typing import Any, Final

from gateway.auth.caller import SAVE_RETRY_S
from gateway.auth.roles import Role
from gateway.http.errors import ApiError, error_body

REALM: Final = "ros2_medkit_gateway"
"""The `realm` of `WWW-Authenticate`, the same at every gateway of this kind."""

CHALLENGE: Final = f'Bearer realm="{REALM}"'

NO_STORE: Final = ("Cache-Control", "no-store")

SIGN_IN: Final = "send Authorization: Bearer with a token from POST /api/v1/auth/authorize"


class OAuthError(ApiError):
    """A refusal that has `error` and `error_description` beside `error_code` and `message`."""

    def __init__(
        self, status: int, error: str, description: str, *, code: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """`error`: a word of OAuth; `code`: the word of the other form."""
        super().__init__(status, code, description, headers=(NO_STORE, *headers))
        self.error = error

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        return {"error": self.error, "error_description": self.message, **error_body(self.code, self.message)}


def invalid_token(why: str) -> OAuthError:
    """401 for a request whose token is missing, or not believed."""
    challenge = ("WWW-Authenticate", f'{CHALLENGE}, error="invalid_token"')
    return OAuthError(
        401, "invalid_token", f"Invalid token: {why}; {SIGN_IN}", code="unauthorized", headers=(challenge,)
    )


def insufficient_scope(needed: Role, held: Role) -> OAuthError:
    """403 for a caller that is known and may not."""
    challenge = ("WWW-Authenticate", f'{CHALLENGE}, error="insufficient_scope", scope="{needed.word}"')
    return OAuthError(
        403,
        "insufficient_scope",
        f"Insufficient permissions: this needs the role {needed.word}, and the token has {held.word}",
        code="forbidden",
        headers=(challenge,),
    )


def bad_request(description: str) -> OAuthError:
    """400 for a body that does not ask for anything that can be given."""
    return OAuthError(400, "invalid_request", description, code="invalid-request")


def unsupported_grant(allowed: str) -> OAuthError:
    """400 for another `grant_type` than the one of the route."""
    return OAuthError(
        400, "unsupported_grant_type", f"grant_type must be {allowed} on this path", code="invalid-parameter"
    )


def invalid_client() -> OAuthError:
    """401, the same whether the client or only its secret is unknown."""
    challenge = ("WWW-Authenticate", CHALLENGE)
    return OAuthError(
        401, "invalid_client", "Client id and secret do not belong together", code="unauthorized", headers=(challenge,)
    )


def invalid_grant() -> OAuthError:
    """401 for a refresh token that is none, was used before, or is over."""
    challenge = ("WWW-Authenticate", CHALLENGE)
    return OAuthError(
        401,
        "invalid_grant",
        "The refresh token is not good any more, or never was; sign in again at POST /api/v1/auth/authorize",
        code="unauthorized",
        headers=(challenge,),
    )


def too_many_failures(retry_after_s: int) -> OAuthError:
    """429 while failures are being forgiven."""
    return OAuthError(
        429,
        "rate-limit-exceeded",
        f"Too many failed attempts to sign in; try again in {retry_after_s} s",
        code="rate-limit-exceeded",
        headers=(("Retry-After", str(retry_after_s)),),
    )


def not_saved(what: str) -> OAuthError:
    """503 for what would be forgotten with a restart."""
    return OAuthError(
        503,
        "temporarily_unavailable",
        f"{what}; try again in {SAVE_RETRY_S:g} s, and see tokens_unsaved in /api/v1/health",
        code="service-unavailable",
        headers=(("Retry-After", f"{SAVE_RETRY_S:g}"),),
    )


def no_tokens_here(why: str) -> OAuthError:
    """404 where no tokens are given out."""
    return OAuthError(404, "resource-not-found", why, code="resource-not-found")
