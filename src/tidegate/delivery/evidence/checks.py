"""What a guardrail or objective must be to mean anything: checked when a release is submitted, never later.

A misspelt metric is an error here; a misspelt query of a foreign system can only be *no data* when it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.delivery import drift
from tidegate.delivery.evidence.measures import Quantity
from tidegate.delivery.evidence.metrics import FEEDBACK, JUDGE, METRICS, Harm, Kind, Metric, metric_of
from tidegate.delivery.evidence.votes import WIN_RATE
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.documents import Document, Path, nearest_and_all
from tidegate.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_CATEGORY = re.compile(FEEDBACK + r"[a-z][a-z0-9_]{0,63}!?=[^=]{1,64}")
DRIFTS = {drift.PREFIX + name: name for name in drift.BY_NAME}
_GATEWAY = "gateway"  # the source that needs no settings: what gateways and feedback report


def check_metric(read: Document, guardrail: Any, path: Path) -> None:
    """Refuse a metric that nobody measures, before types are looked at, so that the error names the known ones.

    Raises:
        InvalidInputError: it is unknown, and no source of its own is given.
    """
    if not isinstance(guardrail, dict):
        return
    name, has_source = guardrail.get("metric"), guardrail.get("source") not in (None, _GATEWAY)
    if not isinstance(name, str) or name in METRICS or name == WIN_RATE or (name in DRIFTS and not has_source):
        return
    said, plain = name.startswith((FEEDBACK, JUDGE)), name.removeprefix(FEEDBACK).removeprefix(JUDGE)
    if (said or has_source) and _NAME.fullmatch(plain):
        return
    if _CATEGORY.fullmatch(name) and not has_source:
        return
    known = [*METRICS, WIN_RATE, f"{FEEDBACK}NAME", f"{JUDGE}NAME", *DRIFTS]
    raise InvalidInputError(
        f"unknown metric {name!r}",
        code="unknown_metric",
        where=read.where((*path, "metric")),
        remedy=f"{nearest_and_all(name, known)}, and any name with a source of its own",
    )


def plain_source(guardrail: Any) -> Any:
    """``source: gateway`` is what a guardrail without a source means, and ``drift:SIGNAL`` means a source of its own."""
    if not isinstance(guardrail, dict):
        return guardrail
    if guardrail.get("source") in (_GATEWAY, {_GATEWAY: None}, {_GATEWAY: {}}):
        guardrail = {key: value for key, value in guardrail.items() if key != "source"}
    name = guardrail.get("metric")
    if "source" not in guardrail and isinstance(name, str) and name in DRIFTS:
        return guardrail | {"source": {"drift": DRIFTS[name]}}
    return guardrail


def check_guardrail(read: Document, guardrail: GuardrailSpec, path: Path) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: it has no bound, or one that cannot mean what its words say.
    """
    _check_bounds(read, guardrail, path)
    if guardrail.source is not None:
        _check_foreign(read, guardrail, guardrail.source, path)
        return
    check_stat(read, guardrail, path)
    if WIN_RATE in {guardrail.metric, guardrail.stat} and guardrail.rule is not None:
        raise InvalidInputError(
            "a win rate has no value of stable to stand beside, so no rule compares it",
            where=read.where((*path, "rule")),
            remedy='use max_decrease: 5%, counted from one half, or hard: "< 0.4"',
        )
    metric = metric_of(guardrail)
    if guardrail.hard is not None:
        _check_hard(read, guardrail, metric, guardrail.hard, path)
    if metric.harm is Harm.DECREASE:
        _check_good(read, guardrail, path)


def with_stat(guardrail: GuardrailSpec) -> GuardrailSpec:
    """The guardrail with the statistic it is about: p95 of times, the mean of cost and tokens, unless the file says."""
    if guardrail.source is not None or guardrail.stat is not None or guardrail.metric not in METRICS:
        return guardrail
    stat: Any = METRICS[guardrail.metric].stat
    return msgspec.structs.replace(guardrail, stat=stat)


def _check_bounds(read: Document, guardrail: GuardrailSpec, path: Path) -> None:
    if guardrail.hard is None and guardrail.rule is None and not guardrail.compares:
        raise InvalidInputError(
            f"the guardrail of {guardrail.metric} has no bound",
            where=read.where(path),
            remedy='add hard: "> LIMIT", max_increase, max_decrease, max_change, max_ratio or rule',
        )
    if guardrail.max_ratio is not None and guardrail.max_ratio < 1:
        raise InvalidInputError(
            f"max_ratio is at least 1, and {guardrail.max_ratio:g} is not", where=read.where((*path, "max_ratio"))
        )
    if guardrail.breaches is not None and guardrail.rule is None and (guardrail.source is None or not guardrail.hard):
        raise InvalidInputError(
            "breaches counts those of a rule, and there is none", where=read.where((*path, "breaches"))
        )


def _check_foreign(read: Document, guardrail: GuardrailSpec, source: Mapping[str, Any], path: Path) -> None:
    """A number from elsewhere has no counts to test: limits and rules are what can be asked of it."""
    if len(source) != 1:
        raise InvalidInputError(
            "a source is one kind with its settings",
            where=read.where((*path, "source")),
            remedy='write source: {prometheus: "avg(...)"} or source: {http: {url: ..., pointer: ...}}',
        )
    if guardrail.compares or guardrail.stat is not None:
        raise InvalidInputError(
            f"{guardrail.metric} is a number from {next(iter(source))}, which no test can compare",
            where=read.where(path),
            remedy='use hard: "> LIMIT" or rule: "candidate > stable * 1.2", with breaches: 2 of 3',
        )


def check_stat(read: Document, guardrail: GuardrailSpec, path: Path) -> None:
    """Refuse a statistic that the metric does not have.

    Raises:
        InvalidInputError: it is a rate, a ratio or a score.
    """
    stat, name = guardrail.stat, guardrail.metric
    if stat is None:
        return
    if name.startswith(FEEDBACK) and "=" in name:
        is_known, kind = False, "a share of a category"
    elif name.startswith(FEEDBACK):
        is_known, kind = stat == "mean", "a share of yes, or a mean,"
    elif name.startswith(JUDGE):
        is_known, kind = stat in {"mean", WIN_RATE}, "a mean of scores, or a win rate,"
    elif name == WIN_RATE:
        is_known, kind = False, "a share of votes"
    else:
        is_known = isinstance(METRICS[name].measure, Quantity) and stat != WIN_RATE
        kind = f"a {METRICS[name].kind}"
    if not is_known:
        raise InvalidInputError(
            f"{name} is {kind} and has no {stat}",
            where=read.where((*path, "stat")),
            remedy="leave stat out",
        )


def _check_hard(read: Document, guardrail: GuardrailSpec, metric: Metric, hard: Comparison, path: Path) -> None:
    is_from_below = hard.operator in {"<", "<="}
    where = read.where((*path, "hard"))
    if is_from_below is (metric.harm is not Harm.DECREASE) and metric.harm is not Harm.EITHER:
        example = '"< 95%", too little' if metric.harm is Harm.DECREASE else '"> 5%", too much'
        raise InvalidInputError(
            f"{hard!s} would roll back a candidate that is good",
            where=where,
            remedy=f"a hard limit of {metric.name} names what is bad, such as {example}",
        )
    if is_from_below and isinstance(metric.measure, Quantity) and guardrail.stat not in {None, "mean"}:
        raise InvalidInputError(f"a {guardrail.stat} is limited from above only", where=where, remedy="use stat: mean")
    if metric.kind is Kind.RATE and not _is_within(hard, metric.harm):
        raise InvalidInputError(
            f"{metric.name} lies between 0% and 100%, so {hard!s} can never be breached",
            where=where,
            remedy='write it as a share, such as "> 5%"',
        )


def _is_within(hard: Comparison, harm: Harm) -> bool:
    return 0 < hard.value <= 1 if harm is Harm.DECREASE else 0 <= hard.value < 1


def _check_good(read: Document, guardrail: GuardrailSpec, path: Path) -> None:
    for name in ("max_increase", "max_ratio"):
        if getattr(guardrail, name) is not None:
            raise InvalidInputError(
                f"{name} would roll back a candidate whose {guardrail.metric} is better",
                where=read.where((*path, name)),
                remedy="use max_decrease",
            )
