"""What happens in the demo: a good version, one that is refused before anybody sees it, one that is subtly bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.client import AsyncClient
from tidegate.client.waiting import Waited

SERVICE = "support-bot"
PROVIDER = "acme"
SYSTEM = "You answer for ACME support. Be brief and kind, and never promise a refund."

Say = Callable[[str], None]


_WATCHED = [
    {"metric": "error_rate", "max_increase": "5%", "hard": "> 30%"},
    {"metric": "ttft", "stat": "p95", "max_increase": "60%"},
    {"metric": "cost_per_request", "max_increase": "30%"},
]
_LOOKED_AT = {"interval": "1s", "min_samples": 40}


class Chapter(NamedTuple):
    """One version and its release.

    Attributes:
        announcement: said before it is pushed.
        version: its number.
        changes: what differs from the version before, as a bundle has it.
        spec: how it is released.
        outlook: said when its release starts.
    """

    announcement: str
    version: str
    changes: dict[str, Any]
    spec: dict[str, Any]
    outlook: str


def _canary(*shares: str, soak: str) -> dict[str, Any]:
    steps = [{"split": share, "soak": soak} for share in shares]
    return {
        "strategy": {"canary": {"steps": steps, "promote": {"bake": "8s", "keep_warm": "2s", "drain": "5s"}}},
        "assignment": {"unit": "request"},
        "probe": {"requests": 5},
        "guardrails": _WATCHED,
        "analysis": {**_LOOKED_AT, "on_inconclusive": "extend", "max_extensions": 3},
    }


CHAPTERS = (
    Chapter(
        "a faster model, and a clearer prompt",
        "v1.1.0",
        {"model": f"{PROVIDER}/sim-better", "prompt": {"system": f"{SYSTEM} Answer the question first."}},
        _canary("20%", "50%", soak="14s"),
        "a canary gives it 20 %, then 50 %, and goes on only with evidence",
    ),
    Chapter(
        "a typo in the model's name: it answers nothing but errors",
        "v1.2.0",
        {"model": f"{PROVIDER}/sim-dead"},
        {"strategy": {"direct": {"promote": {"bake": "12s"}}}, "probe": {"requests": 5}},
        "its probes will fail, so no user may ever meet it",
    ),
    Chapter(
        "a model that answers well, at twice the length and price",
        "v1.3.0",
        {"model": f"{PROVIDER}/sim-wordy", "prompt": {"system": f"{SYSTEM} Be thorough."}},
        _canary("20%", "50%", soak="30s"),
        "nothing fails, so only the comparison with stable can find it out",
    ),
)


def first_bundle() -> dict[str, Any]:
    """The version that serves from the start."""
    return {"model": f"{PROVIDER}/sim-good", "prompt": {"system": SYSTEM}, "generation": {"temperature": 0.2}}


async def tell(client: AsyncClient, say: Say, *, pause_seconds: float) -> list[Waited]:
    """Run all chapters, one after the other.

    Args:
        client: of the control to drive.
        say: takes each sentence of the story.
        pause_seconds: of plain traffic before each chapter.

    Returns:
        How each release ended.
    """
    ends = []
    for chapter in CHAPTERS:
        await asyncio.sleep(pause_seconds)
        ends.append(await _play(chapter, client, say))
    return ends


async def _play(chapter: Chapter, client: AsyncClient, say: Say) -> Waited:
    bundle = first_bundle() | {"kind": "Bundle"} | chapter.changes
    say(f"push {chapter.version}: {chapter.announcement}")
    pushed = await client.push(bundle, service=SERVICE, version=chapter.version)
    release = await client.release(SERVICE, chapter.version, spec=chapter.spec, reason=chapter.announcement)
    say(f"release {pushed.ref}: {chapter.outlook}")
    ended = await client.wait(release.id)
    say(_ending(ended))
    return ended


def _ending(ended: Waited) -> str:
    release = ended.release
    if release.breach is None:
        return f"{release.version} is promoted: it is the stable version now"
    exposed = f" {release.exposed_requests} requests were assigned to it." if release.exposed_requests else ""
    return f"{release.phase.replace('_', ' ')}: {release.breach.sentence.rstrip('.')}.{exposed}"
