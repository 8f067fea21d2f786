"""Which of a monitoring system's alerts end which release.

An alert of Alertmanager's webhook is a trigger when it fires, bears the wanted labels, and began while the release
was on its way: what began before it cannot be the candidate's doing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.release import Phase, ReleaseState

_TRIGGERABLE = frozenset({Phase.GATING, Phase.PROGRESSING, Phase.PROMOTING, Phase.DRAINING})


class FiredAlert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert of an Alertmanager webhook (version 4)."""

    status: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: datetime
    fingerprint: str = ""

    @property
    def name(self) -> str:
        """Of the alerting rule."""
        return self.labels.get("alertname", "an alert without a name")

    @property
    def sentence(self) -> str:
        """What it says of itself."""
        told = self.annotations.get("summary") or self.annotations.get("description") or ""
        return f"{self.name}: {told}" if told else self.name


def addressee(
    alert: FiredAlert, settings: AlertSettings, unfinished: Sequence[ReleaseState]
) -> tuple[ReleaseState | None, str]:
    """(the release that the alert ends or ``None``, why not)."""
    if not settings.enabled:
        return None, "alerts end no release here: set alerts: {enabled: true} in the configuration"
    if alert.status != "firing":
        return None, "it does not fire"
    missing = [f"{name}={value}" for name, value in settings.match.items() if alert.labels.get(name) != value]
    if missing:
        return None, f"it lacks the label {missing[0]}"
    return _meant(alert.labels, alert.starts_at, settings, unfinished)


def _meant(
    labels: Mapping[str, str], starts_at: datetime, settings: AlertSettings, unfinished: Sequence[ReleaseState]
) -> tuple[ReleaseState | None, str]:
    release, service = labels.get(settings.release_label), labels.get(settings.service_label)
    if release is None and service is None:
        return None, f"it bears neither {settings.service_label} nor {settings.release_label}"
    found = [state for state in unfinished if state.phase in _TRIGGERABLE]
    found = [state for state in found if release in {None, state.id} and service in {None, state.service}]
    if not found:
        return None, "no release that it means is on its way"
    state, version = found[0], labels.get(settings.version_label)
    if version is not None and version not in {state.candidate, state.candidate.partition("/")[2]}:
        return None, f"it is about {version}, which is not on trial"
    if state.started_at is None or starts_at < state.started_at:
        return None, f"it began before release {state.id} did"
    return state, ""
