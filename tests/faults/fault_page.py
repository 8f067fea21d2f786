"""Renders ``docs/explanation/faults.md`` from the table: ``python -m tests.faults.fault_page``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.faults.cells import CELLS
from tests.faults.endings import Answered, BrokenOff, Ending, Expired, Final, Passed, Retried, Row, Setting, expectation
from tests.faults.fault_table import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"

_HEAD = """# What a client sees when an upstream fails

<!-- Rendered from tests/faults/fault_table.py by `python -m tests.faults.fault_page`; a test keeps it current. -->

Each row is one fault of an upstream, for an answer in one piece or streamed. The three columns say what the
client sees when the faulty deployment is stable and stands alone, when stable has a healthy fallback, and
when it is the candidate of a release beside a healthy stable. The fault wall (`tests/faults`) asks each of
these {cells} cells over real sockets, for clients of both dialects, and for some rows over translated dialects
and the other endpoints too.

- **whole from X**: status 200 and a complete answer of X; the fault is never seen.
- **504 `code`**: an error answer in the client's dialect. *The upstream's words* are passed on with its status;
  what it says about the gateway's own credential or model is not, that reads 502.
- **error event**: content had been sent already. The stream ends with an error event in the client's dialect
  and without its terminator; then the HTTP framing is broken off, unless the event was the upstream's own.
- **attempts** are requests sent for one client request, as `x-tidegate-attempts` counts them (here at most
  {attempts}). The repetition of a request whose reused connection turned out to be dead is not counted.
- **`timer`**: what must run out before that, once in each attempt at the faulty deployment; where none is named,
  the client sees it at once. A test holds every cell to its time.
- **outcome**: what the observation records for that attempt; a release is judged by it.

The laws behind the rows:

1. A candidate's failure is rescued by stable at once, whatever it is, as long as nothing was sent; stable then
   has its own time.
2. A passing fault of stable is repeated while attempts are left over that a fallback would not need.
3. A fault that repetition does not mend goes to the next deployment at once, and so does a wait that is longer
   than the cap or than the time that is left.
4. The caller's own mistake at stable (400, 413, 422, content filter) is final: others would say the same.
5. `total` is the request's time. An answer in one piece may take all of it, but while fallbacks could still be
   asked, an equal share: nothing but time tells a model that hangs from one that is slow.
6. After the first content nothing is repeated and nobody else's text is ever put behind it.
"""


def rendered() -> str:
    """The page."""
    head = _HEAD.format(cells=len(CELLS), attempts=expectation(ROWS[0], "alone").attempts)
    return "\n".join([head, *_table(is_streamed=False), "", *_table(is_streamed=True)]) + "\n"


def _table(*, is_streamed: bool) -> Iterator[str]:
    yield f"## {'Streamed' if is_streamed else 'Whole'} answers"
    yield ""
    yield "| fault | alone | with a fallback | candidate beside stable | outcome |"
    yield "|---|---|---|---|---|"
    for row in ROWS:
        if row.is_streamed == is_streamed:
            columns = (_seen(row, "alone"), _seen(row, "fallback"), _seen(row, "candidate"))
            yield f"| {_name(row)} | {' | '.join(columns)} | `{row.outcome}` |"


def _name(row: Row) -> str:
    return row.fault if len(row.dialects) > 1 else f"{row.fault} ({row.dialects[0]})"


def _time(row: Row, setting: Setting, attempts: int) -> str:
    """What runs out before the client sees anything."""
    if row.wait:
        waits = attempts - 1
        return ", the wait asked for" + _times(waits) if waits else ""
    if not row.timer:
        return ""
    if isinstance(row.ending, Expired) and setting == "fallback":
        return f", `{row.timer}` / 2"
    return f", `{row.timer}`" + _times(attempts)


def _seen(row: Row, setting: Setting) -> str:
    expected = expectation(row, setting)
    count = f"{expected.attempts} attempt{'s' if expected.attempts > 1 else ''}"
    count += _time(row, setting, expected.faulty_attempts)
    if expected.by:
        by = {"own": "itself", "stable": "stable", "fallback": "the fallback"}[expected.by]
        return f"whole from {by}, {count}"
    return f"{_told(expected.ending)}, {count}"


def _times(count: int) -> str:
    return f" {count} times" if count > 1 else ""


def _told(ending: Ending) -> str:
    match ending:
        case BrokenOff(code="", is_framed=True):
            return "the upstream's own error event, whole framing"
        case BrokenOff(code=code):
            return f"error event `{code}`, broken framing"
        case Expired():
            return "504 `upstream_timeout`"
        case Final(status=status):
            return f"{status}, the upstream's words"
        case Answered():
            return "whole from itself"
        case Retried(status=status, code=code) | Passed(status=status, code=code):
            return f"{status} `{code}`" if code else f"{status}, the upstream's words"


if __name__ == "__main__":
    PAGE.write_text(rendered())
