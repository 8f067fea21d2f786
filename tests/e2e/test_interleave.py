"""Two answers side by side as an application shows them: the OpenAI SDK, real processes, preferences told later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.cli.running import serving
from tests.e2e.test_feedback import until

from tidegate.client import AsyncClient
from tidegate.simulator import Simulator

CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
providers:
  sim: {{dialect: openai, base_url: "{simulator}/v1", prices: {{"*": {{input: 1.0, output: 4.0}}}}}}
services:
  bot:
    stable: {{model: sim/plain, prompt: {{system: "Be kind."}}}}
    content: {{keep: redacted, sample: 100%}}
  judge: {{stable: {{model: sim/judge}}}}
judges:
  useful: {{service: judge, rubric: "Does it help?", mode: pairwise, sample: 100%, lag: 0s}}
"""
MODELS: dict[str, Any] = {
    "models": {
        "plain": {"answer": "The parcel comes tomorrow."},
        "judge": {"judge": {"scores": {"nine": 0.9, "tomorrow": 0.5}, "first_place": 0.1}},
        "better": {"answer": "The parcel comes tomorrow at nine, and you can move that."},
        "flaky": {
            "answer": "The parcel comes tomorrow at nine, perhaps.",
            "faults": [{"kind": "error", "status": 500, "every": 2, "after_requests": 1}],
        },
    }
}
INTERLEAVED = {
    "strategy": {"interleave": {"sample": "100%", "horizon": "60s", "promote": {"bake": "5s", "keep_warm": "0s"}}},
    "probe": {"requests": 1},
    "guardrails": [{"metric": "error_rate", "hard": "> 30%"}],
    "analysis": {"min_samples": 15, "interval": "300ms"},
}


class Application:
    """Shows two answers and remembers what its users preferred, to tell it later."""

    def __init__(self, address: str) -> None:
        self.sdk = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none")
        self.preferred: dict[str, int | str] = {}
        self.answers: list[int] = []
        self.liked: dict[str, bool] = {}
        self.heard: list[tuple[str, ...]] = []  # versions, turn by turn
        self.number = 0

    async def ask_plainly(self) -> None:
        """A question of somebody who shows one answer."""
        self.number += 1
        await self.sdk.chat.completions.create(
            model="bot",
            messages=[{"role": "user", "content": "Where is it?"}],
            metadata={"conversation_id": f"c-{self.number}"},
        )

    async def ask(self, *, stream: bool) -> None:
        """One question of a new conversation; its user likes the longer answer."""
        self.number += 1
        request = {
            "model": "bot",
            "messages": [{"role": "user", "content": "Where is it?"}],
            "metadata": {"conversation_id": f"c-{self.number}"},
            "extra_headers": {"x-tidegate-choices": "2"},
        }
        create = self.sdk.chat.completions.with_raw_response.create
        raw = await create(**request, stream=stream)
        said: dict[int, str] = {}
        if stream:
            async for chunk in raw.parse():
                for choice in chunk.choices:
                    said[choice.index] = said.get(choice.index, "") + (choice.delta.content or "")
        else:
            said = {choice.index: choice.message.content for choice in raw.parse().choices}
        self.answers.append(len(said))
        if len(said) == 2:
            assert raw.headers["x-tidegate-choices"] == "2"
            self.preferred[raw.headers["x-request-id"]] = (
                "tie" if said[0] == said[1] else int(len(said[1]) > len(said[0]))
            )

    async def converse(self) -> None:
        """A conversation of two turns; its user likes a turn that says at what time, and says so of each later."""
        self.number += 1
        create = self.sdk.chat.completions.with_raw_response.create
        messages, heard = [], []
        for question in ("Where is it?", "When does it come?"):
            messages.append({"role": "user", "content": question})
            about = {"conversation_id": f"c-{self.number}"}
            raw = await create(model="bot", messages=messages, metadata=about)
            answer = raw.parse().choices[0].message.content or ""
            messages.append({"role": "assistant", "content": answer})
            heard.append(raw.headers["x-tidegate-version"])
            self.liked[raw.headers["x-request-id"]] = "nine" in answer
        self.heard.append(tuple(heard))

    async def rate(self) -> None:
        """Tell what was liked so far, of each turn its opposite first: the later word stands."""
        told, self.liked = self.liked, {}
        for request_id, is_liked in told.items():
            for value in (not is_liked, is_liked):
                body = {"request_id": request_id, "name": "thumbs_up", "value": value}
                await self.sdk.post("/feedback", cast_to=object, body=body)

    async def report(self) -> None:
        """Tell what was preferred so far, twice each."""
        told, self.preferred = self.preferred, {}
        for request_id, place in told.items():
            body = {"request_id": request_id, "name": "preference", "value": place}
            for _ in range(2):
                answer = await self.sdk.post("/feedback", cast_to=object, body=body)
                assert answer["accepted"] is True


async def both(application: Application) -> None:
    """Users who see two answers, whole or streamed, and make up their minds later."""
    for _ in range(4):
        await application.ask(stream=False)
        await application.ask(stream=True)
    if application.number % 16 == 0:
        await application.report()


async def plainly(application: Application) -> None:
    """Users who see one answer and say nothing."""
    for _ in range(8):
        await application.ask_plainly()


async def turns(application: Application) -> None:
    """Conversations whose users say later how they liked each turn."""
    for _ in range(4):
        await application.converse()
    if application.number % 8 == 0:
        await application.rate()


Life = Callable[[Application], Awaitable[None]]


async def interleaved(
    tmp_path: Path, candidate: str, live: Life = both, **spec: Any
) -> tuple[str, str, Any, Application]:
    """``(phase, stable, results, application)`` of an interleaving with ``candidate``, while users ``live``."""
    async with Simulator(MODELS) as simulator:
        (tmp_path / "tidegate.yaml").write_text(CONFIGURATION.format(simulator=simulator.url))
        with serving("up", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path) as (_, running):
            async with AsyncClient(running["control"]) as client:
                await client.push(
                    {"model": f"sim/{candidate}", "prompt": {"system": "x"}}, service="bot", version="v1.1.0"
                )
                release = (await client.release("bot", "v1.1.0", spec={**INTERLEAVED, **spec})).id
                application = Application(running["gateway"])

                async def is_over() -> str:
                    found = await client.release_by_id(release)
                    if "no_data" in found.pause_reasons:  # few requests come in a window where everything is slow
                        await client.resume(release, reason="more users come")
                    if found.phase in {"progressing", "promoting"}:
                        await live(application)
                    return "" if found.is_running else found.phase

                async with application.sdk:
                    phase = await until(is_over, 150)
                results = await client.results(release)
                status = await client.status("bot")
                return phase, status.stable or "", results, application


@pytest.mark.slow
async def test_users_prefer_the_better_version_and_get_it(tmp_path):
    phase, stable, results, application = await interleaved(tmp_path, "better")
    assert (phase, stable.partition("-")[0]) == ("succeeded", "bot/v1.1.0")
    assert results.outcome == "winner_found"
    votes = results.preferences
    assert (votes.losses, votes.ties, votes.void, votes.repeated) == (0, 0, 0, 0)
    assert votes.wins >= 15
    assert 2 in application.answers


@pytest.mark.slow
async def test_a_version_that_fails_is_removed_and_no_user_is_without_an_answer(tmp_path):
    phase, stable, results, application = await interleaved(
        tmp_path, "flaky", guardrails=[{"metric": "error_rate", "hard": "> 5%"}]
    )
    assert (phase, stable.partition("-")[0]) == ("rolled_back", "bot/v1.0.0")
    assert set(application.answers) == {1, 2}
    assert results.preferences.void > 0
    assert results.preferences.losses == 0  # it was liked, and that did not save it


@pytest.mark.slow
async def test_what_a_judge_prefers_of_copies_wins_and_no_user_saw_it_before(tmp_path):
    judged = {"mode": "judged", "judge": "useful", "sample": "100%", "horizon": "60s"}
    strategy = {"interleave": {**judged, "promote": {"bake": "5s", "keep_warm": "0s"}}}
    phase, stable, results, _ = await interleaved(tmp_path, "better", plainly, strategy=strategy)
    assert (phase, stable.partition("-")[0]) == ("succeeded", "bot/v1.1.0")
    assert (results.preferences.question, results.preferences.mode) == ("judge:useful", "judged")
    assert results.preferences.losses == 0
    assert results.preferences.wins >= 15


@pytest.mark.slow
async def test_turns_of_the_better_version_are_liked_more_and_it_wins(tmp_path):
    strategy = {"interleave": {"mode": "turn", "horizon": "60s", "promote": {"bake": "5s", "keep_warm": "0s"}}}
    phase, stable, results, application = await interleaved(tmp_path, "better", turns, strategy=strategy)
    assert (phase, stable.partition("-")[0]) == ("succeeded", "bot/v1.1.0")
    votes = results.preferences
    assert (results.outcome, votes.question, votes.mode) == ("winner_found", "feedback:thumbs_up", "turn")
    assert (votes.losses, votes.ties, votes.repeated) == (0, 0, 0)  # the later word on each turn, once
    assert 15 <= votes.wins <= application.number
    first = Counter(heard[0] for heard in application.heard if len(set(heard)) == 2)
    assert len(first) == 2  # each conversation heard both, some this one first and some that
    assert first.total() >= votes.votes


@pytest.mark.slow
async def test_equal_turns_decide_nothing_and_stable_stays(tmp_path):
    strategy = {"interleave": {"mode": "turn", "horizon": "8s", "promote": {"bake": "5s", "keep_warm": "0s"}}}
    phase, stable, results, application = await interleaved(tmp_path, "plain", turns, strategy=strategy)
    assert (phase, stable.partition("-")[0]) == ("succeeded", "bot/v1.0.0")
    assert results.outcome == "stable_kept"
    assert (results.preferences.wins, results.preferences.losses) == (0, 0)
    assert 0 < results.preferences.ties <= application.number
