"""A replay as people read it."""

from __future__ import annotations

from rich.text import Text

from tidegate.cli.output import Cell
from tidegate.cli.wording import duration, instant, verdict
from tidegate.controller.replaying import Decision, Replayed, ReplayedStep


def replayed_lines(replayed: Replayed) -> list[Cell]:
    """Each step: when it would have failed or passed, why, and what all of it says."""
    left = f", {replayed.left_out:,} left out" if replayed.left_out else ""
    lines: list[Cell] = [f"{replayed.release}: {replayed.observations:,} requests{left}"]
    for step in replayed.steps:
        lines += ["", *_step(step)]
    return lines


def _step(step: ReplayedStep) -> list[Cell]:
    title = f"attempt {step.attempt}, step {step.step + 1}, {step.share * 100:g} %, from {instant(step.opened_at)}"
    lines: list[Cell] = [Text(title, style="bold")]
    for decision, word in ((step.failed, "fails"), (step.passed, "passes")):
        if decision is not None:
            lines += _decision(decision, word)
    if step.failed is None and step.passed is None:
        lines.append(f"  undecided after {step.looks:,} looks")
    lines.append(Text.assemble("  at the end: ", verdict(step.verdict)))
    lines += [f"    {found.sentence}" for found in step.verdicts]
    return lines


def _decision(decision: Decision, word: str) -> list[Cell]:
    after = f"{duration(decision.seconds)}, {decision.requests:,} requests, {decision.units:,} units of the candidate"
    return [f"  {word} after {after}", *(f"    {sentence}" for sentence in decision.sentences)]
