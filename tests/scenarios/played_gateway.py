"""A gateway that is played: what control sees of one, without a process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.observations import observation
from tests.fakes.pairs import pair

from tidegate.delivery.observation import ObservationBatch
from tidegate.delivery.records import FeedbackRecord, RecordBatch, encode_record
from tidegate.delivery.snapshot import Cutoff, Heartbeat, Snapshot
from tidegate.delivery.traffic import arms_of, targeted_arms

if TYPE_CHECKING:
    from tests.scenarios.world import World


class PlayedGateway:
    """Serves what control publishes, says so, and can be told to lag, fall silent or cut a candidate off."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.boot_id = f"boot-{name}"
        self.snapshot: Snapshot | None = None
        self.is_reachable = True  # control's lines and our heartbeats get through
        self.refuses: Callable[[Snapshot], bool] = lambda _: False  # such snapshots are not put in force
        self.in_flight: dict[str, int] = {}
        self.cutoffs: tuple[Cutoff, ...] = ()
        self.sequence = 0
        self.answered: dict[str, str] = {}  # request id -> version, of the latest requests served

    def beat(self, **more: Any) -> None:
        """One second of a gateway's life: take the newest snapshot, tell control."""
        if not self.is_reachable:
            return
        control = self.world.control
        if control.publisher.is_ready:
            if not self.refuses(control.publisher.current):
                self.snapshot = control.publisher.current
            control.gateways.renewed(self.name, self.boot_id)
        control.hear(
            Heartbeat(
                gateway=self.name,
                boot_id=self.boot_id,
                pid=1,
                address=f"127.0.0.1:{7400 + len(self.name)}",
                build="test",
                revision=self.snapshot.revision if self.snapshot else 0,
                epoch=self.snapshot.epoch if self.snapshot else 0,
                in_flight=self.in_flight,
                cutoffs=self.cutoffs,
                **more,
            )
        )

    async def serve(
        self, service: str, units: int, fails: Callable[[str], bool] = lambda _: False, **more: Any
    ) -> dict[str, int]:
        """Requests of ``units`` new units, observed and reported; returns requests by version. See :meth:`observe`."""
        served: Counter[str] = Counter()
        batch = self.observe(service, units, fails, served=served, **more)
        if len(batch):
            await self.world.control.store(batch)
        return dict(served)

    def observe(
        self,
        service: str,
        units: int,
        fails: Callable[[str], bool] = lambda _: False,
        *,
        drops: Callable[[str, int], bool] = lambda _, __: False,
        latency_us: Callable[[str, int], int] = lambda _, __: 250_000,
        cost_nano: Callable[[str, int], int] = lambda _, __: 1_500,
        segments: tuple[str, ...] = (),
        served: Counter[str] | None = None,
    ) -> ObservationBatch:
        """What would be reported of requests of ``units`` new units.

        Args:
            fails: for which version.
            drops: which observations (of variant, number) are lost on the way.
            latency_us, cost_nano: of a version's request, by number.
            segments: that the units belong to.
            served: counts requests by version.
        """
        assert self.snapshot is not None
        route = self.snapshot.services[service]
        rows, self.answered = [], {}
        arms = next((own for name, own in targeted_arms(route) if name in segments), arms_of(route))
        for unit in range(units):
            found = arms.assign(f"{self.name}-{self.sequence}-{unit}")
            variant = route.variants[found.arm]
            if served is not None:
                served[variant.version] += 1
            if drops(variant.name, unit):
                continue
            is_failure = fails(variant.version)
            self.answered[f"req_{self.name}_{self.sequence}_{unit}"] = variant.version
            rows.append(
                observation(
                    request_id=f"req_{self.name}_{self.sequence}_{unit}",
                    started_at_us=int(self.world.clock.now().timestamp() * 1_000_000),
                    service=service,
                    release=route.release.id if route.release else "",
                    attempt=route.release.attempt if route.release else 0,
                    step=route.release.step if route.release else 0,
                    round=route.release.round if route.release else 0,
                    revision=self.snapshot.revision,
                    variant=variant.name,
                    version=variant.version,
                    served="stable" if is_failure else variant.name,
                    unit_hash=found.unit_hash,
                    propensity=found.propensity,
                    assigned_outcome="upstream_error" if is_failure else "ok",
                    duration_us=latency_us(variant.version, unit),
                    cost_nano_usd=cost_nano(variant.version, unit),
                    segments=",".join(segments),
                )
            )
        self.sequence += 1
        return ObservationBatch.of(self.name, self.boot_id, self.sequence, rows)

    async def say(self, answers: Mapping[str, bool | float | str], name: str = "thumbs_up") -> None:
        """Feedback on answers by request id, attributed as control does each second."""
        at_us = int(self.world.clock.now().timestamp() * 1_000_000)
        said = [
            FeedbackRecord(request_id=request, name=name, value=value, key="", at_us=at_us)
            for request, value in answers.items()
        ]
        self.sequence += 1
        encoded = [encode_record(each) for each in said]
        await self.world.control.store_records(RecordBatch.of(self.name, self.boot_id, self.sequence, encoded))
        await self.world.control.attribution.attribute()

    async def mirror(
        self,
        service: str,
        requests: int,
        fails: Callable[[int], bool] = lambda _: False,
        *,
        cost_nano: int = 1_500,
        is_exact: bool = True,
    ) -> int:
        """Requests that stable answers, copied as the snapshot says; returns how many copies there were.

        Args:
            fails: which copies of them, by number.
            cost_nano: of each copy.
        """
        assert self.snapshot is not None
        route = self.snapshot.services[service]
        if route.release is None or route.release.mirroring is None:
            return 0
        stable, candidate = route.variants[0], route.variants[1]
        common = {
            "service": service,
            "release": route.release.id,
            "attempt": route.release.attempt,
            "step": route.release.step,
            "started_at_us": int(self.world.clock.now().timestamp() * 1_000_000),
        }
        copies = requests * route.release.mirroring.share // 10_000
        made = []
        for number in range(copies):
            outcome = "timeout" if fails(number) else "ok"
            theirs = {"version": candidate.version, "outcome": outcome, "cost_nano_usd": cost_nano}
            request_id = f"req_{self.name}_{self.sequence}_{number}"
            users = {"version": stable.version}
            made.append(pair(theirs, users, request_id=request_id, is_exact=is_exact, **common))
        self.sequence += 1
        encoded = [encode_record(each) for each in made]
        batch = RecordBatch.of(self.name, self.boot_id, self.sequence, encoded)
        await self.world.control.store_records(batch)
        return copies
