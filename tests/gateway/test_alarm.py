from __future__ import annotations

import asyncio

import pytest

from tidegate.gateway.alarm import Alarm, Alarms
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.rescue import Cause


@pytest.fixture
async def alarm() -> Alarm:
    return Alarm(Wheel(tick=0.01))


async def ring(alarm: Alarm) -> Cause:
    """Wait until the alarm ends the waiting."""
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        assert alarm.has_rung()
        return alarm.cause
    raise AssertionError("it did not ring")


async def test_it_rings_with_the_cause_that_is_watched(alarm):
    alarm.begin(5.0)
    alarm.watch(Cause.SILENT, 0.05)
    assert await ring(alarm) is Cause.SILENT


async def test_total_comes_first_when_it_is_due_first(alarm):
    alarm.begin(0.05)
    alarm.watch(Cause.SILENT, 2.0)
    assert await ring(alarm) is Cause.OUT_OF_TIME
    alarm.begin(0.05)
    alarm.watch_idle(2.0)
    assert await ring(alarm) is Cause.OUT_OF_TIME
    alarm.begin(0.05)
    alarm.watch_total()
    assert await ring(alarm) is Cause.OUT_OF_TIME


async def test_activity_puts_idle_off(alarm):
    loop = asyncio.get_running_loop()
    alarm.begin(5.0)
    begun = loop.time()
    alarm.watch_idle(0.1)
    loop.call_later(0.08, lambda: setattr(alarm, "active_at", loop.time()))
    assert await ring(alarm) is Cause.TIMED_OUT
    assert loop.time() - begun >= 0.18


async def test_a_client_that_does_not_keep_up_is_not_the_upstreams_silence(alarm):
    loop = asyncio.get_running_loop()
    alarm.begin(0.4)
    alarm.watch_idle(0.05)
    alarm.is_held = True
    assert await ring(alarm) is Cause.OUT_OF_TIME
    assert loop.time() > 0


async def test_a_resting_alarm_does_not_ring(alarm):
    alarm.begin(5.0)
    alarm.watch(Cause.SILENT, 0.02)
    alarm.rest()
    await asyncio.sleep(0.08)
    assert not alarm.has_rung()


async def test_somebody_elses_cancellation_is_told_apart(alarm):
    async def wait() -> bool:
        alarm.begin(5.0)
        alarm.watch(Cause.SILENT, 3.0)
        try:
            await asyncio.sleep(5)
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
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return alarm.has_rung()
        return True

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0.02)
    alarm._ring()
    task.cancel()
    assert await task is False


async def test_alarms_are_used_again():
    alarms = Alarms(Wheel(tick=0.01))
    first = alarms.take()
    alarms.give_back(first)
    assert alarms.take() is first
    assert alarms.take() is not first
