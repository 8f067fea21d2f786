"""Why an answer ended, in the words of both dialects.

Two lossy spots: Anthropic tells a matched stop sequence from a natural end, OpenAI does not; and
Anthropic's ``refusal`` covers what OpenAI calls ``content_filter``.
"""

from __future__ import annotations

from typing import Any, Final

FINISH_REASONS: Final[dict[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic ``stop_reason`` -> OpenAI ``finish_reason``."""

STOP_REASONS: Final[dict[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI ``finish_reason`` -> Anthropic ``stop_reason``."""


def finish_reason(stop_reason: str, *, has_tool_calls: bool) -> str:
    """OpenAI's word for ``stop_reason``; a reason it does not know is a plain ``stop``.

    ``tool_use`` without a call that the client can see (only the forced output tool ran) is ``stop``.
    """
    if stop_reason == "tool_use" and not has_tool_calls:
        return "stop"
    return FINISH_REASONS.get(stop_reason, "stop")


def stop_reason(finish_reason: str, *, has_tool_use: bool, is_refused: bool, stop_sequence: str | None) -> str:
    """Anthropic's word for ``finish_reason``.

    Some servers end an answer made of tool calls with ``stop``; it is ``tool_use`` all the same, since
    Anthropic clients run tools by this word.

    Args:
        finish_reason: OpenAI's word, or a server's own.
        has_tool_use: the answer holds a tool call.
        is_refused: the ``refusal`` field was filled.
        stop_sequence: the matched sequence where the server tells it.
    """
    if is_refused:
        return "refusal"
    reason = STOP_REASONS.get(finish_reason, "end_turn")
    if reason != "end_turn":
        return reason
    if has_tool_use:
        return "tool_use"
    return "stop_sequence" if stop_sequence is not None else "end_turn"


REFUSAL: Final = "The model declined to answer."
"""OpenAI's ``refusal`` text when Anthropic gives no explanation."""


def refusal_details(explanation: str) -> dict[str, Any]:
    """Anthropic's ``stop_details`` of a refusal; no category is known across dialects."""
    return {"type": "refusal", "category": None, "explanation": explanation or None}
