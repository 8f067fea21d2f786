"""Judges over the API: declared, shown, and what cannot be asked."""

import pytest
from tests.fakes.control_server import CONFIGURATION

from tidegate.errors import ForbiddenError, InvalidInputError

JUDGE = {"service": "judge", "rubric": "Is it kind?", "sample": "20%", "budget": "5 USD/day"}


async def test_a_judge_is_declared_once_changed_and_shown(server, client):
    document = CONFIGURATION | {"judges": {"kind": JUDGE}}
    first = await client.apply([document])
    assert {change.name: change.action for change in first.changes if change.kind == "Judge"} == {"kind": "created"}
    again = await client.apply([document])
    assert {change.action for change in again.changes if change.kind == "Judge"} == {"unchanged"}
    await client.apply([{"kind": "Judge", "name": "kind", **JUDGE, "mode": "pairwise"}])
    (judge,) = (await client.judges()).items
    assert (judge.spec["mode"], judge.spec["sample"], judge.spec["budget"]) == ("pairwise", 0.2, "5 USD/day")
    assert (judge.judged, judge.mean, judge.calibration, judge.problem, judge.spent_usd) == (0, None, None, "", 0.0)
    actions = [row.action for row in (await client.audit(subject="judge:kind")).items]
    assert actions == ["judge.changed", "judge.created"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget": "5 EUR"}, "not a budget"),
        ({"rubric": ""}, "rubric says nothing"),
        ({"mode": "duel"}, "mode"),
        ({"colour": "red"}, "colour"),
        ({"sample": "200%"}, "share"),
    ],
)
async def test_a_judge_that_cannot_be_asked_is_refused(server, client, fields, said):
    with pytest.raises(InvalidInputError, match=said):
        await client.apply([{"kind": "Judge", "name": "kind", **JUDGE, **fields}])


async def test_a_key_for_some_services_does_not_see_judges(server):
    await server.key("admin", "admin")
    key = await server.key("shop", "viewer", services=("bot",))
    async with server.client(key) as client:
        with pytest.raises(ForbiddenError):
            await client.judges()
