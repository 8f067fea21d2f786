"""What an experiment is decided by, who declared it when, and what people did to it since."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.controller.views import event_view
from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.showing import show_margin
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.registry.audit import AuditRow
from tidegate.shapes.counts import ThresholdChange
from tidegate.shapes.experiments import Bound
from tidegate.shapes.releases import Event

DECLARED = "release.submitted"
_ASKED = "intent."


def bounds_of(spec: ReleaseSpec) -> tuple[Bound, ...]:
    """Every condition, objectives first."""
    objectives = [Bound(metric=metric_name(each), role="objective", words=_words(each)) for each in spec.objectives]
    guardrails = [Bound(metric=metric_name(each), role="guardrail", words=_words(each)) for each in spec.guardrails]
    return (*objectives, *guardrails)


def thresholds_of(events: Sequence[AuditRow]) -> tuple[ThresholdChange, ...]:
    """Who declared the thresholds of a release, in order; a later one replaces the one before."""
    return tuple(
        ThresholdChange(seq=each.seq, at=each.at, actor=each.actor, action=each.action, detail=each.detail)
        for each in events
        if each.action == DECLARED
    )


def interventions_of(events: Sequence[AuditRow]) -> tuple[Event, ...]:
    """What people asked of it."""
    asked = (each for each in events if each.action.startswith(_ASKED))
    return tuple(msgspec.structs.replace(event_view(each), sentence=_asked(each)) for each in asked)


def _asked(row: AuditRow) -> str:
    kind, reason = row.action.removeprefix(_ASKED), row.detail.get("reason")
    how = " with everything" if row.detail.get("full") else ""
    return f"{row.actor} asked to {kind}{how}" + (f": {reason}" if reason else "")


def _words(bound: GuardrailSpec) -> str:
    parts = [show_margin(bound)] if bound.compares else []
    parts += [f"{name} {value}" for name in ("hard", "rule", "breaches") if (value := getattr(bound, name)) is not None]
    return ", ".join([*parts, *(["dry run"] if bound.dry_run else [])])
