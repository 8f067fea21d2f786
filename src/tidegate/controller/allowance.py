"""What this installation lets releases do: which programs they may name, and which sinks."""

from __future__ import annotations

from tidegate.controller.programs import ProgramSettings, programs_disabled, split_command
from tidegate.controller.sinks.subscriptions import Subscriptions
from tidegate.delivery.release_spec import ReleaseSpec


class Allowance:
    """Asked when a release is submitted, so that nobody learns of a refusal in the middle of it."""

    def __init__(self, programs: ProgramSettings, subscriptions: Subscriptions) -> None:
        self._programs = programs
        self._subscriptions = subscriptions

    def check(self, spec: ReleaseSpec) -> None:
        """Whether such a release may be submitted.

        Raises:
            InvalidInputError: it names a program where none may be named, one that is no command, or an unknown sink.
        """
        for gate in spec.gates:
            if gate.command is None:
                continue
            if not self._programs.is_enabled:
                raise programs_disabled()
            split_command(gate.command)
        self._subscriptions.check(spec.notify)
