"""Why mDNS does not work here, for people: the cause the system gave, and what can be done."""

import errno
from collections.abc import Mapping
from typing import Final

_REMEDIES: Final = {
    errno.EADDRINUSE: (
        "another program holds UDP port 5353 for itself alone: stop it, or let it share the port "
        "(Avahi: disallow-other-stacks=no in avahi-daemon.conf; systemd-resolved: MulticastDNS=no)"
    ),
    errno.EACCES: (
        "the system forbids it: port 5353 needs no privilege, and setcap cap_net_bind_service helps only where "
        "net.ipv4.ip_unprivileged_port_start is above 5353; look there, then for a security policy or a container's "
        "rules, or run as root to see whether that is it"
    ),
    errno.EPERM: (
        "a firewall or a security policy forbids it: allow UDP port 5353 to and from 224.0.0.251 and ff02::fb"
    ),
    errno.ENETUNREACH: "there is no network that carries multicast: connect one, or add a route for 224.0.0.0/4",
    errno.ENODEV: "the network interface went away: it is tried again by itself",
}
NO_INTERFACE: Final = (
    "no network interface is up, carries multicast, and is one that server.host listens on or that "
    "aggregation.mdns_interfaces names"
)

_OTHERWISE: Final = "in a container, multicast needs the host's network (docker run --net=host)"
_ALWAYS: Final = (
    "or list the peers (aggregation.peers) and set aggregation.announce and aggregation.discover to false; "
    "peers that are listed work all the same"
)


HEADLINE: Final = "mDNS: Failed to open mDNS announce socket on port 5353."
"""The log line of a gateway that cannot announce itself; upstream's, word for word."""

PARTLY: Final = "mdns does not reach every network"
"""That of one that is announced on some of its interfaces only."""


def explain(error: Exception) -> str:
    """The cause and the remedies as one text."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        cause = str(error) or type(error).__name__
    else:
        cause = f"{errno.errorcode.get(number, 'errno ' + str(number))}: {getattr(error, 'strerror', None) or error}"
    return f"{cause}; {_REMEDIES.get(number or 0, _OTHERWISE)}; {_ALWAYS}"


def explain_partly(silent: Mapping[tuple[str, int], OSError]) -> str | None:
    """The same where only some ways do not work, each an interface and an IP version; None where there are none."""
    if not silent:
        return None
    where = ", ".join(f"{interface} by IPv{version}" for interface, version in silent)
    return f"on {where}: {explain(next(iter(silent.values())))}"
