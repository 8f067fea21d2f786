"""What of a version's behaviour is compared with its own first day: one table for pages, commands and guardrails.

These are sizes and speeds, never texts, so what is compared does not depend on language or topic. A hosted model can
change without a new name, and users can begin to ask other things; neither is an error, and both show here first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tidegate.delivery.tally import Tally

PREFIX = "drift:"  # of metrics
FIRST = timedelta(days=1)  # what is compared with
NOW = timedelta(days=1)  # what is compared, never reaching into the first day


class Signal(NamedTuple):
    """One distribution of a version's answers.

    Attributes:
        unit: of the values that people read.
        meaning: half a sentence.
        of: its histogram in a tally, in buckets of :mod:`tidegate.delivery.tally`.
        shown: from the histogram's integer unit to ``unit``; falling where the histogram counts the inverse.
    """

    name: str
    unit: str
    meaning: str
    of: Callable[[Tally], Mapping[int, int]]
    shown: Callable[[float], float]


SIGNALS: tuple[Signal, ...] = (
    Signal("output_tokens", "tokens", "the length of answers", lambda t: t.lengths, lambda value: value),
    Signal("input_tokens", "tokens", "the length of what is asked", lambda t: t.prompts, lambda value: value),
    Signal(
        "tokens_per_second",
        "tokens/s",
        "the speed of streams after their first token",
        lambda t: t.paces,
        lambda microseconds: 1e6 / microseconds,
    ),
    Signal(
        "perplexity",
        "",
        "the perplexity of answers whose tokens' probabilities were told",
        lambda t: t.perplexities,
        lambda thousandths: thousandths / 1e3,
    ),
)
BY_NAME: Mapping[str, Signal] = {signal.name: signal for signal in SIGNALS}


class Behaviour(NamedTuple):
    """How a version behaved on its first day, and lately.

    Attributes:
        first_from: when it had its first request.
        first: all requests within :data:`FIRST` from then.
        now: those of the last :data:`NOW`, as far as the first day was over.
        is_first_over: until then there is nothing to compare with.
    """

    first_from: datetime
    first: Tally
    now: Tally
    is_first_over: bool


def index_meaning(signal: Signal) -> str:
    """What ``drift:SIGNAL`` is, as a sentence without its end."""
    return (
        f"population stability index of {signal.meaning} in the last day against the version's own first day; "
        "no data before that is over, and while chance alone could bring 0.1"
    )
