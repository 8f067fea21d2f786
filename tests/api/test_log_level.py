import pytest

from tidegate.errors import InvalidInputError


async def test_a_level_is_asked_for_told_and_audited(client, server):
    heard = []
    server.control.on_log_level = heard.append
    assert (await client.log_level()).level is None
    assert (await client.set_log_level("debug")).level == "debug"
    assert (await client.log_level()).level == "debug"
    assert heard == ["debug"]
    assert server.control.publisher.log_level == "debug"
    row = (await client.audit(subject="logs", limit=1)).items[0]
    assert (row.actor, row.action, row.detail) == ("ann@desk", "log_level.set", {"level": "debug"})


async def test_an_unknown_level_changes_nothing(client):
    with pytest.raises(InvalidInputError) as error:
        await client.set_log_level("loud")
    assert error.value.remedy == "use debug, info, warning, error"
    assert (await client.log_level()).level is None
