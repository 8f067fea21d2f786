import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.controller.traffic import step_for
from tidegate.errors import ForbiddenError, NotFoundError
from tidegate.registry.traffic import AGEING

SPEC = {
    "strategy": {
        "canary": {
            "steps": [{"split": "5%", "soak": "10m"}, {"approve": "approver"}, {"split": "50%", "soak": "1h"}],
            "promote": {"bake": "5m"},
        }
    }
}


def started(seconds_ago: float) -> int:
    return int((time.time() - seconds_ago) * 1_000_000)


async def test_traffic_is_told_by_version_and_time(shared):
    rows = [
        observation(started_at_us=started(25), version="bot/v1.0.0-00000000", cost_nano_usd=2_000_000),
        observation(started_at_us=started(25), outcome="timeout", unit_hash=2),
        observation(started_at_us=started(25), version="bot/v1.1.0-11111111", variant="candidate", release="rel_1"),
    ]
    await shared.control.store(batch(rows, boot_id="traffic"))
    async with shared.client() as client:
        found = await client.traffic("bot", last_seconds=600)
        assert (found.service, found.step_seconds) == ("bot", 10)
        by_version = {series.version: series for series in found.series}
        assert by_version["bot/v1.1.0-11111111"].release == "rel_1"
        points = by_version["bot/v1.0.0-00000000"].points
        assert sum(point.requests for point in points) == 2
        assert sum(point.failures for point in points) == 1
        assert [series.variant for series in (await client.traffic("bot", release="rel_1")).series] == ["candidate"]
        (now,) = (await client.current_traffic(services=("bot",))).items
        assert now.versions == {"bot/v1.0.0-00000000": 2, "bot/v1.1.0-11111111": 1}
        assert now.requests_per_second == pytest.approx(3 / now.seconds)
        assert now.error_rate == pytest.approx(1 / 3)
        assert sum(now.recent) == 3
        assert (await client.current_traffic()).items == (now,)
        with pytest.raises(NotFoundError):
            await client.traffic("nobody")


async def test_traffic_of_other_services_is_not_told(server):
    await server.key("admin", "admin")
    key = await server.key("shop", "viewer", services=("shop",))
    async with server.client(key) as client:
        assert (await client.current_traffic()).items == ()
        assert (await client.services()).items == ()
        with pytest.raises(ForbiddenError):
            await client.current_traffic(services=("bot",))
        with pytest.raises(ForbiddenError):
            await client.traffic("bot")


async def test_services_are_found_by_part_of_their_name_and_paged(server, client):
    for name in ("alpha", "alpine", "beta_1"):
        await client.put_service(name, {})
    assert [each.service for each in (await client.services(contains="alp")).items] == ["alpha", "alpine"]
    assert [each.service for each in (await client.services(contains="_")).items] == ["beta_1"]
    first = await client.services(limit=3)
    assert [each.service for each in first.items] == ["alpha", "alpine", "beta_1"]
    assert [each.service for each in (await client.services(limit=3, cursor=first.next)).items] == ["bot"]


async def test_a_program_tells_what_is_done_and_what_comes_when(server, client):
    await client.push({"model": "sim/gpt", "prompt": {"system": "You help well."}}, service="bot", version="v1.1.0")
    release = await client.release("bot", "v1.1.0", spec=SPEC)
    steps = (await client.program(release.id)).steps
    assert [step.kind for step in steps] == ["deploy", "split", "approve", "split", "promote", "drain"]
    assert [step.title for step in steps][1:4] == ["5 %", "Approval by approver", "50 %"]
    assert [step.weight for step in steps] == [0, 500, None, 5000, 10_000, 10_000]
    assert {step.state for step in steps[1:]} == {"next"}
    assert [each.id for each in (await client.releases(is_running=True)).items] == [release.id]
    await client.abort(release.id, reason="seen enough")
    ended = await client.wait(release.id)
    assert ended.release.phase == "rejected"
    steps = (await client.program(release.id)).steps
    assert {step.state for step in steps[1:]} == {"skipped"}
    assert (await client.releases(is_running=True)).items == ()
    assert [each.id for each in (await client.releases(version=release.version)).items] == [release.id]
    assert (await client.evidence(release.id)).metrics == ()


@pytest.mark.parametrize("last", [timedelta(minutes=1), timedelta(hours=2), timedelta(hours=3), timedelta(days=3)])
def test_a_step_is_never_finer_than_what_is_kept(last):
    step = step_for(last)
    assert last.total_seconds() / step <= 240
    assert step >= next(each.period for each in AGEING if last <= each.kept)
    assert datetime.fromtimestamp(0, UTC) + timedelta(seconds=step)
