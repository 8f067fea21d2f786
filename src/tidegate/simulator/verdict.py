"""What a scripted judge answers: a score, or which of two answers is better."""

from __future__ import annotations

import json
from typing import Any

from tidegate.simulator.scenario import JudgeScript


def verdict_on(script: JudgeScript, asked: str) -> dict[str, Any] | None:
    """The verdict on a question, ``None`` if it is none: the document that a judge is sent has ``answer``, or
    ``first`` and ``second``."""
    try:
        document = json.loads(asked)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    if "answer" in document:
        return {"score": _score(script, str(document["answer"]))}
    if "first" not in document or "second" not in document:
        return None
    first = _score(script, str(document["first"])) + script.first_place
    second = _score(script, str(document["second"]))
    return {"better": "neither" if first == second else "first" if first > second else "second"}


def _score(script: JudgeScript, answer: str) -> float:
    return next((score for words, score in script.scores.items() if words in answer), script.otherwise)
