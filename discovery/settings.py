"""Settings about finding peers: the part of `aggregation.*` that says who they are and where.

They are fields of the gateway's `aggregation` group (one group for everything about peers); the
defaults are upstream's (docs/configuration.md).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from annotated_types import Ge, Le, MaxLen, Predicate, doc

_MDNS_SERVICE: Final = re.compile(r"_[A-Za-z0-9-]{1,15}\._(tcp|udp)\.local\.?")


def is_mdns_service(text: str) -> bool:
    """Whether it is the name of an mDNS service, such as `_medkit._tcp.local`."""
    return _MDNS_SERVICE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSetting:
    """One static peer as an item of `aggregation.peers`."""

    name: str
    """Unique among the peers, `[A-Za-z0-9_-]{1,256}`, without `__`: it prefixes App ids."""

    url: str
    """`http://HOST[:PORT]` or `https://HOST[:PORT]`; no path, query or credentials."""

    token_file: Path | None = None
    """File with the bearer token this peer is sent, read again when it changes; none: no token."""

    client_id: str | None = None
    """Who we sign in as at this peer, which gives out tokens; none: we do not."""

    client_secret_file: Path | None = None
    """File with the secret of `client_id`."""

    ca_file: Path | None = None
    """PEM certificates this https peer is checked against; none: the system's."""

    pins: tuple[str, ...] = ()
    """Keys of which this https peer must have one, as `sha256//BASE64`; without `ca_file` nothing else is looked at."""

    cert_file: Path | None = None
    """PEM certificate chain shown to this https peer (mutual TLS); none: none."""

    key_file: Path | None = None
    """PEM private key of `cert_file`; none: it stands in the same file."""

    timeout_ms: Annotated[int, Ge(10), Le(600_000)] | None = None
    """Milliseconds for a request to this peer; none: `aggregation.timeout_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSettings:
    """Who the peers are: the static ones, and the rules for discovered ones."""

    peers: tuple[PeerSetting, ...] = ()
    """Static peers, our form. Come before those of `peer_urls`."""

    peer_urls: tuple[str, ...] = ()
    """Static peers, upstream's form: `peer_urls[i]` belongs to `peer_names[i]`."""

    peer_names: tuple[str, ...] = ()
    """Names of `peer_urls`, as many as there are URLs."""

    announce: bool = False
    """Whether this gateway makes itself known by mDNS."""

    discover: bool = False
    """Whether peers are looked for by mDNS."""

    mdns_service: Annotated[str, Predicate(is_mdns_service), doc("an mDNS service such as _medkit._tcp.local")] = (
        "_medkit._tcp.local"
    )
    """mDNS service type that is announced and looked for."""

    mdns_name: Annotated[str, MaxLen(63), doc("text of at most 63 characters")] = ""
    """mDNS instance name; empty: the host name."""

    mdns_interfaces: tuple[str, ...] = ()
    """Network interfaces mDNS uses, by name; empty: those that `server.host` listens on."""

    require_tls: bool = False
    """Whether an http:// peer is refused."""

    peer_files: tuple[Path, ...] = ()
    """Files that list peers, or directories of such files; watched."""

    peer_dns: tuple[str, ...] = ()
    """DNS names that lead to peers: `dnssrv+_SERVICE._tcp.NAME` or `dns+NAME:PORT`."""

    dns_servers: tuple[str, ...] = ()
    """DNS servers that `peer_dns` is asked of, as ADDRESS or ADDRESS:PORT; empty: the system's."""

    discovery_subnets: tuple[str, ...] = ()
    """Networks that mDNS may lead to, as ADDRESS/LENGTH; empty: those of this machine's interfaces."""

    peer_scheme: Literal["http", "https"] = "http"
    """Scheme of peers found by mDNS or DNS, whose records do not tell it."""

    max_discovered_peers: Annotated[int, Ge(1), Le(1000)] = 50
    """Most peers taken from discovery at a time; static peers do not count."""

    @property
    def looks_for_peers(self) -> bool:
        """Whether there is a source of peers beside the static ones."""
        return bool(self.discover or self.peer_files or self.peer_dns)


@dataclass(frozen=True, slots=True, kw_only=True)
class MdnsSettings:
    """How mDNS is spoken; seconds. Not for users: the figures are those of RFC 6762 or follow from it."""

    retry_s: float = 30.0
    """Between two attempts to open sockets that could not be opened."""

    interfaces_s: float = 2.0
    """Between two looks at the network interfaces."""

    trial_s: float = 0.2
    """The same while an address is on trial: it can be used in a second or two."""

    first_pause_s: float = 1.0
    """Between the first and the second question; then twice as long each time (section 5.2)."""

    longest_pause_s: float = 60.0
    """Longest pause between questions."""

    memory_s: float = 4500.0
    """How long a gateway that is not heard any more is remembered: 75 minutes, the lifetime of its records."""

    farewell_s: float = 10.0
    """The same of one that said goodbye: long enough to ask it whether it did."""

    settle_s: float = 0.05
    """What is heard within this time is published together."""

    max_neighbours: int = 256
    """Most instances noted that are no peers, of all senders together."""

    max_of_sender: int = 32
    """Of these, those that one sender spoke of."""

    chance_s: float = 60.0
    """Time for an instance to become a peer before it gives way to others; longer than trying all of them takes."""

    record_burst: int = 1024
    """Records of one sender that are read at once."""

    records_per_s: float = 200.0
    """Records of one sender a second that are read for good."""

    senders_together: int = 4
    """All senders together may say as much as so many of them."""

    max_senders: int = 1024
    """Most senders whose records are counted."""

    answer_burst: int = 4
    """Times an answer is multicast before it must wait until a second is over (section 6)."""

    answer_pause_s: float = 0.25
    """Between two times that an answer is multicast (section 6)."""

    reply_burst: int = 32
    """Replies to one asker that are sent at once."""

    replies_per_s: float = 8.0
    """Replies to one asker a second that are sent for good."""

    askers_together: int = 8
    """All askers together are sent as much as so many of them."""

    most_names: int = 100
    """Names that are tried: the wanted one, then with numbers."""

    max_questions: int = 16
    """Most instances whose place is asked for at a time."""

    ask_again_s: float = 5.0
    """Before the place of an instance that was named without one is asked for again."""
