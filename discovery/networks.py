"""The addresses of this machine, and the networks they stand in."""

import ipaddress
import socket
from dataclasses import dataclass

import psutil

from discovery.endpoint import IpAddress

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OwnInterface:
    """One address of this machine and the network it is in."""

    address: IpAddress
    network: IpNetwork


def own_interfaces() -> tuple[OwnInterface, ...]:
    """All addresses there are now, loopback included. A system call or two, no files."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family in (socket.AF_INET, socket.AF_INET6):
                ip = ipaddress.ip_address(each.address.partition("%")[0])
                found.append(OwnInterface(ip, _network(ip, each.netmask)))
    return tuple(found)


def _network(ip: IpAddress, netmask: str | None) -> IpNetwork:
    """`netmask` as psutil tells it: dotted for IPv4, the mask's address for IPv6, nothing on some interfaces."""
    if ip.version == 4:
        return ipaddress.ip_network(f"{ip}/{netmask or 32}", strict=False)
    length = 128 if netmask is None else int(ipaddress.IPv6Address(netmask)).bit_count()
    return ipaddress.ip_network(f"{ip}/{length}", strict=False)
