"""OpenAI embeddings: unit vectors that depend on the text alone, so equal texts are equal and others differ."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any

from tidegate.simulator.ask import Ask
from tidegate.simulator.rejection import Rejection
from tidegate.simulator.scenario import Behaviour

_DEFAULT_DIMENSIONS = 16


def embeddings_document(ask: Ask, behaviour: Behaviour) -> dict[str, Any]:
    """A whole list of embeddings, as floats or base64 as asked.

    Raises:
        Rejection: `dimensions` is no number from 1 to 4096.
    """
    given = ask.body["input"]
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    size = ask.body.get("dimensions") or _DEFAULT_DIMENSIONS
    if not isinstance(size, int) or not 1 <= size <= 4096:
        raise Rejection(400, "dimensions: must be a whole number from 1 to 4096.", param="dimensions")
    is_packed = ask.body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": place, "embedding": _packed(vector) if is_packed else vector}
        for place, vector in enumerate(_vector(str(item), size) for item in inputs)
    ]
    usage = {"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens}
    document = {"object": "list", "data": data, "model": ask.model}
    return document if behaviour.usage == "never" else document | {"usage": usage}


def _vector(text: str, size: int) -> list[float]:
    raw = hashlib.shake_128(text.encode()).digest(2 * size)
    values = [(value - 32767.5) / 32768 for value in struct.unpack(f"<{size}H", raw)]
    norm = math.hypot(*values)
    return [value / norm for value in values]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
