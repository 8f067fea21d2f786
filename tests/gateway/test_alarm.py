from __future__ import annotations

import asyncio
import weakref

import pytest
from tests.gateway.http.hand_wheel import HandWheel

from tidegate.gateway.alarm import Alarm, Alarms
from tidegate.gateway.rescue import Cause


@pytest.fixture
async def wheel() -> HandWheel:
    return HandWheel()


@pytest.fixture
async def alarm(wheel) -> Alarm:
    return Alarm(wheel)


async def ring(alarm: Alarm, wheel: HandWheel) -> tuple[Cause, float]:
    """Let time pass until the alarm ends the waiting: what it says, and after how long."""
    began = wheel.seconds
    try:
        await wheel.advance(60)
    except asyncio.CancelledError:
        assert alarm.has_rung()
        return alarm.cause, wheel.seconds - began
    raise AssertionError("it did not ring")


async def test_it_rings_with_the_cause_that_is_watched(alarm, wheel):
    alarm.begin(5.0)
    alarm.watch(Cause.SILENT, 0.05)
    cause, seconds = await ring(alarm, wheel)
    assert cause is Cause.SILENT
    assert 0.05 <= seconds <= 0.07


async def test_what_was_due_before_it_comes_first_also_when_the_loop_was_late_for_both(alarm, wheel):
    """Else a connection that could not be made would be taken for a silent model, which is not asked again."""
    alarm.begin(5.0)
    alarm.watch(Cause.SILENT, 0.8)

    async def connect():
        async with wheel.timeout(0.5):
            wheel.stand_still(2.0)
            await wheel.advance(0.2)

    with pytest.raises(TimeoutError):
        await connect()
    assert not alarm.has_rung()
    cause, _ = await ring(alarm, wheel)  # whoever goes on is told soon
    assert cause is Cause.SILENT


async def test_one_that_is_given_back_holds_no_task(wheel):
    """The task of a client that left holds, in the traceback of its end, all that its request was about."""
    alarms = Alarms(wheel)

    async def serve():
        alarm = alarms.take()
        alarm.begin(5.0)
        alarms.give_back(alarm)

    task = asyncio.create_task(serve())
    await task
    gone = weakref.ref(task)
    del task
    await asyncio.sleep(0)  # what woke us is the task, until we wait again
    assert gone() is None
    assert alarms.take()


async def test_total_comes_first_when_it_is_due_first(alarm, wheel):
    for watch in (
        lambda: alarm.watch(Cause.SILENT, 2.0),
        lambda: alarm.watch_idle(2.0),
        lambda: alarm.watch_whole(wheel.seconds, 2.0),
    ):
        alarm.begin(0.05)
        watch()
        cause, seconds = await ring(alarm, wheel)
        assert cause is Cause.OUT_OF_TIME
        assert 0.05 <= seconds <= 0.07


async def test_a_share_of_total_bounds_a_whole_answer_until_it_claims_all_of_it(alarm, wheel):
    for idle, claims, expected in ((0.0, False, 0.4), (5.0, False, 0.4), (5.0, True, 1.0), (0.1, False, 0.1)):
        alarm.begin(1.0)
        alarm.watch_whole(wheel.seconds, 0.4)
        if claims:
            alarm.claim_total()
        if idle:
            alarm.watch_idle(idle)
        cause, seconds = await ring(alarm, wheel)
        assert cause is {0.4: Cause.SILENT, 1.0: Cause.OUT_OF_TIME, 0.1: Cause.TIMED_OUT}[expected]
        assert expected <= seconds <= expected + 0.02


async def test_the_next_attempt_has_its_own_time(alarm, wheel):
    alarm.begin(1.0)
    alarm.watch_whole(wheel.seconds, 0.4)
    await ring(alarm, wheel)
    alarm.watch(Cause.SILENT, 5.0)
    assert (await ring(alarm, wheel))[0] is Cause.OUT_OF_TIME


async def test_activity_puts_idle_off(alarm, wheel):
    alarm.begin(5.0)
    alarm.watch_idle(0.1)
    await wheel.advance(0.08)
    alarm.active_at = wheel.seconds
    cause, seconds = await ring(alarm, wheel)
    assert cause is Cause.TIMED_OUT
    assert 0.1 <= seconds <= 0.12


async def test_a_client_that_does_not_keep_up_is_not_the_upstreams_silence(alarm, wheel):
    alarm.begin(0.4)
    alarm.watch_idle(0.05)
    alarm.is_held = True
    cause, seconds = await ring(alarm, wheel)
    assert cause is Cause.OUT_OF_TIME
    assert seconds >= 0.4


async def test_a_resting_alarm_does_not_ring(alarm, wheel):
    alarm.begin(5.0)
    alarm.watch(Cause.SILENT, 0.02)
    alarm.rest()
    await wheel.advance(1)
    assert not alarm.has_rung()


async def test_somebody_elses_cancellation_is_told_apart(alarm):
    async def wait() -> bool:
        alarm.begin(5.0)
        alarm.watch(Cause.SILENT, 3.0)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return alarm.has_rung()
        return True

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0.02)
    task.cancel()
    assert await task is False


async def test_both_at_once_is_the_client_leaving(alarm):
    async def wait() -> bool:
        alarm.begin(5.0)
        alarm.watch(Cause.SILENT, 3.0)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return alarm.has_rung()
        return True

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0.02)
    alarm._ring()
    task.cancel()
    assert await task is False


async def test_alarms_are_used_again(wheel):
    alarms = Alarms(wheel)
    first = alarms.take()
    alarms.give_back(first)
    assert alarms.take() is first
    assert alarms.take() is not first


async def test_without_a_task_it_calls_back(alarm, wheel):
    rung: list[Cause] = []
    alarm.begin_without_task(wheel.seconds, 5.0, 5.0, lambda: rung.append(alarm.cause))
    alarm.watch(Cause.SILENT, 0.05)
    await wheel.advance(0.1)
    assert rung == [Cause.SILENT]
    await wheel.advance(1.0)
    assert len(rung) == 1


async def test_what_rings_between_callbacks_and_task_rings_for_the_task(alarm, wheel):
    alarm.begin_without_task(wheel.seconds, 5.0, 5.0, lambda: None)
    alarm.watch(Cause.SILENT, 0.05)
    alarm.on_ring = None  # the callbacks have handed over, and the task has not begun
    await wheel.advance(0.1)
    alarm.attach()
    cause, _ = await ring(alarm, wheel)
    assert cause is Cause.SILENT


async def test_an_alarm_at_rest_holds_nothing_of_its_request(alarm, wheel):
    alarm.begin_without_task(wheel.seconds, 5.0, 5.0, lambda: None)
    alarm.watch_whole(wheel.seconds, 5.0)
    alarm.rest()
    assert alarm.on_ring is None
