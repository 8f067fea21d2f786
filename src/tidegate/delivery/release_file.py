"""The release file: ``kind: Release`` as a person writes it, checked and completed.

What is not known is refused by name, never ignored: a release that silently lacks its gate is worse than one that is not
accepted.

A release without guardrails gets one, ``error_rate`` with the hard limit ``> 5%``; where the candidate serves beside
stable, with ``max_increase: 2%`` too. Requests that warm a ``blue_green`` candidate up are added to the probes'. A
deadline that is not given is long enough for the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.delivery.canary import CanarySpec, check_canary
from tidegate.delivery.chain import check_chain
from tidegate.delivery.evidence.checks import check_guardrail, check_metric, plain_source, with_stat
from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.pair_analysis import can_decide
from tidegate.delivery.experiments.ab_test import AbTestSpec, check_ab_test
from tidegate.delivery.experiments.bandit.declared import BanditSpec, check_bandit
from tidegate.delivery.experiments.declared import complete_experiment, with_variants
from tidegate.delivery.experiments.interleave import InterleaveSpec, check_interleave
from tidegate.delivery.gate_spec import check_gate
from tidegate.delivery.notifying import check_notify
from tidegate.delivery.quantities import Change, Comparison, Seconds, decode_quantity, encode_quantity
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Mirror, Program, is_of_pairs
from tidegate.delivery.strategy import STRATEGIES, compile_program, program_of, strategy_name
from tidegate.documents import Document, Path, decode, nearest_and_all
from tidegate.errors import InvalidInputError

DEFAULT_GUARDRAILS = (GuardrailSpec(metric="error_rate", hard=Comparison("> 5%")),)
DEFAULT_COMPARISONS = (GuardrailSpec(metric="error_rate", max_increase=Change(0.02), hard=Comparison("> 5%")),)

_BOUNDS = ("guardrails", "objectives")


def parse_release(document: Document | Mapping[str, Any], source: str = "release") -> ReleaseSpec:
    """Decode a release.

    Args:
        document: with lines when it comes from a file, or plain values.
        source: where plain values come from, for errors.

    Raises:
        InvalidInputError: an unknown key, a wrong value, or something that is not available yet; with its path.
    """
    read = document if isinstance(document, Document) else Document(dict(document), source)
    if not isinstance(read.value, dict):
        raise InvalidInputError("a release is a mapping", where=read.where())
    plain = {key: value for key, value in read.value.items() if key != "kind"}
    if read.value.get("kind", "Release") != "Release":
        raise InvalidInputError(f"kind is {read.value['kind']!r}, not Release", where=read.where(("kind",)))
    plain |= {name: _bounds(read, name, plain[name]) for name in _BOUNDS if name in plain}
    plain["strategy"] = _strategies(read, with_variants(read, plain))
    spec = decode(Document(plain, read.source, read.lines), ReleaseSpec, hook=decode_quantity)
    links = [(each, program_of(each)) for each in spec.strategy]
    _checked(read.where(("strategy",)), lambda: check_chain(links))
    program = compile_program(spec.strategy)
    default = DEFAULT_COMPARISONS if program.steps else DEFAULT_GUARDRAILS
    spec = msgspec.structs.replace(spec, guardrails=spec.guardrails or default)
    spec = complete_experiment(read, spec)
    _check(read, spec)
    _check_program(read, spec, program)
    probe = spec.probe
    is_dated = _is_given(read, "rollback", "deadline")
    deadline = Seconds(spec.rollback.deadline if is_dated else max(spec.rollback.deadline, 2 * program.planned))
    return msgspec.structs.replace(
        spec,
        guardrails=tuple(map(with_stat, spec.guardrails)),
        objectives=tuple(map(with_stat, spec.objectives)),
        probe=msgspec.structs.replace(probe, requests=probe.requests + program.warm_up),
        rollback=msgspec.structs.replace(spec.rollback, deadline=deadline),
    )


def _bounds(read: Document, name: str, value: Any) -> Any:
    """Guardrails or objectives whose metrics are known."""
    entries = value if isinstance(value, list) else []
    for index, entry in enumerate(entries):
        check_metric(read, entry, (name, index))
    return [plain_source(entry) for entry in entries] if isinstance(value, list) else value


def _strategies(read: Document, value: Any) -> list[dict[str, Any]]:
    """``direct``, ``{direct: {...}}`` or a list of them, as tagged values."""
    if value == []:
        raise InvalidInputError("a chain has at least one strategy", where=read.where(("strategy",)))
    if isinstance(value, list):
        return [_strategy(read, entry, ("strategy", index)) for index, entry in enumerate(value)]
    return [_strategy(read, value, ("strategy",))]


def _strategy(read: Document, value: Any, path: Path) -> dict[str, Any]:
    named = {value: {}} if isinstance(value, str) else value
    if not isinstance(named, dict) or len(named) != 1:
        raise InvalidInputError(
            "a strategy is a name, or one name with its settings",
            where=read.where(path),
            remedy="write strategy: direct, or strategy: {direct: {promote: {bake: 30s}}}",
        )
    ((name, settings),) = named.items()
    if name not in STRATEGIES:
        raise InvalidInputError(
            f"unknown strategy {name!r}",
            code="unknown_strategy",
            where=read.where(path),
            remedy=nearest_and_all(str(name), list(STRATEGIES)),
        )
    settings = {} if settings is None else settings
    whole = (*path, name)
    lines = {known[len(whole) :]: line for known, line in read.lines.items() if known[: len(whole)] == whole}
    source = f"{read.source}: {'.'.join(map(str, whole))}"
    spec = decode(Document(settings, source, lines), STRATEGIES[name].spec, hook=decode_quantity)
    if isinstance(spec, CanarySpec):
        _checked(f"{read.where(whole)}.", lambda: check_canary(spec))
    if isinstance(spec, AbTestSpec):
        _checked(f"{read.where(whole)}.", lambda: check_ab_test(spec))
    if isinstance(spec, InterleaveSpec):
        _checked(f"{read.where(whole)}.", lambda: check_interleave(spec))
    if isinstance(spec, BanditSpec):
        _checked(f"{read.where(whole)}.", lambda: check_bandit(spec))
    _checked(f"{read.where(whole)}.", lambda: program_of(spec))
    return {"name": name, **msgspec.to_builtins(spec, enc_hook=encode_quantity)}


def _checked(strategy: str, check: Callable[[], object]) -> None:
    """Run a check whose errors know their place within ``strategy`` only."""
    try:
        check()
    except InvalidInputError as error:
        where = f"{strategy}{error.where}"
        raise InvalidInputError(error.message, code=error.code, where=where, remedy=error.remedy) from None


def _check_program(read: Document, spec: ReleaseSpec, program: Program) -> None:
    """What must fit together."""
    name = strategy_name(spec.strategy)
    bounds = [(kind, index, bound) for kind in _BOUNDS for index, bound in enumerate(getattr(spec, kind))]
    for kind, index, guardrail in bounds:
        if guardrail.needs_stable and not program.steps:
            raise InvalidInputError(
                f"{guardrail.metric} is compared with concurrent stable, and a {name} release has none",
                where=read.where((kind, index)),
                remedy='use a hard limit such as hard: "> 5%", or the strategy canary',
            )
    if any(map(is_of_pairs, program.steps)):
        _check_pairs(read, spec, program, name)
    known = {bound.metric for _, _, bound in bounds} | {metric_name(bound) for _, _, bound in bounds}
    for step in range(len(program.steps)):
        for metric in program.required_at(step) or ():
            if metric not in known:
                raise InvalidInputError(
                    f"a step requires {metric!r}, which no guardrail watches",
                    where=read.where(("strategy", name, "steps")),
                    remedy=f"guardrails watch {', '.join(sorted(known))}",
                )
    if program.steps and spec.rollback.deadline < program.planned and _is_given(read, "rollback", "deadline"):
        raise InvalidInputError(
            f"the deadline of {spec.rollback.deadline:g} s ends before the steps and the bake do, which take "
            f"{program.planned:g} s",
            where=read.where(("rollback", "deadline")),
            remedy="leave it out, or give more time",
        )


def _check_pairs(read: Document, spec: ReleaseSpec, program: Program, name: str) -> None:
    """A step that can never pass by evidence is refused, not passed."""
    deciding = {metric for each in spec.guardrails if can_decide(each) for metric in (each.metric, metric_name(each))}
    remedy = (
        "latency is measured under another load there; add a guardrail on error_rate or cost_per_request, or on a "
        "judge that compares, with stat: win_rate"
    )
    if not deciding:
        message = f"no guardrail can be decided by the copies of {name}"
        raise InvalidInputError(message, where=read.where(("guardrails",)), remedy=remedy)
    for index, step in enumerate(program.steps):
        for metric in (program.required_at(index) or ()) if is_of_pairs(step) else ():
            if metric not in deciding:
                message = f"copies cannot decide {metric!r}, which a step of {name} requires"
                raise InvalidInputError(message, where=read.where(("strategy",)), remedy=remedy)
        if isinstance(step, Mirror) and program.is_final(index):
            _check_objectives_of_pairs(read, spec, name)


def _check_objectives_of_pairs(read: Document, spec: ReleaseSpec, name: str) -> None:
    """Where no user is compared after the copies, they must be able to tell what has to pass."""
    for index, objective in enumerate(spec.objectives):
        if not (objective.dry_run or can_decide(objective)):
            raise InvalidInputError(
                f"the copies of {name} cannot decide the objective {metric_name(objective)!r}, and no step after them "
                "compares users",
                where=read.where(("objectives", index)),
                remedy="let a canary follow the shadow, or leave the objective out",
            )


def _is_given(read: Document, *path: str) -> bool:
    value = read.value
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _check(read: Document, spec: ReleaseSpec) -> None:
    """What types cannot say."""
    if spec.probe.requests < 0 or spec.probe.requests + len(spec.probe.smoke) < 1:
        raise InvalidInputError(
            "a release without any probe would meet its first request in a user's hands",
            where=read.where(("probe", "requests")),
            remedy="ask for at least one",
        )
    if not 0 < spec.analysis.alpha < 0.5:
        raise InvalidInputError(
            f"alpha is a probability above 0 and below 0.5, and {spec.analysis.alpha:g} is not",
            where=read.where(("analysis", "alpha")),
        )
    if (spec.analysis.min_samples or 0) < 0 or spec.analysis.max_extensions < 0:
        raise InvalidInputError("counts cannot be negative", where=read.where(("analysis",)))
    for index, smoke in enumerate(spec.probe.smoke):
        _check_smoke(read, smoke.expect.matches, ("probe", "smoke", index))
        if not smoke.messages:
            raise InvalidInputError("a smoke request needs messages", where=read.where(("probe", "smoke", index)))
    is_experiment = compile_program(spec.strategy).is_experiment  # its objectives were checked by their own rules
    for name in ("guardrails",) if is_experiment else _BOUNDS:
        for index, guardrail in enumerate(getattr(spec, name)):
            check_guardrail(read, guardrail, (name, index))
    for index, gate in enumerate(spec.gates):
        _check_entry(read, check_gate, gate, ("gates", index))
    for index, notify in enumerate(spec.notify):
        _check_entry(read, check_notify, notify, ("notify", index))


def _check_entry(read: Document, check: Callable[[Any], None], entry: Any, path: Path) -> None:
    """Run a check that knows the entry only, and tell where in the file it failed."""
    try:
        check(entry)
    except InvalidInputError as error:
        at = (*path, error.where) if error.where else path
        raise InvalidInputError(error.message, code=error.code, where=read.where(at), remedy=error.remedy) from None


def _check_smoke(read: Document, pattern: str | None, path: Path) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        where = read.where((*path, "expect", "matches"))
        raise InvalidInputError(f"{pattern!r} is no regular expression: {error}", where=where) from None
