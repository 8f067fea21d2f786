"""A service whose requests both versions answer, and what a client gets of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gateway.gateway_bench import (
    Bench,
    StartSimulator,
    events,
    release,
    service,
    until,
    variant,
)

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.pairs import PairRecord

TWO = {"x-tidegate-choices": "2"}
ANSWERS = {"stable-model": {"answer": "on its way"}, "candidate-model": {"answer": "on its way home"}}
HANG = {"faults": [{"kind": "hang", "before": "headers"}]}
BROKEN = {"faults": [{"kind": "error", "status": 500}]}
CUT = {"answer": "one two three four five six", "faults": [{"kind": "truncate", "by": "cut", "after_tokens": 2}]}


def both(behaviour: dict[str, Any]) -> dict[str, Any]:
    return {"stable-model": behaviour, "candidate-model": behaviour}


def interleaved(patience: float = 60.0, share: int = 10_000, **settings: Any):
    """A service whose requests both versions answer, for clients that can show two."""
    mirroring = Mirroring(share=share, patience=patience)
    return service(
        variant("stable"),
        variant("candidate", 0),
        release=release(mirroring=mirroring, **settings.pop("of", {})),
        **settings,
    )


async def give(bench: Bench, simulate: StartSimulator, behaviours: dict[str, Any], route=None):
    sim = await simulate(behaviours)
    bench.provide("sim", sim)
    bench.publish(route or interleaved())
    return sim


async def pair_of(bench: Bench) -> PairRecord:
    await until(lambda: len(bench.observations.pairs) == 1)
    return bench.observations.pairs[0]


def texts(answer, *, stream: bool) -> dict[int, str]:
    """What each choice says."""
    if not stream:
        return {choice["index"]: choice["message"]["content"] for choice in answer.json()["choices"]}
    said: dict[int, str] = {}
    for event in events(answer.text):
        for choice in event["choices"] if event != "[DONE]" else ():
            said[choice["index"]] = said.get(choice["index"], "") + (choice["delta"].get("content") or "")
    return said


STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
