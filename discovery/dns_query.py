"""How a DNS query for peers, and a DNS server, are written in the settings. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

QUERY_RULE: Final = "dnssrv+_SERVICE._tcp.NAME for SRV records, or dns+NAME:PORT for the addresses of a name"
SERVER_RULE: Final = "ADDRESS or ADDRESS:PORT of a DNS server, IPv6 with a port as [ADDRESS]:PORT"

DNS_PORT: Final = 53

_QUERY: Final = re.compile(r"(?P<kind>dns|dnssrv)\+(?P<name>[A-Za-z0-9_.-]{1,253})(:(?P<port>[0-9]{1,5}))?")
_SERVICE_NAME: Final = re.compile(r"_[A-Za-z0-9-]+\._tcp\..+", re.IGNORECASE)
_SERVER: Final = re.compile(
    r"\[(?P<six>[0-9A-Fa-f:.]+)\](:(?P<port6>[0-9]{1,5}))?|(?P<four>[0-9.]+):(?P<port4>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """What is asked: SRV records of a name (`port` is None), or its addresses."""

    name: str
    port: int | None

    def __str__(self) -> str:
        return f"dnssrv+{self.name}" if self.port is None else f"dns+{self.name}:{self.port}"


def parse_query(text: str) -> DnsQuery | None:
    """The query of `QUERY_RULE`; None for anything else."""
    match = _QUERY.fullmatch(text)
    if match is None or ".." in match["name"] or match["name"].startswith("."):
        return None
    if match["kind"] == "dnssrv":
        is_service = match["port"] is None and _SERVICE_NAME.fullmatch(match["name"])
        return DnsQuery(match["name"], None) if is_service else None
    port = int(match["port"] or 0)
    return DnsQuery(match["name"], port) if 0 < port < 65536 else None


def parse_server(text: str) -> tuple[str, int] | None:
    """The address and port of `SERVER_RULE`; None for anything else."""
    match = _SERVER.fullmatch(text)
    address = text if match is None else match["six"] or match["four"]
    port = DNS_PORT if match is None else int(match["port6"] or match["port4"] or DNS_PORT)
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    return (address, port) if 0 < port < 65536 else None
