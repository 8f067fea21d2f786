"""The models of a running simulator: what each is like right now and how often it was asked."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tidegate.simulator.document import changed_behaviours
from tidegate.simulator.scenario import Behaviour, RateLimit, Scenario


class Turn(NamedTuple):
    """A model's turn to answer."""

    behaviour: Behaviour
    ordinal: int
    """Its requests so far, this one included."""
    elapsed_seconds: float
    """Since its behaviour was set."""
    retry_after_seconds: float | None
    """Set when the rate limit lets this request not through."""


class Roster:
    """Resolves model names to behaviours over time. Times are monotonic seconds.

    Counts start anew when a scenario is set, and for one model when its behaviour is patched.
    """

    def __init__(self, scenario: Scenario, now: float) -> None:
        self.scenario = scenario
        self._since = now
        self._states: dict[str, _ModelState] = {}

    def turn(self, model: str, now: float) -> Turn | None:
        """Count a request to a model, or None if nothing fits its name."""
        state = self._state(model)
        return state.turn(now) if state else None

    def peek(self, model: str) -> Behaviour | None:
        """The declared behaviour of a model, without counting a request."""
        return self.scenario.find(model)

    def replace(self, model: str, behaviour: Behaviour, now: float) -> None:
        """Give one model (or glob) another behaviour from now on."""
        models = self.scenario.models
        # a known name keeps its place, a new one goes first: a glob must not hide or be hidden by another
        changed = {**models, model: behaviour} if model in models else {model: behaviour, **models}
        self.scenario = msgspec.structs.replace(self.scenario, models=changed)
        for name in list(self._states):
            if self.scenario.find(name) is behaviour:
                self._states[name] = _ModelState(behaviour, now)
        if model not in self._states and self.scenario.find(model) is behaviour:
            self._states[model] = _ModelState(behaviour, now)

    def _state(self, model: str) -> _ModelState | None:
        state = self._states.get(model)
        if state is None:
            behaviour = self.scenario.find(model)
            if behaviour is not None:
                state = self._states[model] = _ModelState(behaviour, self._since)
        return state


class _ModelState:
    def __init__(self, behaviour: Behaviour, since: float) -> None:
        self._since = since
        self._count = 0
        self._current = behaviour
        self._ahead = list(zip(behaviour.later, changed_behaviours(behaviour), strict=True))
        self._bucket: _TokenBucket | None = None

    def turn(self, now: float) -> Turn:
        self._count += 1
        elapsed = now - self._since
        while self._ahead and self._is_reached(elapsed):
            self._current = self._ahead.pop(0)[1]
        return Turn(self._current, self._count, elapsed, self._refusal_seconds(now))

    def _is_reached(self, elapsed: float) -> bool:
        change = self._ahead[0][0]
        return self._count > change.after_requests and elapsed >= change.after_seconds

    def _refusal_seconds(self, now: float) -> float | None:
        limit = self._current.rate_limit
        if limit is None:
            return None
        if self._bucket is None or self._bucket.limit != limit:
            self._bucket = _TokenBucket(limit, now)
        return self._bucket.take(now)


class _TokenBucket:
    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit = limit
        self._level = float(limit.burst)
        self._at = now

    def take(self, now: float) -> float | None:
        """Take one token; if there is none, say in how many seconds there will be."""
        rate = self.limit.requests_per_second
        self._level = min(float(self.limit.burst), self._level + (now - self._at) * rate)
        self._at = now
        if self._level >= 1:
            self._level -= 1
            return None
        return (1 - self._level) / rate
