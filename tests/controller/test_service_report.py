"""A week of a service as people read it: everything from what really happened in a small world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from tests.scenarios.world import World

from tidegate.controller.reports import service_pages
from tidegate.errors import NotFoundError


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path)
    yield made
    await made.close()


async def rolled_back(world: World) -> str:
    _, bad = await world.service("bot", "1.0.0", "1.1.0")
    await world.gateways[0].serve("bot", 300)
    submitted = await world.release("bot", "v1.1.0", bake="60s")
    await world.until(submitted.id, "promoting.soaking")
    for _ in range(3):
        await world.gateways[0].serve("bot", 50, fails=lambda version: version == bad)
        await world.advance(1)
    await world.until(submitted.id, "rolled_back")
    return submitted.id


async def test_a_report_tells_versions_releases_and_incidents(world):
    release = await rolled_back(world)
    report = await world.control.reports.read("bot", last=timedelta(days=7))
    assert [each.id for each in report.releases] == [release]
    assert [each.release for each in report.incidents] == [release]
    assert report.total.requests == sum(each.requests for each in report.versions) == 450
    assert report.total.rescued == 50
    page = service_pages.markdown(report)
    assert "450 requests" in page
    assert "1 release, 1 incident." in page
    assert "| rolled back |" in page


async def test_a_report_tells_what_users_said_of_each_version(world):
    await world.service("bot", "1.0.0")
    gateway = world.gateways[0]
    await gateway.serve("bot", 8)
    first, second, *others = sorted(gateway.answered)
    await gateway.say({first: True, **dict.fromkeys(others, False)})
    await gateway.say({first: 4.0, second: 2.0}, name="rating")
    await gateway.say({first: "solved", second: "open", others[0]: "solved", others[1]: "solved"}, name="outcome")
    report = await world.control.reports.read("bot", last=timedelta(days=7))
    assert [(each.name, each.verdicts, each.is_share, round(each.value, 3)) for each in report.opinions] == [
        ("outcome=open", 4, True, 0.25),
        ("outcome=solved", 4, True, 0.75),
        ("rating", 2, False, 3.0),
        ("thumbs_up", 7, True, 0.143),
    ]
    assert len({each.version for each in report.opinions}) == 1
    assert "| outcome=solved | 4 | 75 % |" in service_pages.markdown(report)


async def test_the_page_holds_its_pictures_and_escapes_what_people_wrote(world):
    await rolled_back(world)
    report = await world.control.reports.read("bot", last=timedelta(hours=1))
    page = service_pages.html(report)
    pictures = ["<svg" + part.partition("</svg>")[0] + "</svg>" for part in page.split("<svg")[1:]]
    assert len(pictures) == 4
    titles = [ET.fromstring(picture)[0].text for picture in pictures]
    assert titles[0] == "Requests per second by version"
    assert "<script" not in page


async def test_a_quiet_service_has_a_report_too(world):
    await world.service("bot", "1.0.0")
    report = await world.control.reports.read("bot", last=timedelta(days=1))
    assert service_pages.markdown(report).count("None.") == 5 - 1  # one row of totals stands
    assert "No request in this time" in service_pages.html(report)
    with pytest.raises(NotFoundError):
        await world.control.reports.read("nobody", last=timedelta(days=1))
