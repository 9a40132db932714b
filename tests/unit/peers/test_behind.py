"""Peers of an upstream gateway that come and go are heeded at once, and less often while they go on."""

from peers.behind import Behind, Pace
from peers.foreign_health import ItsPeer, UpstreamHealth


def health(*lost: str) -> UpstreamHealth:
    names = ("d", "e")
    return UpstreamHealth(tuple(ItsPeer(name, f"http://{name}:1", is_online=name not in lost) for name in names))


def behind() -> Behind:
    return Behind(pause_ms=2_000, max_pause_ms=60_000)


def test_pauses_double_up_to_the_longest_and_are_short_again_after_quiet() -> None:
    pace = Pace(pause_ms=2_000, max_pause_ms=60_000)
    taken = [second for second in range(300) if pace.take(second)]
    assert taken == [0, 2, 6, 14, 30, 62, 122, 182, 242]
    assert [second for second in range(362, 370) if pace.take(second)] == [362, 364, 368]


def test_the_first_change_is_read_at_once_and_each_only_once() -> None:
    found = behind()
    found.look(health())
    assert not found.should_read(100.0)
    found.look(health("d"))
    assert (found.should_name(100.0), found.should_read(100.0)) == (True, True)
    found.look(health("d"))
    assert (found.should_name(200.0), found.should_read(200.0)) == (False, False)


def test_one_that_flaps_each_second_is_read_less_and_less() -> None:
    found = behind()
    readings, namings = 0, 0
    for second in range(120):
        found.look(health("d") if second % 2 else health())
        readings += found.should_read(100.0 + second)
        namings += found.should_name(100.0 + second)
    assert 1 <= readings <= 7
    assert 1 <= namings <= 7


def test_a_change_within_a_pause_is_read_after_it() -> None:
    found = behind()
    found.look(health("d"))
    assert found.should_read(100.0)
    found.look(health())
    assert not found.should_read(101.0)
    assert found.should_read(102.0)


def test_who_comes_back_is_a_reason_to_read_and_none_to_name() -> None:
    found = behind()
    found.look(health("d", "e"))
    assert (found.should_name(100.0), found.should_read(100.0)) == (True, True)
    found.look(health("e"))
    assert (found.should_name(200.0), found.should_read(200.0)) == (False, True)


def test_what_is_read_for_another_reason_need_not_be_read_again() -> None:
    found = behind()
    found.look(health("d"))
    found.is_read()
    assert not found.should_read(100.0)
    assert found.should_name(100.0)
