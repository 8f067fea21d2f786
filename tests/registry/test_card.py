import pytest

from tidegate.registry.bundle_reader import read_inline
from tidegate.registry.registry import Registry
from tidegate.registry.versions import mark_unstable


@pytest.fixture
def registry(database, artifacts, clock):
    return Registry(database, artifacts, clock)


async def test_a_bundle_keeps_its_own_card(registry):
    await registry.push(read_inline({"model": "a/b", "service": "bot", "card": "# Mine\r\n\r\ntext"}), actor="ann")
    assert await registry.card("bot/v1.0.0") == "# Mine\n\ntext\n"


async def test_without_a_card_one_is_written_from_what_is_known(registry, database):
    bundle = {
        "service": "bot",
        "model": "openai/gpt-4.1-mini",
        "prompt": {"system": "Be {{brief}}.\n<b>", "few_shot": [{"role": "user", "content": "hi"}]},
        "generation": {"temperature": 0.2, "stop": ["a"]},
        "lineage": {"base_model": "gpt-4.1", "data": "Tickets of 2025.", "training_run": "run-7", "git_commit": "abc"},
    }
    pushed = await registry.push(read_inline(bundle), actor="ann")
    card = await registry.card(pushed.ref)
    for text in (
        f"# {pushed.ref}",
        "`openai/gpt-4.1-mini`, made from `gpt-4.1`",
        "    Be {{brief}}.\n    <b>\n",
        "Few-shot messages: 1.",
        "- `temperature`: `0.2`",
        '- `stop`: `["a"]`',
        "Tickets of 2025. Training run: `run-7`.",
        "None were given with the bundle.",
        f"`sha256:{pushed.digest}`",
        "- Git commit: `abc`",
    ):
        assert text in card
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        f"## {name}"
        for name in (
            "Intended use",
            "Prompt",
            "Parameters",
            "Training data",
            "Metrics",
            "Known limitations",
            "Provenance",
        )
    ]
    assert "\n\n\n" not in card
    assert "Unstable" not in card
    async with database.write() as connection:
        await mark_unstable(connection, pushed.ref, "Rolled back: error rate 9%.")
    assert "> **Unstable.** Rolled back: error rate 9%." in await registry.card(pushed.ref)


async def test_a_bare_bundle_says_what_nobody_stated(registry):
    await registry.push(read_inline({"service": "bot", "model": "a/b"}), actor="ann")
    card = await registry.card("bot/v1.0.0")
    assert "None; requests pass as clients send them." in card
    assert "The provider's defaults." in card
    assert "Not stated." in card
    assert "\n\n\n" not in card
