import asyncio
import socket
import time

import pytest
from tests.gateway.http.hand_wheel import TICK, HandWheel

from tidegate.gateway.http.timers import Wheel


@pytest.fixture
async def hand():
    return HandWheel()


async def test_a_deadline_fires_once_not_early_and_at_most_two_ticks_late(hand):
    fired = []
    hand.after(0.055, lambda: fired.append(hand.seconds - 1000))
    await hand.advance(1)
    [at] = fired
    assert 0.055 <= at <= 0.055 + 2 * TICK


async def test_on_a_real_loop_it_fires_and_not_early(wheel):
    began = time.monotonic()
    fired = asyncio.Event()
    wheel.after(0.05, fired.set)
    await fired.wait()
    assert time.monotonic() - began >= 0.05


async def test_a_deadline_counts_from_now_also_when_a_busy_loop_kept_the_wheel_from_turning(hand):
    fired = []
    hand.after(0.05, lambda: None)
    hand.stand_still(0.2)
    hand.after(1, lambda: fired.append(hand.seconds - 1000))
    await hand.advance(2)
    assert fired[0] >= 1.2


async def test_a_late_turn_looks_at_nothing_until_sockets_were_read_once(hand):
    fired = []
    hand.after(0.05, lambda: fired.append("silent"))
    moved = hand.after(0.05, lambda: fired.append("moved"))
    hand.stand_still(0.5)
    hand.turn()
    assert fired == []
    moved.set(0.05)  # its bytes had been waiting in the kernel
    await hand.advance(TICK)
    assert fired == ["silent"]


async def test_a_loop_that_is_always_late_still_has_timers(hand):
    fired = []
    hand.after(0.05, lambda: fired.append(hand.seconds))
    for _ in range(4):
        hand.stand_still(0.05)
        hand.turn()
    assert fired


async def test_what_arrived_while_the_loop_stood_still_is_read_before_anybody_is_called_silent(wheel):
    seen = []
    deadline = wheel.deadline(lambda: seen.append(b"silent"))

    class Reader(asyncio.Protocol):
        def data_received(self, data):
            if data == b"stall":  # inside the poll: timers come next, the other socket one poll later
                deadline.set(0.1)
                other.send(b"alive")
                time.sleep(0.3)
            else:
                seen.append(data)
                deadline.clear()

    (busy, one), (quiet, other) = socket.socketpair(), socket.socketpair()
    loop = asyncio.get_running_loop()
    with one, other:
        transports = [(await loop.create_connection(Reader, sock=channel))[0] for channel in (busy, quiet)]
        one.send(b"stall")
        while not seen:
            await asyncio.sleep(0.01)
        for transport in transports:
            transport.close()
    assert seen == [b"alive"]


async def test_a_cleared_deadline_does_not_fire(hand):
    fired = []
    deadline = hand.after(0.02, lambda: fired.append(1))
    deadline.cancel()
    assert not deadline.is_set
    await hand.advance(1)
    assert fired == []


async def test_a_deadline_moved_later_fires_later_and_only_once(hand):
    fired = []
    deadline = hand.after(0.03, lambda: fired.append(1))
    for _ in range(6):
        await hand.advance(0.02)
        deadline.set(0.05)
    assert fired == []
    await hand.advance(1)
    assert fired == [1]


async def test_a_deadline_moved_earlier_fires_earlier(hand):
    fired = []
    deadline = hand.after(60, lambda: fired.append(1))
    deadline.set(0.02)
    await hand.advance(0.05)
    assert fired == [1]


async def test_a_deadline_can_be_cleared_and_set_again_before_its_bucket_was_due(hand):
    fired = []
    deadline = hand.after(0.03, lambda: fired.append(1))
    deadline.clear()
    deadline.set(0.03)
    await hand.advance(1)
    assert fired == [1]


async def test_the_wheel_sleeps_when_nothing_is_armed_and_wakes_again(hand):
    fired = []
    hand.after(0.01, lambda: None)
    await hand.advance(0.1)
    assert not hand.is_running
    hand.after(0.01, lambda: fired.append(1))
    await hand.advance(0.1)
    assert fired == [1]


async def test_moving_a_deadline_many_times_keeps_one_entry(wheel):
    deadline = wheel.after(5, lambda: None)
    for _ in range(10_000):
        deadline.set(5)
        deadline.clear()
        deadline.set(5)
    assert sum(map(len, wheel._buckets.values())) == 1


async def test_a_failing_callback_does_not_stop_the_others(hand):
    seen, fired = [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["exception"]))
    hand.after(0.01, lambda: 1 / 0)
    hand.after(0.02, lambda: fired.append(1))
    await hand.advance(1)
    assert fired == [1]
    assert isinstance(seen[0], ZeroDivisionError)


async def test_a_timeout_raises_and_leaves_the_task_usable(wheel):
    with pytest.raises(TimeoutError):
        async with wheel.timeout(0.02):
            await asyncio.Event().wait()
    await asyncio.sleep(0)


async def test_a_timeout_that_is_met_costs_nothing_later(hand):
    async with hand.timeout(0.03) as limit:
        await asyncio.sleep(0)
    await hand.advance(1)
    assert not limit.is_expired


async def test_a_timeout_can_be_extended(hand):
    async with hand.timeout(0.03) as limit:
        for _ in range(5):
            await hand.advance(0.02)
            limit.reset(0.05)


async def test_an_outer_cancellation_stays_a_cancellation(wheel):
    async def work():
        async with wheel.timeout(5):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_inner_timeout_does_not_end_an_outer_one(wheel):
    async with wheel.timeout(60):
        with pytest.raises(TimeoutError):
            async with wheel.timeout(0.01):
                await asyncio.Event().wait()


async def test_two_wheels_do_not_share_deadlines():
    first, second = Wheel(tick=0.01), Wheel(tick=0.01)
    first.after(1, lambda: None)
    assert first.is_running
    assert not second.is_running
