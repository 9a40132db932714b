"""What subscribers are told: everything while they keep up, the newest and how much is missing when they do not."""

import asyncio

from peers.broadcast import MAX_WAITING, Broadcast, Farewell, Missed, PeerChanged, Subscription, TreeChanged
from tests.unit.peers.wire_server import eventually

BEE_UP = PeerChanged("bee", "up")
BEE_DOWN = PeerChanged("bee", "down")


async def test_every_subscriber_is_told_everything_in_order() -> None:
    broadcast = Broadcast()
    with broadcast.subscribed() as first, broadcast.subscribed() as second:
        broadcast.tell(BEE_DOWN)
        broadcast.tell(TreeChanged(4))
        broadcast.tell(BEE_UP)
        told = [TreeChanged(4), BEE_DOWN, BEE_UP]
        assert (await first.take(), await second.take()) == (told, told)


async def test_a_slow_subscriber_gets_only_the_newest_generation() -> None:
    subscription = Subscription()
    for generation in range(1000):
        subscription.put(TreeChanged(generation))
    assert await subscription.take() == [TreeChanged(999)]


async def test_a_slow_subscriber_is_told_how_many_events_it_missed() -> None:
    subscription = Subscription()
    for number in range(MAX_WAITING + 3):
        subscription.put(PeerChanged(str(number), "up"))
    missed, *kept = await subscription.take()
    assert missed == Missed(3)
    assert kept == [PeerChanged(str(number), "up") for number in range(3, MAX_WAITING + 3)]
    subscription.put(BEE_UP)
    assert await subscription.take() == [BEE_UP]


async def test_a_subscriber_waits_until_there_is_something() -> None:
    subscription = Subscription()
    taking = asyncio.create_task(subscription.take())
    await asyncio.sleep(0)
    assert not taking.done()
    subscription.put(BEE_UP)
    assert await taking == [BEE_UP]
    again = asyncio.create_task(subscription.take())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    await eventually(again.done)


async def test_who_has_left_is_told_nothing_and_keeps_nothing_alive() -> None:
    broadcast = Broadcast()
    with broadcast.subscribed() as gone:
        assert len(broadcast) == 1
    broadcast.tell(BEE_UP)
    assert len(broadcast) == 0
    gone.put(BEE_DOWN)
    assert await gone.take() == [BEE_DOWN]


async def test_farewell_is_the_last_that_anybody_is_told() -> None:
    broadcast = Broadcast()
    with broadcast.subscribed() as subscription:
        broadcast.tell(BEE_UP)
        broadcast.say_farewell()
        for _ in range(2 * MAX_WAITING):
            broadcast.tell(BEE_DOWN)  # peers go on changing while the gateway drains
        broadcast.tell(TreeChanged(9))
        assert await subscription.take() == [BEE_UP, Farewell()]


async def test_who_comes_after_farewell_is_told_so_at_once() -> None:
    broadcast = Broadcast()
    broadcast.say_farewell()
    with broadcast.subscribed() as late:
        assert await late.take() == [Farewell()]
