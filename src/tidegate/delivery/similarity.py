"""How alike two answers are, cheaply enough to be asked of every pair."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

MOST_WORDS = 4_000
SCALE = 1_000_000
_WORD = re.compile(r"\w+|[^\w\s]")


def similarity(one: str, other: str) -> int:
    """The Dice coefficient of both texts' word pairs, in millionths: 2 |A and B| / (|A| + |B|) over multisets.

    Words are compared without case; pairs of neighbours keep some of the order; texts of one word are compared by
    that word. It measures wording, not meaning: two correct answers in other words are unlike, and one wrong digit
    is alike. Only the first :data:`MOST_WORDS` words are looked at.
    """
    if one == other:
        return SCALE
    left, right = _pairs(one), _pairs(other)
    size = left.total() + right.total()
    return 2 * (left & right).total() * SCALE // size if size else SCALE


def _pairs(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text.lower())[:MOST_WORDS]
    return Counter(pairwise(words)) if len(words) > 1 else Counter((word,) for word in words)
