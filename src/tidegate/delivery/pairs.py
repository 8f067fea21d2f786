"""A pair: one request answered by stable and by the candidate, whose answer nobody sees or somebody beside stable's."""

from __future__ import annotations

import msgspec

from tidegate.delivery.observation import Observation


class PairRecord(msgspec.Struct, tag_field="kind", tag="pair", frozen=True, kw_only=True, omit_defaults=True):
    """Both answers to one request, as the gateway that copied it saw them.

    Attributes:
        stable: the user's observation, as it was reported too.
        candidate: the copy's, in the same terms; it is counted nowhere else.
        is_exact: whether both texts are equal, white space at their ends aside; ``None`` where they cannot be
            compared: one is missing, was cut, or has no text (embeddings).
        similarity: of the texts in millionths (:func:`tidegate.delivery.similarity.similarity`), ``None`` likewise.
        shown: variants in the order their answers were shown side by side; empty where the user saw stable's alone.
    """

    stable: Observation
    candidate: Observation
    is_exact: bool | None = None
    similarity: int | None = None
    shown: tuple[str, ...] = ()


def copy_id(request_id: str) -> str:
    """Under which the text of a copy's answer is kept, where the service keeps content; erased as its request's."""
    return f"{request_id}.mirror"
