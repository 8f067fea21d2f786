"""Conversations stay where they began while weights move, on every gateway, until the release is gone."""

from __future__ import annotations

import msgspec
import pytest
from tests.gateway.gateway_bench import canary, service, variant

from tidegate.controller.pin_logs import PinLogs
from tidegate.delivery.snapshot import Heartbeat, Pin
from tidegate.gateway.pins import PinKey, Pins, PinTable

STABLE, NEW = Pin("stable", 0, 0), Pin("candidate", 0, 0)
KEY = PinKey("bot", "r-7", 2)


def split(candidate: int, *, step: int = 3, **settings):
    """A service that gives so many basis points to a candidate and pins conversations."""
    return canary(
        stable={"weight": 10_000 - candidate}, candidate={"weight": candidate}, pins=True, step=step, **settings
    )


async def turn(bench, conversation: str, **more):
    answer = await bench.chat(metadata={"conversation_id": conversation}, **more)
    assert answer.status_code == 200
    return answer.headers["x-tidegate-variant"]


@pytest.fixture
async def served(bench, simulate):
    bench.provide("sim", await simulate())
    return bench


async def test_a_conversation_that_began_on_stable_stays_when_the_weight_rises(served):
    served.publish(split(3_000))
    names = [f"c{number}" for number in range(12)]
    first = {name: await turn(served, name) for name in names}
    assert set(first.values()) == {"stable", "candidate"}
    served.publish(split(9_999, step=4))
    assert {name: await turn(served, name) for name in names} == first
    rows = served.observations.rows[12:]
    assert {row.propensity for row in rows} == {10_000}  # their coin was thrown in another step
    assert await turn(served, "a-new-one") == "candidate"
    assert served.observations.rows[-1].propensity == 9_999


async def test_at_full_weight_it_stays_as_long_as_the_old_version_is_there_and_no_longer(served):
    served.publish(split(1))
    assert await turn(served, "c") == "stable"
    served.publish(split(10_000, step=4))
    assert await turn(served, "c") == "stable"
    served.publish(service(variant("stable")))
    served.publish(split(10_000, step=4))
    assert await turn(served, "c") == "candidate"  # the release was gone for a while, and its pins with it


async def test_another_attempt_begins_without_pins(served):
    served.publish(split(1))
    assert await turn(served, "c") == "stable"
    served.publish(split(9_999, attempt=3))
    assert await turn(served, "c") == "candidate"


async def test_an_arm_that_was_taken_out_keeps_nobody(served):
    served.publish(split(9_999))
    assert await turn(served, "c") == "candidate"
    served.publish(split(0))
    assert await turn(served, "c") == "stable"


async def test_while_weights_go_up_and_down_every_unit_that_returns_is_kept(served):
    def bandit(candidate: int, **of_release):
        return msgspec.structs.replace(split(candidate, pins_units=True, **of_release), unit="user")

    served.publish(bandit(5_000, round=0))
    names = [f"u{number}" for number in range(12)]

    async def variants() -> list[str]:
        return [(await served.chat(user=name)).headers["x-tidegate-variant"] for name in names]

    first = await variants()
    assert set(first) == {"stable", "candidate"}
    served.publish(bandit(9_900, round=1))
    assert await variants() == first
    served.publish(bandit(100, round=2))
    assert await variants() == first
    assert {row.propensity for row in served.observations.rows[12:]} == {10_000}
    assert {row.round for row in served.observations.rows[12:]} == {1, 2}
    await served.chat()  # a request that is a unit of its own returns never
    assert served.gateway.pins.figures["held"] == 12
    served.publish(msgspec.structs.replace(split(9_999, round=3), unit="user"))
    assert set(await variants()) == {"candidate"}  # users are kept while choosing only


async def test_without_a_conversation_nothing_is_pinned(served):
    served.publish(split(1))
    await served.chat(user="ann")
    await served.chat()
    assert served.gateway.pins.figures == {"held": 0, "lost": 0}
    served.publish(split(1, step=4))
    await turn(served, "c")
    assert served.gateway.pins.figures["held"] == 1


async def test_a_header_names_a_conversation_too_where_that_is_the_unit(served):
    served.publish(split(1))
    first = await served.chat(headers={"x-tidegate-unit": "cart"})
    served.publish(split(9_999, step=4))
    again = await served.chat(headers={"x-tidegate-unit": "cart"})
    assert first.headers["x-tidegate-variant"] == again.headers["x-tidegate-variant"] == "stable"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_request_that_names_an_answer_goes_to_whoever_gave_it(served, stream):
    import msgspec

    served.publish(msgspec.structs.replace(split(5_000), unit="request"))
    for _ in range(8):
        asked = {"model": "bot", "input": "hi", "stream": stream}
        first = await served.client.post("/v1/responses", json=asked)
        text = first.text if not stream else first.text.split("data: ")[1].splitlines()[0]
        told = msgspec.json.decode(text)
        answer_id = (told.get("response") or told)["id"]
        again = await served.client.post("/v1/responses", json={**asked, "previous_response_id": answer_id})
        assert again.headers["x-tidegate-variant"] == first.headers["x-tidegate-variant"]


def test_the_table_is_bounded_and_what_it_loses_is_counted():
    table = PinTable(limit=3)
    for unit in range(3):
        table.put(unit, STABLE)
    assert table.find(1) is STABLE  # young again
    table.put(10, NEW)
    table.put(11, NEW)
    assert (table.find(0), table.find(2), table.find(1)) == (None, None, STABLE)
    assert table.lost == 2
    assert len(table) <= 6


def beat(pins: Pins, boot: str = "a") -> Heartbeat:
    return Heartbeat(gateway=boot, boot_id=boot, pid=1, address="", build="", revision=1, epoch=1, pins=pins.report())


def test_another_gateway_learns_them_through_control_and_a_restarted_one_again():
    control, one, other = PinLogs("control-1"), Pins(), Pins()
    one.table(KEY).put(7, STABLE)
    other.table(KEY).put(8, NEW)
    for _ in range(2):
        one.learn(control.answer(beat(one)))
        other.learn(control.answer(beat(other, "b")))
    assert (one.table(KEY).find(8), other.table(KEY).find(7)) == (NEW, STABLE)
    restarted = Pins()
    restarted.table(KEY)
    restarted.learn(control.answer(beat(restarted, "c")))
    assert (restarted.table(KEY).find(7), restarted.table(KEY).find(8)) == (STABLE, NEW)


def test_a_restarted_control_learns_all_from_the_gateways():
    one, other = Pins(), Pins()
    one.table(KEY).put(7, STABLE)
    other.table(KEY)
    before = PinLogs("control-1")
    one.learn(before.answer(beat(one)))
    after = PinLogs("control-2")
    for _ in range(3):
        one.learn(after.answer(beat(one)))
        other.learn(after.answer(beat(other, "b")))
    assert other.table(KEY).find(7) == STABLE


def test_a_report_that_did_not_arrive_is_made_again():
    one, control = Pins(), PinLogs("control-1")
    one.table(KEY).put(7, STABLE)
    beat(one)  # lost on its way
    assert beat(one).pins[0].pins == ((7, STABLE),)
    one.learn(control.answer(beat(one)))
    assert beat(one).pins[0].pins == ((7, STABLE),)  # control's log is new to it, so all is told once more
    one.learn(control.answer(beat(one)))
    assert beat(one).pins[0].pins == ()
