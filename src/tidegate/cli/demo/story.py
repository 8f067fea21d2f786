"""What happens in the demo: a good version, one that is refused before anybody sees it, one that breaks later."""

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


class Chapter(NamedTuple):
    """One version and its release.

    Attributes:
        announcement: said before it is pushed.
        version: its number.
        changes: what differs from the version before, as a bundle has it.
        bake: how long it must hold before it is promoted.
        outlook: said when its release starts.
    """

    announcement: str
    version: str
    changes: dict[str, Any]
    bake: str
    outlook: str


CHAPTERS = (
    Chapter(
        "a faster model, and a clearer prompt",
        "v1.1.0",
        {"model": f"{PROVIDER}/sim-better", "prompt": {"system": f"{SYSTEM} Answer the question first."}},
        "12s",
        "it is probed, gets all traffic, and must hold for 12 s",
    ),
    Chapter(
        "a typo in the model's name: it answers nothing but errors",
        "v1.2.0",
        {"model": f"{PROVIDER}/sim-dead"},
        "12s",
        "its probes will fail, so no user may ever meet it",
    ),
    Chapter(
        "a version that passes its probes and goes bad under traffic",
        "v1.3.0",
        {"model": f"{PROVIDER}/sim-broken"},
        "60s",
        "its users are rescued by stable while the evidence gathers",
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
    spec = {"strategy": {"direct": {"promote": {"bake": chapter.bake}}}, "probe": {"requests": 5}}
    release = await client.release(SERVICE, chapter.version, spec=spec, reason="demo")
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
