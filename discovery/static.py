"""The static peers: both forms of the settings as one tuple of endpoints, every mistake named."""

import dataclasses
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from discovery.endpoint import PeerEndpoint
from discovery.settings import FindingSettings, PeerSetting

NAME_RULE: Final = "1 to 256 letters, digits, '-' and '_', without '__'"
URL_RULE: Final = "http://HOST[:PORT] or https://HOST[:PORT]"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HOST_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}")
_NUMERIC_LABEL: Final = re.compile(r"([0-9]+|0x[0-9a-f]*)\.?")
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BadUrl:
    """Why a text is not the URL of a peer, as the end of `found 'TEXT', ...`."""

    reason: str


@dataclass(frozen=True, slots=True)
class PeerMistake:
    """One mistake among the static peers. `key` is relative to `aggregation`: `peers[1].url`.

    `text` is what stands there (None: the complaint says it), `complaint` what is wrong with it
    (empty: `allowed` says it).
    """

    key: str
    text: str | None
    complaint: str
    allowed: str


@dataclass(frozen=True, slots=True)
class StaticPeers:
    """The good endpoints in the order of the settings, and everything that was wrong."""

    endpoints: tuple[PeerEndpoint, ...]
    mistakes: tuple[PeerMistake, ...]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A name and a URL as configured, with the keys they stand at."""

    name_key: str
    name: str
    url_key: str
    url: str
    terms: str = ""


def static_endpoints(settings: FindingSettings) -> tuple[PeerEndpoint, ...]:
    """The static peers: those of `peers` first, then the pairs of `peer_urls` and `peer_names`.

    Settings that were read by the gateway hold no mistakes; a mistaken peer is left out here.
    """
    return parse_static(settings).endpoints


def parse_static(settings: FindingSettings) -> StaticPeers:
    """Check every static peer; names and URLs are unique over both forms."""
    endpoints: list[PeerEndpoint] = []
    mistakes: list[PeerMistake] = []
    names: dict[str, str] = {}
    urls: dict[str, str] = {}
    if len(settings.peer_urls) != len(settings.peer_names):
        mistakes.append(_unequal_lengths(settings))
    for claim in _claims(settings):
        found = [*_name_mistakes(claim, names)]
        url = normalise_url(claim.url)
        if isinstance(url, BadUrl):
            found.append(PeerMistake(claim.url_key, claim.url, url.reason, URL_RULE))
        elif url in urls:
            found.append(_taken(claim.url_key, claim.url, urls[url]))
        else:
            urls[url] = claim.url_key
            if not found:
                endpoints.append(PeerEndpoint(name=claim.name, url=url, terms=claim.terms))
        names.setdefault(claim.name, claim.name_key)
        mistakes.extend(found)
    return StaticPeers(tuple(endpoints), tuple(mistakes))


def is_peer_name(text: str) -> bool:
    """Whether a peer may be called so: `NAME_RULE`."""
    return _NAME.fullmatch(text) is not None and "__" not in text


def normalise_url(text: str) -> str | BadUrl:
    """`text` as scheme://host:port: lower case, port written out, IPv6 in its short form."""
    if _VISIBLE_ASCII.fullmatch(text) is None:
        return BadUrl("which is empty or has blanks or characters outside ASCII")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return BadUrl(f"which is no URL ({error})")
    if parts.scheme not in _DEFAULT_PORTS:
        return BadUrl("which begins with neither http:// nor https://")
    if surplus := _surplus(parts):
        return BadUrl(f"which has {surplus}")
    host = _normalise_host(parts.hostname or "")
    if host is None:
        return BadUrl("whose host is neither a name nor an address")
    if port == 0:
        return BadUrl("whose port is 0")
    return f"{parts.scheme}://{host}:{port or _DEFAULT_PORTS[parts.scheme]}"


def _surplus(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return "credentials before the host"
    if parts.path not in {"", "/"}:
        return "a path"
    if parts.query or parts.fragment:
        return "a query or a fragment"
    return None


def _normalise_host(host: str) -> str | None:
    if ":" in host:
        return _normalise_ipv6(host)
    if _NUMERIC_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:  # 256.1.1.1, 127.1, 0x7f.1: resolvers disagree on what they mean
            return None
    return host if _HOST_NAME.fullmatch(host) and ".." not in host else None


def _normalise_ipv6(host: str) -> str | None:
    address, percent, zone = host.partition("%")
    zone = zone.removeprefix("25")  # RFC 6874 writes the zone's % as %25
    if percent and _HOST_NAME.fullmatch(zone) is None:
        return None
    try:
        short = ipaddress.IPv6Address(address).compressed
    except ValueError:
        return None
    return f"[{short}%25{zone}]" if percent else f"[{short}]"


def _claims(settings: FindingSettings) -> Iterator[_Claim]:
    for index, peer in enumerate(settings.peers):
        yield _Claim(f"peers[{index}].name", peer.name, f"peers[{index}].url", peer.url, _terms(peer))
    pairs = zip(settings.peer_names, settings.peer_urls, strict=False)
    for index, (name, url) in enumerate(pairs):
        if name or url:  # upstream's files pad their lists with ""
            yield _Claim(f"peer_names[{index}]", name, f"peer_urls[{index}]", url)


def _terms(peer: PeerSetting) -> str:
    """Everything that is set beside name and URL; empty if nothing is."""
    told = dataclasses.asdict(dataclasses.replace(peer, name="", url=""))
    return " ".join(f"{key}={value}" for key, value in told.items() if value)


def _name_mistakes(claim: _Claim, names: dict[str, str]) -> Iterator[PeerMistake]:
    if not is_peer_name(claim.name):
        yield PeerMistake(claim.name_key, claim.name, "", NAME_RULE)
    elif claim.name in names:
        yield _taken(claim.name_key, claim.name, names[claim.name])


def _taken(key: str, text: str, owner: str) -> PeerMistake:
    return PeerMistake(key, text, f"which is that of aggregation.{owner} too", "each peer once")


def _unequal_lengths(settings: FindingSettings) -> PeerMistake:
    urls, names = len(settings.peer_urls), len(settings.peer_names)
    complaint = f"a list of {names} for the {urls} URLs of aggregation.peer_urls"
    return PeerMistake("peer_names", None, complaint, "as many names as URLs")
