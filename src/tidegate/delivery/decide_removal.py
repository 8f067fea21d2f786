"""Taking one arm out of an experiment while the others go on, and completing the record of it."""

from __future__ import annotations

import msgspec

from tidegate.delivery.commands import CloseIncident, OpenIncident
from tidegate.delivery.draft import Draft
from tidegate.delivery.release import MetricVerdict, Moment, Phase, Removal
from tidegate.delivery.steps import Decide


def deciding(draft: Draft) -> Decide | None:
    """The step under way, if it decides between arms."""
    step = draft.program.step_at(draft.state.step)
    return step if isinstance(step, Decide) and draft.state.phase is Phase.PROGRESSING else None


def take_out(draft: Draft, arm: str, code: str, sentence: str, evidence: tuple[MetricVerdict, ...] = ()) -> bool:
    """Take one arm out of a step that decides: its units go to stable, the others go on. ``False`` when it is the last
    one, or no such step: then the whole release has to go back."""
    state = draft.state
    if deciding(draft) is None or len(state.on_trial) < 2:
        return False
    given = [state.split, *state.targets.values()]
    slot = max(split.get(arm, 0) for split in given)
    version, left = state.arms[arm], [name for name in state.on_trial if name != arm]
    draft.note("arm_removed", variant=arm, version=version, detail=sentence.rstrip("."))
    removal = Removal(slot=slot, at=draft.now, trigger=code, sentence=draft.transitions[-1].sentence)
    draft.change(
        split={name: weight for name, weight in state.split.items() if name != arm},
        targets={
            segment: {name: weight for name, weight in split.items() if name != arm}
            for segment, split in state.targets.items()
        },
        removed={**state.removed, arm: removal},
        candidate=state.candidate if state.candidate != version else state.arms[left[0]],
        verdicts=tuple(verdict for verdict in state.verdicts if verdict.variant != arm),
    )
    draft.records.append(
        OpenIncident(
            **draft.key,
            service=state.service,
            version=version,
            variant=arm,
            trigger=code,
            summary=removal.sentence,
            evidence=evidence,
            exposed_requests=draft.facts.exposed(state, arm) or 0,
            exposed_units=draft.facts.exposed_units(state, arm),
            at=draft.now,
        )
    )
    draft.notify("arm_removed")
    return True


def close_removals(draft: Draft) -> None:
    """Complete the incidents of arms that no gateway knows any longer."""
    state, facts = draft.state, draft.facts
    waiting = [arm for arm, removal in state.removed.items() if removal.stable_at is None and removal.at < draft.now]
    if not waiting or facts.revision_written is None:
        return
    if not facts.is_acknowledged(facts.epoch, facts.revision_written):
        return
    for arm in waiting:
        removal = msgspec.structs.replace(state.removed[arm], stable_at=draft.now)
        draft.note("arm_gone", variant=arm)
        timeline = (
            Moment(code="breach", at=removal.at, sentence=removal.sentence),
            Moment(code="acknowledged", at=draft.now, sentence=draft.transitions[-1].sentence),
        )
        draft.change(removed={**draft.state.removed, arm: removal})
        draft.records.append(
            CloseIncident(
                **draft.key,
                service=state.service,
                variant=arm,
                time_to_stable_seconds=(draft.now - removal.at).total_seconds(),
                exposed_requests=facts.exposed(state, arm) or 0,
                exposed_units=facts.exposed_units(state, arm),
                timeline=timeline,
                at=draft.now,
            )
        )
