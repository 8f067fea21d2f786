"""One release, live: its program, the river, one card for each metric, events, and the buttons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from tidegate.dashboard.charts.outlook import Outlook, outlook
from tidegate.dashboard.foretelling import foretell
from tidegate.dashboard.looking import Context, Look, Page
from tidegate.shapes.releases import MetricVerdict, Release
from tidegate.shapes.traffic import EvidenceHistory, JudgedHistory, Traffic

_LEAST_MARGIN = timedelta(seconds=60)
_LONGEST_SECONDS = 30 * 86_400
_EVENTS_SHOWN = 60


class MetricCard(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of one metric: what is said of it now, and how that came about."""

    verdict: MetricVerdict
    history: JudgedHistory | None

    @property
    def is_comparison(self) -> bool:
        """Whether it compares with stable, rather than with a limit."""
        return is_comparison(self.verdict) or (self.history is not None and self.history.is_comparison)

    @property
    def outlook(self) -> Outlook | None:
        """How much more would decide it, if it goes on as it does."""
        return None if self.history is None else outlook(self.history)


def is_comparison(verdict: MetricVerdict) -> bool:
    """Whether a verdict compares with stable."""
    return verdict.effect is not None or verdict.stable_estimate is not None or verdict.stable_samples > 0


async def gather(look: Look) -> Context:
    """Everything there is to see of one release."""
    ask, identifier = look.ask, look.path["release"]
    explained = await ask.explain(identifier)
    release = explained.release
    traffic = await ask.traffic(release.service, last_seconds=_since(release))
    evidence = await ask.evidence(identifier)
    status = await ask.status(release.service)
    shown = cards(release.verdicts, evidence)
    program = (await ask.program(identifier)).steps
    return {
        "release": release,
        "status": status,
        "program": program,
        "foretold": foretell(release, program),
        "events": list(reversed(explained.events))[:_EVENTS_SHOWN],
        "incident": explained.incident,
        "traffic": traffic,
        "until": None if release.ended_at is None else release.ended_at + _margin(release),
        "summary": explained.summary,
        "is_mirroring": any(step.get("kind") == "mirror" or step.get("mirroring") for step in release.program),
        "is_experiment": any(step.get("kind") in {"decide", "interleave"} for step in release.program),
        "checklist": (await ask.checklist(identifier)).items,
        "cards": shown,
        "needs": max(
            (needs for card in shown if not card.verdict.is_dry_run and (needs := card.outlook)),
            key=lambda needs: needs.seconds,
            default=None,
        ),
        "cost": _cost(traffic, release),
    }


def cards(verdicts: Sequence[MetricVerdict], evidence: EvidenceHistory) -> list[MetricCard]:
    """One for each verdict, what fails first, dry runs last."""
    histories = {(each.metric, each.limit, each.variant): each for each in evidence.metrics}
    found = [
        MetricCard(verdict=each, history=histories.pop((each.metric, each.limit, each.variant), None))
        for each in verdicts
    ]
    found += [MetricCard(verdict=_as_last_judged(history), history=history) for history in histories.values()]
    order = {"fail": 0, "inconclusive": 1, "no_data": 2, "pass": 3}
    return sorted(found, key=lambda card: (card.verdict.is_dry_run, order.get(card.verdict.verdict, 4)))


def _as_last_judged(history: JudgedHistory) -> MetricVerdict:
    """What was said of a metric that is judged no longer, such as a comparison once everybody has the candidate."""
    newest = history.points[-1]
    return MetricVerdict(
        metric=history.metric,
        variant=history.variant,
        verdict=newest.verdict,
        code=newest.code,
        sentence=f"As it was judged last, in step {newest.step + 1} at {newest.weight / 100:g} % of traffic.",
        limit=history.limit,
        estimate=newest.estimate,
        samples=newest.samples,
        stable_estimate=newest.stable_estimate,
        stable_samples=newest.stable_samples,
        effect=newest.effect,
        effect_lower=newest.effect_lower,
        effect_upper=newest.effect_upper,
    )


def _since(release: Release) -> int:
    age = datetime.now(UTC) - (release.started_at or release.created_at)
    return int(min(_LONGEST_SECONDS, (age + _margin(release)).total_seconds()))


def _margin(release: Release) -> timedelta:
    """What is shown before it began and after it ended."""
    took = (release.ended_at or datetime.now(UTC)) - (release.started_at or release.created_at)
    return max(_LEAST_MARGIN, 0.15 * took)


def _cost(traffic: Traffic, release: Release) -> float | None:
    own = [
        point.cost_usd
        for series in traffic.series
        if series.release == release.id and series.version == release.version
        for point in series.points
        if point.cost_usd is not None
    ]
    return sum(own) if own else None


PAGE = Page(
    address="/releases/{release}",
    template="release.html",
    gather=gather,
    parts=("headline", "actions", "program", "river", "metrics", "checklist", "events"),
)
