"""What a release asks of judges: which ones, that they exist, and that they will have something to judge."""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.metrics import JUDGE
from tidegate.delivery.evidence.votes import WIN_RATE
from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.steps import Interleave
from tidegate.delivery.strategy import compile_program
from tidegate.errors import InvalidInputError
from tidegate.registry.judges import find_judge, list_judges


def judges_of(spec: ReleaseSpec) -> list[str]:
    """The judges by whom a release is judged, each once."""
    metrics = (guardrail.metric for guardrail in (*spec.guardrails, *spec.objectives))
    asked = (step.question for step in compile_program(spec.strategy).steps if isinstance(step, Interleave))
    return list(dict.fromkeys(each.removeprefix(JUDGE) for each in (*metrics, *asked) if each.startswith(JUDGE)))


async def need_judges(connection: AsyncConnection, spec: ReleaseSpec, service: ServiceSpec) -> None:
    """Make sure that the judges a release is judged by exist and will have something to judge.

    Raises:
        InvalidInputError: there is no such judge, or the service keeps no prompts and answers.
    """
    for name in judges_of(spec):
        judge = await find_judge(connection, name)
        if judge is None:
            known = ", ".join(await list_judges(connection)) or "none"
            raise InvalidInputError(
                f"there is no judge {name!r}", code="unknown_judge", where="guardrails", remedy=f"known are: {known}"
            )
        if service.content.keep == "off":
            raise InvalidInputError(
                f"the judge {name!r} needs kept prompts and answers, and {spec.service} keeps none",
                code="judge_needs_content",
                where=f"services.{spec.service}.content",
                remedy="set keep: redacted (or sampled) and a sample",
            )
        _check_mode(spec, name, judge)


def _check_mode(spec: ReleaseSpec, name: str, judge: JudgeSpec) -> None:
    """Only a judge that compares has a win rate, and it has something to compare only where requests are copied."""
    steps = compile_program(spec.strategy).steps
    is_pairwise, voters = judge.mode == "pairwise", {getattr(step, "question", None) for step in steps}
    is_asked = JUDGE + name in voters or any(each.stat == WIN_RATE for each in _of_judge(spec, name))
    if is_asked and not is_pairwise:
        raise InvalidInputError(
            f"the judge {name!r} scores single answers, and has no win rate",
            where="guardrails",
            remedy="leave stat out, or declare the judge with mode: pairwise",
        )
    if is_pairwise and not any(getattr(step, "mirroring", None) for step in steps):
        raise InvalidInputError(
            f"the judge {name!r} compares both answers to a copied request, and this release copies none",
            where="guardrails",
            remedy="mirror in one of its steps, or use a judge with mode: score",
        )


async def with_win_rates(connection: AsyncConnection, spec: ReleaseSpec) -> ReleaseSpec:
    """The release with ``stat: win_rate`` where it is judged by somebody who compares."""
    judges = await list_judges(connection)
    pairwise = {JUDGE + name for name, judge in judges.items() if judge.mode == "pairwise"}

    def completed(guardrails: tuple[GuardrailSpec, ...]) -> tuple[GuardrailSpec, ...]:
        return tuple(
            msgspec.structs.replace(each, stat=WIN_RATE)
            if each.metric in pairwise and not (each.stat or each.rule)
            else each
            for each in guardrails
        )

    return msgspec.structs.replace(spec, guardrails=completed(spec.guardrails), objectives=completed(spec.objectives))


def _of_judge(spec: ReleaseSpec, name: str) -> list[GuardrailSpec]:
    return [each for each in (*spec.guardrails, *spec.objectives) if each.metric == JUDGE + name]
