"""Many releases in the middle of their first split, written as control would have left them."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.scenarios.world import World

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.delivery.release import CANDIDATE, Phase, ReleaseState, SubPhase, new_release
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.version import VersionNumber
from tidegate.registry.releases import insert_release
from tidegate.registry.services import put_service, set_first_stable
from tidegate.registry.versions import insert_version

SHARE = 5_000


def release_id(number: int) -> str:
    """Of the release that the specification of this number asked for."""
    return f"rel_{number:04d}"


async def half_way(world: World, specs: Sequence[ReleaseSpec]) -> None:
    """A service with two versions for each of ``specs``, and its release at a split of one half, open for samples."""
    async with world.control.state.write() as connection:
        for number, spec in enumerate(specs):
            stable, candidate = await _service(connection, world, number, spec.service)
            state = _soaking(world, number, spec.service, stable, candidate)
            await insert_release(connection, spec=spec, state=state, actor="test", reason="")
    await world.control.operations.routing_changed()
    world.beat()


async def _service(connection: AsyncConnection, world: World, number: int, name: str) -> list[str]:
    now, references = world.clock.now(), []
    await put_service(connection, name, ServiceSpec(), actor="test", at=now)
    for version in ("1.0.0", "1.1.0"):
        made = await insert_version(
            connection,
            name,
            VersionNumber.parse(version),
            Bundle(model=f"local/model-{version}"),
            manifest=(),
            digest=f"{number:032d}{version.replace('.', ''):0>32}",
            lineage=Lineage(),
            actor="test",
            at=now,
        )
        references.append(made.ref)
    await set_first_stable(connection, name, references[0], actor="test", at=now)
    return references


def _soaking(world: World, number: int, service: str, stable: str, candidate: str) -> ReleaseState:
    now = world.clock.now()
    made = new_release(release_id=release_id(number), service=service, candidate=candidate, stable=stable, now=now)
    return msgspec.structs.replace(
        made,
        phase=Phase.PROGRESSING,
        sub_phase=SubPhase.SOAKING,
        split={CANDIDATE: SHARE},
        shares={CANDIDATE: SHARE},
        started_at=now,
        deadline_at=now + timedelta(days=10),
        awaited_epoch=1,
        awaited_revision=1,
        window_opened_at=now,
        soak_until=now + timedelta(days=1),
    )
