import errno
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from discovery.interfaces import (
    Interface,
    InterfaceWatch,
    bound_addresses,
    interfaces_in_reach,
    interfaces_served,
    read_interfaces,
    wait_for_trials,
)

LO = Interface("lo", 1, loopback=True, addresses=(ip_interface("127.0.0.1/8"), ip_interface("::1/128")))
ETH0 = Interface(
    "eth0",
    2,
    loopback=False,
    addresses=(ip_interface("10.0.0.1/24"), ip_interface("fd00::1/64"), ip_interface("fe80::1/64")),
)
WLAN = Interface("wlan0", 3, loopback=False, addresses=(ip_interface("192.168.1.1/24"),))
BARE = Interface("eth1", 4, loopback=False, addresses=(ip_interface("fe80::4/64"),))
ALL = (LO, ETH0, WLAN, BARE)


def reached(host: str, *names: str) -> list[str]:
    return [one.name for one in interfaces_in_reach(ALL, bound_addresses(host), names)]


def served(host: str, *names: str) -> dict[str, list[str]]:
    found = interfaces_served(ALL, bound_addresses(host), names)
    return {one.name: [str(address.ip) for address in one.addresses] for one in found}


def test_promise_t04_bound_to_loopback_is_loopback_only() -> None:
    assert reached("127.0.0.1") == ["lo"]
    assert served("127.0.0.1") == {"lo": ["127.0.0.1"]}


def test_promise_t04_bound_wider_is_never_loopback() -> None:
    assert reached("0.0.0.0") == ["eth0", "wlan0"]
    assert served("0.0.0.0") == {"eth0": ["10.0.0.1"], "wlan0": ["192.168.1.1"]}


def test_bound_to_all_of_ipv6_tells_link_local_addresses_only_where_there_is_no_other() -> None:
    assert served("::") == {"eth0": ["fd00::1"], "eth1": ["fe80::4"]}


def test_bound_to_one_address_is_its_interface() -> None:
    assert reached("10.0.0.1") == ["eth0"]
    assert served("10.0.0.1") == {"eth0": ["10.0.0.1"]}


def test_named_interfaces_are_listened_on_and_announced_on_only_where_we_answer() -> None:
    assert reached("127.0.0.1", "eth0") == ["eth0"]
    assert served("127.0.0.1", "eth0") == {}
    assert served("0.0.0.0", "wlan0", "nothing") == {"wlan0": ["192.168.1.1"]}


def test_an_interface_whose_address_is_on_trial_is_kept_in_sight_where_ipv6_is_served() -> None:
    trial = Interface("eth0", 2, loopback=False, addresses=(), on_trial=True)
    for choose in (interfaces_in_reach, interfaces_served):
        assert choose((LO, trial), bound_addresses("::")) == (trial,)
        assert choose((LO, trial), bound_addresses("0.0.0.0")) == ()
        assert [one.name for one in choose((LO, trial), bound_addresses("::1"))] == ["lo"]


def test_who_has_another_address_does_not_wait_for_one_on_trial() -> None:
    trial = Interface("eth0", 2, loopback=False, addresses=(), on_trial=True)
    assert wait_for_trials([trial])
    assert not wait_for_trials([trial, LO])
    assert not wait_for_trials([replace(trial, on_trial=False)])
    assert not wait_for_trials([replace(ETH0, on_trial=True)])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "10.0.0.1"])
def test_an_address_is_bound_as_it_is(host: str) -> None:
    assert bound_addresses(host) == {ip_address(host)}


def test_a_name_is_bound_to_its_addresses_and_one_that_is_none_to_nothing() -> None:
    assert ip_address("127.0.0.1") in bound_addresses("localhost")
    assert bound_addresses("no.such.host.invalid") == frozenset()


async def test_when_the_system_cannot_tell_what_was_there_still_is() -> None:
    answers: list[tuple[Interface, ...]] = [ALL]

    def read() -> tuple[Interface, ...]:
        if not answers:
            raise OSError(errno.EMFILE, "Too many open files")
        return answers.pop()

    watch = InterfaceWatch(read)
    assert await watch.look() == ALL
    assert await watch.look() == ALL
    answers.append((LO,))
    assert await watch.look() == (LO,)


def test_this_machine_has_its_loopback() -> None:
    (loopback,) = [one for one in read_interfaces() if one.loopback]
    assert ip_interface("127.0.0.1/8") in loopback.addresses
    assert loopback.index > 0
