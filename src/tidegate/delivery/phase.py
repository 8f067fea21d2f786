"""Where a release can be, and why it can stand still there."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a release is. *Paused* is no phase but an overlay, so that rollback rules stay armed."""

    PENDING = "pending"
    GATING = "gating"
    PROGRESSING = "progressing"
    PROMOTING = "promoting"
    DRAINING = "draining"
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a retry leads out of it."""
        return self in _TERMINAL

    @property
    def is_running(self) -> bool:
        """Whether it holds the service's one place for a running release."""
        return self not in _TERMINAL and self is not Phase.PENDING


_TERMINAL = frozenset({Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.REJECTED, Phase.SUPERSEDED})


class SubPhase(StrEnum):
    """Where a traffic step (or the bake of promoting) is; an approve step is only ``WAITING``."""

    APPLYING = "applying"
    VERIFYING = "verifying"
    SOAKING = "soaking"
    JUDGING = "judging"
    WAITING = "waiting"


class PauseReason(StrEnum):
    """Why a release does not go forward; several may hold at once."""

    MANUAL = "manual"
    STEP_PAUSE = "step_pause"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    AWAIT_APPROVAL = "await_approval"
    FREEZE = "freeze"
    UNVERIFIED = "unverified"
