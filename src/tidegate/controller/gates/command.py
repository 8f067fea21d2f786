"""The gate ``command``: any program; its exit code, or the JSON it prints."""

from __future__ import annotations

from tidegate.controller.gates.asking import Question, read_report
from tidegate.controller.programs import Finished, ProgramSettings, run_program
from tidegate.delivery.gates import GateReport
from tidegate.errors import InvalidInputError

_EXCERPT_CHARACTERS = 2_000


class CommandGate:
    """Runs the gate's program."""

    def __init__(self, settings: ProgramSettings) -> None:
        self._settings = settings

    async def ask(self, question: Question) -> GateReport:
        """Run it to its end, or until its time is up."""
        variables = {f"TIDEGATE_{name.upper()}": value for name, value in question.fields.items()}
        variables |= {"TIDEGATE_GATE_KEY": question.key, "TIDEGATE_GATEWAY_URL": question.gateway}
        try:
            finished = await run_program(
                question.spec.command or "",
                question.fields,
                self._settings,
                timeout_seconds=question.spec.timeout,
                variables=variables,
            )
        except (OSError, InvalidInputError) as error:
            return GateReport(is_success=False, ended=f"it could not be started: {error}", is_known=False)
        return _report(finished, question.spec.timeout)


def _report(finished: Finished, timeout_seconds: float) -> GateReport:
    excerpt = (finished.output.strip() or finished.complaints.strip())[-_EXCERPT_CHARACTERS:]
    if finished.code is None:
        ended = f"it was cut short after {timeout_seconds:g} s"
        return GateReport(is_success=False, ended=ended, excerpt=excerpt, is_known=False)
    if finished.code != 0:
        complaint = (finished.complaints.strip() or finished.output.strip())[-_EXCERPT_CHARACTERS:]
        how = f"exited with {finished.code}" if finished.code > 0 else f"was ended by signal {-finished.code}"
        return GateReport(is_success=False, ended=f"it {how}", excerpt=complaint)
    found = read_report(finished.output)
    return GateReport(is_success=True, ended="it exited with 0", score=found.score, samples=found.n, excerpt=excerpt)
