"""Where a gateway was met first: the place that it can come back to."""

from peers.homes import MAX_HOMES, Homes
from tests.unit.peers.peering import Clock


def test_home_is_where_a_gateway_was_first_until_it_was_not_there_for_long() -> None:
    clock = Clock()
    homes = Homes(60.0, clock=clock)
    homes.saw("b", "here")
    clock.now += 59
    homes.saw("b", "there")
    assert (homes.is_home("b", "here"), homes.is_home("b", "there")) == (True, False)
    homes.saw("b", "here")
    clock.now += 59
    assert homes.is_home("b", "here"), "it was at home again meanwhile"
    clock.now += 1
    assert not homes.is_home("b", "here")
    homes.saw("b", "there")
    assert homes.is_home("b", "there")


def test_gateways_without_end_take_no_more_memory_and_who_is_at_home_is_not_forgotten_for_them() -> None:
    homes = Homes(60.0, clock=Clock())
    for number in range(2 * MAX_HOMES):
        homes.saw("b", "here")
        homes.saw(str(number), "there")
    assert homes.is_home("b", "here")
    assert len(homes._homes) == MAX_HOMES
