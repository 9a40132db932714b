from ipaddress import ip_interface, ip_network

import pytest

from discovery.interfaces import Interface
from discovery.origin import ELSEWHERE, Origin

ETH0 = Interface("eth0", 2, loopback=False, addresses=(ip_interface("10.0.0.1/24"), ip_interface("fd00::1/64")))
LOOPBACK = Interface("lo", 1, loopback=True, addresses=(ip_interface("127.0.0.1/8"), ip_interface("::1/128")))


@pytest.mark.parametrize(
    ("address", "hops", "on_link"),
    [
        ("10.0.0.7", 64, True),  # an upstream gateway's reply
        ("10.0.0.7", None, True),
        ("fe80::7", 64, True),
        ("fd00::7", None, True),
        ("10.0.1.7", 254, False),
        ("10.0.1.7", None, False),
        ("192.0.2.1", 1, False),
        ("fd01::7", 64, False),
        ("::ffff:10.0.0.7", 64, False),
        ("10.0.1.7", 255, True),  # another subnet on the same cable: no router has passed it on
        ("fd01::7", 255, True),
    ],
)
def test_who_is_in_no_network_of_ours_is_heard_only_if_no_router_passed_it_on(
    address: str, hops: int | None, on_link: bool
) -> None:
    assert Origin(address, ETH0, hops).is_on_link() is on_link


def test_networks_that_the_settings_allow_are_heard_too() -> None:
    assert Origin("10.0.1.7", ETH0, 64).is_on_link([ip_network("10.0.1.0/24")])


def test_loopback_is_a_network_of_its_own_interface_alone() -> None:
    assert Origin("127.0.0.2", LOOPBACK, 1).is_on_link()
    assert not Origin("127.0.0.2", ETH0, 1).is_on_link()


def test_all_who_are_in_no_network_of_ours_are_one_sender() -> None:
    assert Origin("10.0.0.7", ETH0, 255).sender == "10.0.0.7"
    assert Origin("10.0.1.7", ETH0, 255).sender == Origin("fd01::7", ETH0, 255).sender == ELSEWHERE
