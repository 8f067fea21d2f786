"""Prompts over the API: numbered, labelled, compared, and taken by bundles without making versions change."""

from __future__ import annotations

import pytest
from tests.fakes.control_server import CONFIGURATION

from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError

HELLO = {"system": "Greet {{ name }}.", "variables": {"name": "the user"}}
SHORT = {"system": "Say hello to {{ name }}, briefly.", "variables": {"name": None}}


async def test_versions_are_numbered_and_the_same_content_is_the_same_version(server, client):
    first = await client.push_prompt("greeting", HELLO, note="begin", labels=("production",))
    second = await client.push_prompt("greeting", SHORT)
    again = await client.push_prompt("greeting", HELLO)
    assert [(each.ref, each.is_new) for each in (first, second, again)] == [
        ("greeting/v1", True),
        ("greeting/v2", True),
        ("greeting/v1", False),
    ]
    assert (first.note, first.labels, first.content) == ("begin", ("production",), HELLO)
    assert [each.ref for each in (await client.prompts()).items] == ["greeting/v2"]
    assert [each.ref for each in (await client.prompts(name="greeting")).items] == ["greeting/v2", "greeting/v1"]
    told = await client.diff_prompts("greeting@production", "greeting")
    assert (told.before, told.after, told.is_empty) == ("greeting/v1", "greeting/v2", False)
    assert any("briefly" in line for line in told.lines)


async def test_a_label_moves_and_the_audit_log_knows_from_where(server, client):
    for content in (HELLO, SHORT):
        await client.push_prompt("greeting", content)
    await client.label_prompt("greeting/v1", "production")
    moved = await client.label_prompt("greeting/v2", "production")
    assert moved.labels == ("production",)
    assert (await client.prompt("greeting/v1")).labels == ()
    assert (await client.prompt("greeting@production")).number == 2
    rows = (await client.audit(subject="prompt:greeting")).items
    assert [(row.detail["from"], row.detail["to"]) for row in rows] == [(1, 2), (None, 1)]


async def test_a_bundle_takes_a_prompt_and_keeps_it_when_the_label_moves(server, client):
    await client.apply([CONFIGURATION])
    await client.push_prompt("greeting", HELLO, labels=("production",))
    bundle = {"model": "sim/gpt", "prompt": {"use": "greeting@production"}}
    pushed = await client.push(bundle, service="bot", version="v1.1.0")
    plain = await client.push({"model": "sim/gpt", "prompt": HELLO}, service="bot", version="v1.1.0")
    assert (plain.digest, plain.created) == (pushed.digest, False)  # equal content, however it was written
    found = await client.version(pushed.ref)
    assert found.bundle["prompt"] == HELLO
    assert found.lineage["prompt"].startswith("greeting/v1 sha256:")
    await client.push_prompt("greeting", SHORT, labels=("production",))
    assert (await client.version(pushed.ref)).bundle["prompt"] == HELLO
    newer = await client.push(bundle, service="bot", version="v1.2.0")
    assert (await client.version(newer.ref)).bundle["prompt"] == SHORT


async def test_a_declared_bundle_takes_a_prompt_and_its_files_are_stored(server, client):
    await client.push_prompt("greeting", HELLO)
    stable = {"model": "sim/gpt", "prompt": {"use": "greeting/v1"}}
    await client.apply([CONFIGURATION | {"services": {"greeter": {"stable": stable}}}])
    found = await client.version("greeter@stable")
    assert found.bundle["prompt"] == HELLO
    assert (await client.verify("greeter@stable")).is_intact


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("Greeting", HELLO, "no reference of a prompt"),
        ("greeting/v3", HELLO, "cannot name a prompt"),
        ("greeting", {}, "says nothing"),
        ("greeting", {"system": "{{ nobody }}", "variables": {}}, "nobody"),
        ("greeting", {"use": "other"}, "uses no other"),
        ("greeting", {"systm": "x"}, "systm"),
    ],
)
async def test_what_is_no_prompt_is_refused(server, client, name, content, said):
    with pytest.raises(InvalidInputError, match=said):
        await client.push_prompt(name, content)


async def test_what_is_not_there_is_told_with_what_is(server, client):
    await client.apply([CONFIGURATION])
    await client.push_prompt("greeting", HELLO, labels=("production",))
    for reference, said in (("greting", "greeting"), ("greeting/v9", "v1 to v1"), ("greeting@staging", "production")):
        with pytest.raises(NotFoundError) as caught:
            await client.prompt(reference)
        assert said in caught.value.remedy
    both = {"model": "sim/gpt", "prompt": {"use": "greeting", "system": "x"}}
    with pytest.raises(InvalidInputError, match="use takes a whole prompt"):
        await client.push(both, service="bot", version="v1.1.0")
    with pytest.raises(InvalidInputError, match="cannot name a label"):
        await client.label_prompt("greeting", "a b")


async def test_a_viewer_reads_prompts_and_pushes_none(server, client):
    await client.push_prompt("greeting", HELLO)
    await server.key("root", "admin")
    viewer = await server.key("viewer", "viewer")
    async with server.client(viewer) as looking:
        assert (await looking.prompt("greeting")).number == 1
        with pytest.raises(ForbiddenError):
            await looking.push_prompt("greeting", SHORT)
