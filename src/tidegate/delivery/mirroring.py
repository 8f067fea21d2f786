"""What second answers to a request may be: how many there are, what they may cost, and whether users see them."""

from __future__ import annotations

import msgspec

from tidegate.delivery.quantities import Dollars
from tidegate.errors import InvalidInputError

DEFAULT_CONCURRENCY = 32
_WHOLE = 10_000
_NANO = 10**9


class Mirroring(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Copies of requests that stable answers, sent to the candidate; no user sees its answers, unless they are shown
    side by side to somebody who asked for two.

    Attributes:
        share: basis points of stable's requests; beside the weights, never counted in them (I1).
        max_concurrency: copies under way at once in each gateway process.
        max_cost: nano-USD that the copies of the step may cost over all gateways, ``None`` without a bound.
        max_tokens: tokens read and written by them, likewise.
        patience: seconds that stable's answer, once it is whole, waits for the candidate's, which is shown beside it;
            ``None`` where nobody sees the candidate's.
    """

    share: int
    max_concurrency: int = DEFAULT_CONCURRENCY
    max_cost: int | None = None
    max_tokens: int | None = None
    patience: float | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether money or tokens end it."""
        return self.max_cost is not None or self.max_tokens is not None

    def is_spent(self, cost: int, tokens: int, copies: int, gateways: int) -> bool:
        """Whether what is left is less than the gateways could be granted one copy more each from
        (``controller.mirror_grants`` grants half of what is left).

        Args:
            cost, tokens: of all ``copies`` so far, nano-USD and tokens.
        """
        used = ((self.max_cost, cost), (self.max_tokens, tokens))
        return copies > 0 and any(
            bound is not None and spent + 2 * gateways * spent // copies > bound for bound, spent in used
        )


def mirroring_of(
    share: float,
    *,
    max_concurrency: int | None,
    max_cost: Dollars | None,
    max_tokens: int | None,
    where: str,
    patience: float | None = None,
) -> Mirroring:
    """What a person declared, checked.

    Args:
        where: path of the key that gives the share, for errors.

    Raises:
        InvalidInputError: a share, bound or number that mirrors nothing.
    """
    points = round(share * _WHOLE)
    if not 0 < points <= _WHOLE or abs(points - share * _WHOLE) > 1e-6:
        raise InvalidInputError(
            f"{share * 100:g}% is no share of requests to copy", where=where, remedy="use 0.01% to 100%"
        )
    bounds = {"max_concurrency": max_concurrency, "max_cost": max_cost, "max_tokens": max_tokens}
    for name, bound in bounds.items():
        if bound is not None and bound <= 0:
            raise InvalidInputError(
                f"{name} of {bound} copies nothing", where=where, remedy="give more, or leave it out"
            )
    return Mirroring(
        share=points,
        max_concurrency=DEFAULT_CONCURRENCY if max_concurrency is None else max_concurrency,
        max_cost=None if max_cost is None else int(max_cost * _NANO),
        max_tokens=max_tokens,
        patience=patience,
    )
