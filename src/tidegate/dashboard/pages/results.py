"""What came out of an experiment, live: arms, the interval of every effect, and what it is decided by."""

from __future__ import annotations

from tidegate.dashboard.looking import Context, Look, Page

DIVISIONS = ("segment", "key", "path", "stream")


async def gather(look: Look) -> Context:
    """Everything there is to see of one experiment."""
    return {"results": await look.ask.results(look.path["release"])}


async def gather_by_segment(look: Look) -> Context:
    """The objectives within each segment."""
    by = look.query.get("by") or DIVISIONS[0]
    results = await look.ask.results(look.path["release"])
    return {
        "results": results,
        "divided": await look.ask.results_by_segment(results.release, by=by),
        "divisions": DIVISIONS,
    }


PAGE = Page(
    address="/releases/{release}/results",
    template="results.html",
    gather=gather,
    parts=("results_headline", "results_arms", "results_effects", "results_grounds"),
)
BY_SEGMENT = Page(
    address="/releases/{release}/results/segments", template="results_by_segment.html", gather=gather_by_segment
)
