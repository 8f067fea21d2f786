"""One decision in the making: the state as it changes, and what was recorded of each change.

The only place that changes a state. ``fire`` walks the table of :mod:`~tidegate.delivery.transitions`;
``pause`` and ``unpause`` keep the overlay and stop and start the soak clock with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tidegate.delivery.commands import Command, Notify
from tidegate.delivery.decision import TransitionRecord
from tidegate.delivery.facts import Facts
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import Breach, MetricVerdict, PauseReason, ReleaseSpec, ReleaseState, SubPhase
from tidegate.delivery.steps import Decide, Interleave, Mirror, Program, Split
from tidegate.delivery.transitions import NOTES, Place, Transition, find
from tidegate.errors import InternalError
from tidegate.stats.verdict import Verdict


class Draft:
    """A decision in the making.

    Attributes:
        state: as changed so far.
        records: commands that belong into the transaction.
        transitions: what changed so far.
    """

    def __init__(self, spec: ReleaseSpec, program: Program, state: ReleaseState, facts: Facts, now: datetime) -> None:
        self.spec = spec
        self.program = program
        self.state = state
        self.facts = facts
        self.now = now
        self.records: list[Command] = []
        self.transitions: list[TransitionRecord] = []

    @property
    def place(self) -> Place:
        """Phase and sub-phase."""
        return self.state.phase, self.state.sub_phase

    @property
    def has_moved(self) -> bool:
        """Whether a transition was made: the facts then speak of the routing before it."""
        return any(record.number.startswith("T") for record in self.transitions)

    @property
    def key(self) -> dict[str, Any]:
        """What every command's key is made of."""
        return {"release": self.state.id, "attempt": self.state.attempt, "step": self.state.step}

    def change(self, **fields: Any) -> None:
        """Replace fields of the state, without a transition."""
        self.state = msgspec.structs.replace(self.state, **fields)

    def fire(
        self,
        code: str,
        target: Place | None = None,
        *,
        intent: Intent | None = None,
        detail: dict[str, str] | None = None,
        **fields: Any,
    ) -> Transition:
        """Make the transition ``code`` from here.

        Args:
            code: reason, a row of the table at this place.
            target: where to, when the row leaves it open.
            intent: who asked for it.
            detail: fills the sentence, beside what every sentence may name.
            fields: further changes of the state.

        Raises:
            InternalError: the table has no such transition.
        """
        row = find(self.place, code)
        chosen = target or row.targets[0]
        if chosen not in row.targets:
            raise InternalError(f"transition {code!r} does not lead to {chosen}", code="illegal_transition")
        self._record(row.number, code, row.sentence, chosen, intent, detail or {})
        self.change(phase=chosen[0], sub_phase=chosen[1], **fields)
        return row

    def note(self, code: str, *, intent: Intent | None = None, **detail: str) -> None:
        """Record something beside the table."""
        number, sentence = NOTES[code]
        self._record(number, code, sentence, self.place, intent, detail)

    def notify(self, event: str) -> None:
        """Tell people of the last transition."""
        self.records.append(
            Notify(
                **self.key,
                service=self.state.service,
                event=event,
                sentence=self.transitions[-1].sentence,
                at=self.now,
                ordinal=len(self.transitions),
            )
        )

    def breach(self, row: Transition, evidence: tuple[MetricVerdict, ...] = ()) -> Breach:
        """Why it rolls back, from the transition just recorded."""
        return Breach(
            trigger=row.code,
            sentence=self.transitions[-1].sentence,
            at=self.now,
            opens_incident=row.opens_incident,
            evidence=evidence or tuple(v for v in self.state.verdicts if v.verdict is Verdict.FAIL),
        )

    def pause(self, reason: PauseReason, *, intent: Intent | None = None) -> None:
        """Add a reason; the soak clock stops."""
        if reason in self.state.pause_reasons:
            return
        self._set_reasons((*self.state.pause_reasons, reason))
        self.note("paused", intent=intent, why=_WHY[reason])
        if reason is not PauseReason.UNVERIFIED:
            self.notify("awaiting_approval" if reason is PauseReason.AWAIT_APPROVAL else "paused")

    def unpause(self, reasons: Iterable[PauseReason], *, intent: Intent | None = None) -> bool:
        """Lift reasons; with the last one the soak clock goes on. Whether any held."""
        lifted = [reason for reason in self.state.pause_reasons if reason in set(reasons)]
        if not lifted:
            return False
        self._set_reasons([reason for reason in self.state.pause_reasons if reason not in lifted])
        self.note("resumed", intent=intent, why=", ".join(_WHY[reason] for reason in lifted))
        if lifted != [PauseReason.UNVERIFIED] and not self.state.is_paused:
            self.notify("resumed")
        return True

    def _set_reasons(self, reasons: Iterable[PauseReason]) -> None:
        held = tuple(sorted(reasons))
        waits_for_people = any(reason is not PauseReason.AWAIT_APPROVAL for reason in held)
        self.change(pause_reasons=held, paused_at=(self.state.paused_at or self.now) if waits_for_people else None)
        if self.state.sub_phase is not SubPhase.SOAKING:
            return
        if held and self.state.soak_until is not None:
            left = max(self.state.soak_until - self.now, timedelta(0))
            self.change(soak_until=None, soak_left=left)
        elif not held and self.state.soak_left is not None:
            self.change(soak_until=self.now + self.state.soak_left, soak_left=None)

    def _record(
        self, number: str, code: str, sentence: str, target: Place, intent: Intent | None, detail: dict[str, str]
    ) -> None:
        facts = self._sentence_facts(intent) | detail
        self.transitions.append(
            TransitionRecord(
                number=number,
                at=self.now,
                source=self.state.phase,
                source_sub_phase=self.state.sub_phase,
                target=target[0],
                target_sub_phase=target[1],
                attempt=self.state.attempt,
                step=self.state.step,
                code=code,
                sentence=sentence.format_map(facts),
                actor=intent.actor if intent else "tidegate",
                reason=intent.reason if intent else "",
                intent=intent.id if intent else None,
                detail=detail,
            )
        )

    def _trial(self) -> str:
        """What is on trial, as the subject of a sentence in the singular."""
        arms, experiment = self.state.on_trial, self.state.experiment
        is_open = len(arms) > 1 and not (experiment and experiment.outcome)
        return f"each of {' and '.join(arms)}" if is_open else self.state.candidate

    def _given(self) -> str:
        """What the step gives to whom."""
        found, candidate, shares = self.program.step_at(self.state.step), self.state.candidate, self.state.shares
        if isinstance(found, Interleave):
            return f"{candidate} {_INTERLEAVED[found.mode]}"
        if isinstance(found, Mirror):
            return f"{candidate} copies of {found.mirroring.share / 100:g} % of stable's requests"
        audience = found.audience if isinstance(found, Split | Decide) else None
        parts = shares if len(shares) > 1 else {candidate: sum(shares.values())}
        given = " and ".join(f"{name} {share / 100:g} %" for name, share in parts.items())
        return f"{given} of the units" + (f" of segment {audience}" if audience else "")

    def _sentence_facts(self, intent: Intent | None) -> dict[str, str]:
        return {
            "candidate": self.state.candidate,
            "service": self.state.service,
            "samples": str(self.state.samples),
            "answered": str(self.state.probe_samples),
            "trial": self._trial(),
            "given": self._given(),
            "actor": intent.actor if intent else "tidegate",
            "reason": (intent.reason if intent else "") or "no reason given",
        }


_INTERLEAVED = {
    "side_by_side": "a place beside stable's answer, where a client can show two",
    "turn": "every other turn of a conversation",
    "judged": "copies of stable's requests, for a judge to compare",
}
_WHY = {
    PauseReason.MANUAL: "by hand",
    PauseReason.STEP_PAUSE: "the step asks for it",
    PauseReason.INCONCLUSIVE: "the evidence is inconclusive",
    PauseReason.NO_DATA: "too few requests to judge",
    PauseReason.AWAIT_APPROVAL: "an approval is awaited",
    PauseReason.FREEZE: "the service is frozen",
    PauseReason.UNVERIFIED: "a gateway does not serve the wanted routing",
}
