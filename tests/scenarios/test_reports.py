"""What is told of a release."""

from __future__ import annotations

import pytest
from tests.scenarios.surroundings import APPROVED, SURROUNDED
from tests.scenarios.world import ALICE

from tidegate.controller.reports.markdown import report_page


@pytest.fixture
def world_settings():
    return SURROUNDED


async def test_explanation_checklist_and_report_follow_a_release_through_its_life(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=APPROVED, analysis={"min_samples": 200})
    await world.until(submitted.id, "progressing.soaking")
    for gateway in world.gateways:
        await gateway.serve("bot", 100)
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert seen.missing_samples == 200 - seen.samples > 0
    assert seen.missing_seconds > 0
    assert seen.actual.gateways == seen.actual.current == 2
    assert sum(seen.actual.weights.values()) == 10_000
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    for part in (
        "step 1 of 3 (split 20 % of the units",
        "are missing",
        "units of the candidate so far",
        "no data is never a pass",
    ):
        assert part in summary, summary
    standings = {item.what: item.standing for item in (await world.control.queries.checklist(submitted.id)).items}
    assert standings["Probes were answered before any user was served"] == "done"
    assert standings["A model card describes it"] == "open"
    assert [standing for what, standing in standings.items() if what.startswith("Step")] == ["open"] * 3
    page = report_page(await world.control.queries.report(submitted.id))
    for part in (
        "## Evidence",
        "error_rate",
        "| 1 | 1 | 0 | candidate |",
        "- [x] The version is registered",
        "release-manager",
    ):
        assert part in page
    await world.control.operations.command(submitted.id, "abort", actor=ALICE, reason="enough seen")
    await world.until(submitted.id, "rolled_back")
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    assert "It was ended on request" in summary
    assert "tidegate retry" in summary
