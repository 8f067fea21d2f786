"""Log probabilities of tokens, as chat and text completions tell them to whoever asks."""

from __future__ import annotations

from typing import Any

from tidegate.simulator.reply import Choice


def chat_logprobs(choice: Choice, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    """Of some of a choice's tokens; ``None`` where nobody asked, or the model does not tell."""
    if choice.surprisal is None or not tokens:
        return None
    told = [
        {"token": token, "logprob": -choice.surprisal, "bytes": list(token.encode()), "top_logprobs": []}
        for token in tokens
    ]
    field = "refusal" if choice.finish == "refusal" else "content"
    return {"content": None, "refusal": None, field: told}


def text_logprobs(choice: Choice, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    """The older form."""
    if choice.surprisal is None or not tokens:
        return None
    return {"tokens": list(tokens), "token_logprobs": [-choice.surprisal] * len(tokens), "top_logprobs": None}
