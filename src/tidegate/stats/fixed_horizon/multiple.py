"""Several tests at once: adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that *any* false finding happens with probability at most alpha (family-wise).

        adjusted of the i-th smallest = max over j <= i of min(1, (k - j + 1) p_(j))

    Source: Holm, Scand. J. Statist. 6(2), 1979. Needs no assumption about dependence.

    Args:
        p_values: in any order; the answer keeps it. None give none.
    """
    return _adjusted(p_values, is_stepwise_down=True)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that of the findings at most alpha are false, on average (false discovery rate).

        adjusted of the i-th smallest = min over j >= i of min(1, k p_(j) / j)

    Source: Benjamini, Hochberg, J. R. Stat. Soc. B 57(1), 1995. Assumes independence or positive dependence. Not for
    guardrails: a false rollback is not cheaper because another one was right.

    Args:
        p_values: in any order; the answer keeps it. None give none.
    """
    return _adjusted(p_values, is_stepwise_down=False)


def _adjusted(p_values: Sequence[float], *, is_stepwise_down: bool) -> list[float]:
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i], reverse=not is_stepwise_down)
    found, extreme = [1.0] * count, 0.0 if is_stepwise_down else 1.0
    for place, i in enumerate(order):
        if is_stepwise_down:
            extreme = max(extreme, min(1.0, (count - place) * p_values[i]))
        else:
            extreme = min(extreme, count / (count - place) * p_values[i])
        found[i] = extreme
    return found
