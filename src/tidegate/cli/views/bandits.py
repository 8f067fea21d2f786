"""How a bandit's weights followed its rewards, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN, duration, moment, share
from tidegate.shapes.experiments import Bandit

ROUNDS_SHOWN = 12


def bandit_lines(bandit: Bandit, now: datetime) -> Iterator[Cell]:
    """What it is after, each variant, the latest rounds, and what learning has cost."""
    yield Text("Bandit", style="bold")
    ahead = f", next {moment(bandit.next_epoch_at, now)}" if bandit.next_epoch_at else ""
    yield (
        f"  {bandit.algorithm} by {bandit.reward}; weights are reckoned every {duration(bandit.epoch_seconds)} "
        f"({bandit.epochs} times so far{ahead}), from {share(bandit.floor)} to {share(bandit.ceiling)}, by at most "
        f"{share(bandit.max_change)} at once"
    )
    yield from _variants(bandit)
    if bandit.regret is not None and bandit.regret_of_equal_shares is not None:
        yield (
            f"  Regret so far {bandit.regret:.4g} of the reward over all units; equal shares would have cost "
            f"{bandit.regret_of_equal_shares:.4g}"
        )
    yield from _rounds(bandit, now)


def _variants(bandit: Bandit) -> list[Text]:
    titles = ["variant", "reward", "surely within", "best", "rewards", "units", "weights"]
    rows: list[list[Cell]] = [
        [
            each.variant,
            _number(each.value),
            UNKNOWN if each.lower is None else f"{_number(each.lower)} … {_number(each.upper)}",
            UNKNOWN if each.best is None else f"{each.best:.1%}",
            str(each.rewards),
            str(each.units),
            f"{share(each.least)} … {share(each.most)}",
        ]
        for each in bandit.variants
    ]
    return table(titles, rows, numbers={1, 2, 3, 4, 5})


def _rounds(bandit: Bandit, now: datetime) -> Iterator[Cell]:
    shown = bandit.rounds[-ROUNDS_SHOWN:]
    left = len(bandit.rounds) - len(shown)
    yield f"  Rounds{f' (the latest {ROUNDS_SHOWN} of {len(bandit.rounds)})' if left else ''}"
    names = [each.variant for each in bandit.variants]
    titles = ["round", "began", *names, "rewards"]
    rows: list[list[Cell]] = [
        [
            str(each.number),
            moment(each.began_at, now),
            *(share(each.weights[name]) if name in each.weights else UNKNOWN for name in names),
            str(sum(each.rewards.values())),
        ]
        for each in shown
    ]
    yield from table(titles, rows, numbers=set(range(2, len(titles))))


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"
