"""A small world around the engine: a publisher, gateways and a clock, all of them plain values.

Every pass reloads spec and state from JSON, as a restarted controller does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.delivery.bundle import Bundle
from tidegate.delivery.commands import CommitStable, SwapBack, WriteRouting
from tidegate.delivery.decide import decide
from tidegate.delivery.decision import Decision
from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.facts import Facts, GatewayFact, NewerRelease, ProbeResult, StepCounts, StepPairs
from tidegate.delivery.intents import INTENTS
from tidegate.delivery.observation import Outcome
from tidegate.delivery.release import CANDIDATE, STABLE, Phase, SubPhase, decode_state, encode_state, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import decode_spec, encode_spec
from tidegate.delivery.routing import service_route
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.snapshot import Cutoff
from tidegate.stats.distribution import Distribution

SOAKING = SubPhase.SOAKING
OLD, NEW = "bot/v1.0.0-11111111", "bot/v1.1.0-22222222"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUTOFF = Cutoff(service="bot", release="rel_1", attempt=1, variant=CANDIDATE, failures=5, reason="timeout")
BUNDLES = {OLD: Bundle(model="local/old"), NEW: Bundle(model="local/new")}


def traffic(ok: int = 0, *, failed: int = 0, latency_us: int = 200_000, **outcomes: int) -> Summary:
    """Counts of ``ok`` answers and ``failed`` upstream errors."""
    counted = {Outcome.OK: ok, Outcome.UPSTREAM_ERROR: failed, **{Outcome(name): n for name, n in outcomes.items()}}
    total = sum(counted.values())
    one = Distribution.of(latency_us)
    latency = Distribution(
        one.count * ok, one.total * ok, one.squares * ok, {i: n * ok for i, n in one.buckets.items()}
    )
    return Summary(
        requests=total,
        units=total,
        outcomes={str(k): n for k, n in counted.items() if n},
        latency=latency if ok else Distribution(),
    )


class World:
    """What a controller would gather and carry out for one release."""

    def __init__(self, *, stable: str | None = OLD, gateways: int = 2, **document: object) -> None:
        document = {"service": "bot", "version": "v1.1.0", "analysis": {"interval": "1s"}, **document}
        self.spec_json = encode_spec(parse_release(document))
        self.stored = encode_state(
            new_release(release_id="rel_1", service="bot", candidate=NEW, stable=stable, now=START)
        )
        self.now = START
        self.stable, self.previous = stable, None
        self.epoch, self.revision = 1, 1
        self.published = self.wanted_route()
        self.acknowledged = {f"gw{n}": (1, 1) for n in range(gateways)}
        self.in_flight: dict[str, int] = {}
        self.spool = 0
        self.ready: bool | None = True
        self.probe: ProbeResult | None = None
        self.gate_results: tuple = ()
        self.totals: dict[tuple[int, int], Summary] = {}
        self.windows: dict[tuple[int, int], Summary] = {}
        self.beside: dict[tuple[int, int], Summary] = {}  # stable's, in the window
        self.pairs: dict[tuple[int, int], tuple[PairCounts, PairCounts]] = {}  # all, and those of the window
        self.are_counts_readable = True
        self.observed_at: datetime | None = None
        self.cutoffs: tuple[Cutoff, ...] = ()
        self.is_frozen = False
        self.other: str | None = None
        self.newer: NewerRelease | None = None
        self.jump = timedelta(0)
        self.log: list[Decision] = []
        self._intent_ids = 0

    @property
    def state(self):
        return decode_state(self.stored)

    @property
    def spec(self):
        return decode_spec(self.spec_json)

    @property
    def place(self):
        return self.state.phase, self.state.sub_phase

    def wanted_route(self):
        state = decode_state(self.stored)
        release = (self.spec, state, BUNDLES) if state.phase.is_running else None
        at = {ref: (ref, BUNDLES[ref]) for ref in BUNDLES}
        return service_route(
            "bot",
            ServiceSpec(),
            "salt",
            at.get(self.stable),
            release,
            is_frozen=getattr(self, "is_frozen", False),
            previous=at.get(self.previous),
        )

    def facts(self) -> Facts:
        return Facts(
            epoch=self.epoch,
            stable=self.stable,
            revision_written=self.revision if self.published == self.wanted_route() else None,
            candidate_ready=self.ready,
            candidate_detail="it exited" if self.ready is False else "",
            gates=self.gate_results,
            probe=self.probe,
            gateways=tuple(
                GatewayFact(id=name, epoch=epoch, revision=revision, in_flight=self.in_flight, spool_batches=self.spool)
                for name, (epoch, revision) in self.acknowledged.items()
            ),
            counts=(
                *self._counts(CANDIDATE, self.totals, self.windows),
                *self._counts(STABLE, self.beside, self.beside),
            )
            if self.are_counts_readable
            else None,
            pairs=tuple(
                StepPairs(attempt=attempt, step=step, total=total, window=window)
                for (attempt, step), (total, window) in self.pairs.items()
            )
            if self.are_counts_readable
            else None,
            observed_at=self.observed_at,
            cutoffs=self.cutoffs,
            is_frozen=self.is_frozen,
            other_running=self.other,
            newer=self.newer,
            clock_jump=self.jump,
        )

    def _counts(self, variant, totals, windows):
        """Arms are compared where a test serves both."""
        for key, total in totals.items():
            window, has_both = windows.get(key, Summary()), bool(self.beside.get(key, Summary()).requests)
            yield StepCounts(
                attempt=key[0],
                step=key[1],
                variant=variant,
                total=total,
                window=window,
                compared=window if has_both else Summary(),
            )

    def intent(self, kind: str, *, actor: str = "ann", reason: str = "because", **fields: object):
        self._intent_ids += 1
        return INTENTS[kind](id=self._intent_ids, actor=actor, reason=reason, accepted_at=self.now, **fields)

    def step(self, *intents, carry_out: bool = True) -> Decision:
        """One pass: gather, decide, commit, carry out (or crash before that)."""
        decision = decide(self.spec, self.state, intents, self.facts(), self.now)
        self.stored = encode_state(decision.state)
        self.jump = timedelta(0)
        self.log.append(decision)
        for command in decision.commands:
            if isinstance(command, CommitStable | SwapBack):
                self.stable, self.previous = command.stable, command.previous
        for command in decision.commands:
            if carry_out and isinstance(command, WriteRouting):
                self.publish()
        return decision

    def ask(self, kind: str, **fields: object) -> Decision:
        return self.step(self.intent(kind, **fields))

    def publish(self) -> None:
        if self.published != self.wanted_route():
            self.published, self.revision = self.wanted_route(), self.revision + 1

    def acknowledge(self, *names: str) -> None:
        for name in names or tuple(self.acknowledged):
            self.acknowledged[name] = (self.epoch, self.revision)

    def answer_probes(self, failed: int = 0) -> None:
        needed = self.spec.probe.requests + len(self.spec.probe.smoke)
        self.probe = ProbeResult(
            attempt=self.state.attempt,
            answered=needed - failed,
            failed=failed,
            detail="it said nothing" if failed else "",
        )

    def serve(self, summary: Summary, beside: Summary | None = None) -> None:
        """Requests of the current step, ``beside`` those of stable; part of the window once that is open."""
        key = (self.state.attempt, self.state.step)
        self.totals[key] = self.totals.get(key, Summary()) + summary
        if self.state.window_opened_at is not None:
            self.windows[key] = self.windows.get(key, Summary()) + summary
            self.beside[key] = self.beside.get(key, Summary()) + (beside or Summary())
        self.observed_at = self.now

    def mirror(self, pairs: PairCounts) -> None:
        """Copies of requests of the current step; part of the window once that is open."""
        key = (self.state.attempt, self.state.step)
        total, window = self.pairs.get(key, (PairCounts(), PairCounts()))
        is_sample = self.state.window_opened_at is not None
        self.pairs[key] = total + pairs, window + pairs if is_sample else window
        self.observed_at = self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def reach(self, phase: Phase, sub_phase: SubPhase | None = None, *, most: int = 40) -> World:
        """Let everything go well until the release is there."""
        for _ in range(most):
            if self.place == (phase, sub_phase):
                return self
            self.step()
            if self.place == (phase, sub_phase):
                return self
            if not (sub_phase is SubPhase.VERIFYING and self.place == (phase, SubPhase.APPLYING)):
                self.acknowledge()
            if self.state.phase is Phase.GATING:
                self.answer_probes()
            if self.state.sub_phase is SubPhase.SOAKING:
                self.wait(30)
        raise AssertionError(f"stuck at {self.place}: {self.state}")

    @property
    def last(self) -> Decision:
        return self.log[-1]

    def history(self) -> list[str]:
        return [f"{t.number} {t.code}" for decision in self.log for t in decision.transitions]


def names(decision: Decision) -> list[str]:
    return [type(command).__name__ for command in decision.commands]


def command(decision: Decision, kind: type[Any]) -> Any:
    """The first of its kind."""
    return next(found for found in decision.commands if isinstance(found, kind))


def baking(**document: object) -> World:
    """A direct release whose candidate has all traffic and is watched."""
    return World(**document).reach(Phase.PROMOTING, SOAKING)


def draining(keep_warm: str = "1h", **document: object) -> World:
    """A promoted release whose old version is kept warm."""
    document = {"strategy": {"direct": {"promote": {"keep_warm": keep_warm}}}, **document}
    return World(**document).reach(Phase.DRAINING)
