"""Which role a request needs: one table, matched against decoded path segments. Pure.

Whatever no row names needs an admin. Source: docs/authentication.md, "What each role may do".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.auth.roles import Role
from gateway.http.path import EntityCollection, EntityPath, Route, ServerPath

Policy = Literal["none", "write", "all"]

READS: Final = frozenset({"GET", "HEAD"})

_READ: Final = ("GET",)
_KINDS: Final = frozenset({"areas", "components", "apps", "functions"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: these methods on paths of this pattern need this role. GET stands for HEAD too.

    In a pattern `{entity}` is a kind and an id, `*` one segment, and `**` at the end whatever stands there, an item id
    with slashes too, or nothing.
    """

    role: Role
    methods: tuple[str, ...]
    pattern: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The pattern in parts, `{entity}` as two."""
        parts = self.pattern.strip("/").split("/")
        return tuple(each for part in parts for each in (("{kind}", "*") if part == "{entity}" else (part,)) if each)


def _rules(role: Role, methods: tuple[str, ...], *patterns: str) -> tuple[Rule, ...]:
    return tuple(Rule(role, methods, pattern) for pattern in patterns)


TABLE: Final[tuple[Rule, ...]] = (
    *_rules(
        Role.VIEWER,
        _READ,
        "/",
        "/health",
        "/version-info",
        "/docs",
        "/x-medkit-tree",
        "/x-medkit-events",
        "/x-medkit-peers",
        "/x-medkit-route/*",
        "/faults",
        "/faults/stream",
        "/updates",
        "/updates/*",
        "/updates/*/status",
        "/{kind}",
        "{entity}",
        "{entity}/docs",
        "{entity}/subareas",
        "{entity}/components",
        "{entity}/contains",
        "{entity}/subcomponents",
        "{entity}/hosts",
        "{entity}/depends-on",
        "{entity}/is-located-on",
        "{entity}/belongs-to",
        "{entity}/data/**",
        "{entity}/data-categories",
        "{entity}/data-groups",
        "{entity}/operations/**",
        "{entity}/configurations/**",
        "{entity}/faults/**",
        "{entity}/logs/**",
        "{entity}/bulk-data/**",
        "{entity}/subareas/*/bulk-data/**",
        "{entity}/subcomponents/*/bulk-data/**",
        "{entity}/triggers/**",
        "{entity}/cyclic-subscriptions/**",
        "{entity}/locks/**",
        "{entity}/scripts/**",
        "{entity}/status/**",
        "{entity}/x-medkit-graph",
    ),
    *_rules(Role.OPERATOR, ("PUT",), "{entity}/data/**"),
    *_rules(Role.OPERATOR, ("POST", "PUT", "DELETE"), "{entity}/operations/**"),
    *_rules(Role.OPERATOR, ("DELETE",), "/faults", "{entity}/faults/**"),
    *_rules(Role.OPERATOR, ("POST", "DELETE"), "{entity}/bulk-data/**"),
    *_rules(
        Role.OPERATOR,
        ("POST", "PUT", "DELETE"),
        "{entity}/locks/**",
        "{entity}/triggers/**",
        "{entity}/cyclic-subscriptions/**",
        "{entity}/scripts/*/executions/**",
    ),
    *_rules(
        Role.OPERATOR, ("PUT",), "{entity}/status/start", "{entity}/status/restart", "{entity}/status/force-restart"
    ),
    *_rules(Role.CONFIGURATOR, ("PUT", "DELETE"), "{entity}/configurations/**"),
    *_rules(Role.CONFIGURATOR, ("PUT",), "{entity}/logs/configuration"),
    *_rules(Role.CONFIGURATOR, ("PUT",), "{entity}/status/shutdown", "{entity}/status/force-shutdown"),
    *_rules(Role.CONFIGURATOR, ("POST",), "{entity}/scripts"),
    *_rules(Role.CONFIGURATOR, ("DELETE",), "{entity}/scripts/*"),
    *_rules(Role.CONFIGURATOR, ("POST",), "/updates"),
    *_rules(Role.CONFIGURATOR, ("DELETE",), "/updates/*"),
    *_rules(Role.CONFIGURATOR, ("PUT",), "/updates/*/prepare", "/updates/*/execute", "/updates/*/automated"),
)
"""All rows; the first one that fits counts. No two that fit one request name different roles."""


def least_role(method: str, route: Route) -> Role:
    """The least role with which `method` may be asked of `route`."""
    asked = "GET" if method in READS else method
    segments = segments_of(route)
    return next(
        (rule.role for rule, parts in _COMPILED if asked in rule.methods and _fits(parts, segments)),
        Role.ADMIN,
    )


def needs_token(policy: Policy, method: str, route: Route, *, is_passed_on: bool) -> bool:
    """Whether `auth.require_auth_for` asks for a token here. `is_passed_on`: the request names a gateway to answer it.

    `/health` is there for everybody, for upstream gateways ask it without a token; who the peers are is not.
    """
    match policy:
        case "none":
            return False
        case _ if isinstance(route, ServerPath) and route.name == "x-medkit-peers":
            return True
        case _ if isinstance(route, ServerPath) and (route.name, route.rest) == ("health", ()) and method in READS:
            return is_passed_on  # there it is asked with our own credential
        case "write":
            return method not in READS
        case "all":
            return True


def segments_of(route: Route) -> tuple[str, ...]:
    """The decoded segments of a route below `/api/v1`."""
    match route:
        case ServerPath(name=name, rest=rest):
            return (name, *rest) if name else ()
        case EntityCollection(kind=kind):
            return (kind.value,)
        case EntityPath(kind=kind, entity_id=entity_id, rest=rest):
            return (kind.value, entity_id, *rest)


def _fits(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    is_open = bool(pattern) and pattern[-1] == "**"
    fixed = pattern[:-1] if is_open else pattern
    if len(segments) < len(fixed) or (len(segments) > len(fixed) and not is_open):
        return False
    return all(
        part in ("*", segment) or (part == "{kind}" and segment in _KINDS)
        for part, segment in zip(fixed, segments, strict=False)
    )


_COMPILED: Final = tuple((rule, rule.segments) for rule in TABLE)
