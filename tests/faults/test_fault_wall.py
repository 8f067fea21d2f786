"""Every fault of an upstream, over real sockets: what the client sees, how long it takes, what is recorded."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pickle

import pytest
import uvloop
from tests.faults.cells import CELLS, Cell
from tests.faults.endings import TIMERS, Answered, BrokenOff, Expectation, Expired, Final, expectation
from tests.faults.fault_table import WORDS
from tests.faults.heard import ANTHROPIC, Heard
from tests.faults.wall import HEALTHY, Seen, Wall, build_wall

pytestmark = pytest.mark.timeout(180)

SLACK_SECONDS = 4.0  # a machine that others use too
TYPES_OF_ANTHROPIC = {500: "api_error", 502: "api_error", 504: "timeout_error"}
ABANDONED = {"hang before the headers", "hang mid-stream", "endless stream", "slow drip of content"}


@pytest.fixture(scope="module")
def wall(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wall:
    """All cells that were selected, asked at once; workers of one run share what the first of them saw."""
    cells = [item.callspec.params["cell"] for item in request.session.items if _is_of_wall(item)] or CELLS
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    kept = folder / "wall.pickle"
    with (folder / "wall.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                kept.write_bytes(pickle.dumps(runner.run(build_wall(cells))))
    return pickle.loads(kept.read_bytes())


def _is_of_wall(item: pytest.Item) -> bool:
    return item.path.name == "test_fault_wall.py" and "cell" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_the_client_sees(wall: Wall, cell: Cell):
    seen, expected = wall.seen[cell.id], expectation(cell.row, cell.setting)
    if seen.is_disturbed:
        pytest.skip(f"the machine stood still whenever this was asked, {seen.lost:.1f} s the last time")
    heard = seen.heard
    if expected.by:
        _check_whole(cell, heard, expected)
    elif isinstance(expected.ending, BrokenOff):
        _check_broken_off(heard, expected.ending)
    else:
        _check_refused(cell, heard, expected)
    _check_record(cell, seen, expected)
    assert expected.least <= heard.seconds <= expected.least + SLACK_SECONDS


def _check_whole(cell: Cell, heard: Heard, expected: Expectation) -> None:
    assert (heard.status, heard.is_framed) == (200, True), heard.body
    if cell.kind == "count_tokens":
        assert int(heard.text) > 0
        return
    model = f"{cell.id}.{expected.by}"
    healthy = model if cell.kind == "embeddings" else HEALTHY.replace("{{ model }}", model)
    own = expected.ending.text if isinstance(expected.ending, Answered) else None
    if own is None:
        own = WORDS
    assert heard.text == (own if expected.by == "own" else healthy)
    if heard.is_streamed:
        assert heard.has_terminator
        assert not heard.ends_in_error


def _check_broken_off(heard: Heard, ending: BrokenOff) -> None:
    assert heard.status == 200
    assert heard.text, "something was sent before"
    assert heard.ends_in_error, heard.body
    assert not heard.has_terminator
    assert heard.is_framed == ending.is_framed
    if ending.code and heard.kind != "messages":
        assert heard.error["code"] == ending.code
    if not ending.code:
        assert "overloaded" in heard.error["message"], "the upstream's own words"


def _check_refused(cell: Cell, heard: Heard, expected: Expectation) -> None:
    ending = expected.ending
    status, code = (504, "upstream_timeout") if isinstance(ending, Expired) else (ending.status, "")
    code = code or getattr(ending, "code", "")
    assert (heard.status, heard.is_framed) == (status, True), heard.body
    assert heard.headers["content-type"] == "application/json"
    error = heard.error
    assert error["message"]
    if heard.kind in ANTHROPIC:
        assert heard.json["type"] == "error"
        assert error["type"]
        if code:
            assert error["type"] == TYPES_OF_ANTHROPIC[status]
    elif code:
        assert error["code"] == code
    is_waiting_useful = status == 429 and cell.row.fault != "quota exhausted"
    assert ("retry-after" in heard.headers) == is_waiting_useful


def _check_record(cell: Cell, seen: Seen, expected: Expectation) -> None:
    assert len(seen.rows) == (2 if cell.row.is_primed else 1), "exactly one observation of each request"
    row, heard = seen.rows[-1], seen.heard
    assert (row.outcome, row.assigned_outcome) == (expected.outcome, expected.assigned)
    assert (row.status, row.stream) == (heard.status, cell.row.is_streamed)
    assert row.attempts == expected.attempts == int(heard.headers["x-tidegate-attempts"])
    assert row.fallbacks == expected.attempts - expected.faulty_attempts
    assert row.variant == ("candidate" if cell.setting == "candidate" else "stable")
    own = row.variant if isinstance(expected.ending, BrokenOff) else ""
    assert row.served == {"own": row.variant, "": own}.get(expected.by, expected.by)
    if cell.row.malformed_events is not None:
        is_of_faulty = not expected.by or expected.by == "own"
        assert row.malformed_events == (cell.row.malformed_events if is_of_faulty else 0)


# ---- laws over all cells ---------------------------------------------------------------------------


def _pairs(wall: Wall) -> list[tuple[Cell, Seen]]:
    seen = [(cell, wall.seen[cell.id]) for cell in CELLS if cell.id in wall.seen]
    return [(cell, it) for cell, it in seen if not it.is_disturbed]


def test_with_somebody_healthy_and_nothing_sent_the_answer_is_whole(wall: Wall):
    """The one exception is the caller's own mistake at stable, for a fallback would be told the same."""
    failing = [
        cell.id
        for cell, seen in _pairs(wall)
        if cell.setting != "alone"
        and not isinstance(expectation(cell.row, cell.setting).ending, BrokenOff)
        and not (seen.heard.status == 200 and seen.heard.is_framed)
        and not (cell.setting == "fallback" and isinstance(cell.row.ending, Final))
    ]
    assert failing == []


def test_a_candidate_never_costs_a_user_the_answer_before_its_first_byte(wall: Wall):
    failing = [
        cell.id
        for cell, seen in _pairs(wall)
        if cell.setting == "candidate"
        and not isinstance(cell.row.ending, BrokenOff | Answered)
        and (seen.heard.status, seen.heard.headers["x-tidegate-variant"]) != (200, "stable")
    ]
    assert failing == []


def test_after_the_first_byte_a_broken_stream_never_looks_complete(wall: Wall):
    failing = [
        cell.id
        for cell, seen in _pairs(wall)
        if cell.row.is_streamed
        and seen.heard.status == 200
        and (seen.heard.is_framed and seen.heard.has_terminator) == seen.heard.ends_in_error
    ]
    assert failing == []


def test_nothing_takes_longer_than_its_timers_allow(wall: Wall):
    slow = {
        cell.id: seen.heard.seconds
        for cell, seen in _pairs(wall)
        if seen.heard.seconds > TIMERS["total"] * (2 if cell.setting == "candidate" else 1) + SLACK_SECONDS
    }
    assert slow == {}


def test_each_row_is_as_quick_as_the_timer_it_names(wall: Wall):
    """The quickest of a row's cells, because a busy machine delays some, but hardly all of them."""
    excess: dict[str, float] = {}
    for cell, seen in _pairs(wall):
        name = f"{cell.row.fault}, {'streamed' if cell.row.is_streamed else 'whole'}, {cell.setting}"
        over = seen.heard.seconds - expectation(cell.row, cell.setting).least
        excess[name] = min(over, excess.get(name, over))
    assert {name: over for name, over in excess.items() if over > 1.0} == {}


def test_the_upstream_connection_of_an_abandoned_attempt_is_closed(wall: Wall):
    wrong = {
        cell.id: seen.upstream
        for cell, seen in _pairs(wall)
        if not cell.row.raw
        and ("running" in seen.upstream or (cell.row.fault in ABANDONED and set(seen.upstream) != {"aborted"}))
    }
    assert wrong == {}


def test_the_faulty_deployment_is_asked_as_often_as_the_table_says(wall: Wall):
    """A connection that dies before the first byte may have been a reused one: that is repeated for free."""
    wrong = {}
    for cell, seen in _pairs(wall):
        attempts, asked = expectation(cell.row, cell.setting).faulty_attempts, len(seen.upstream)
        most = attempts * 2 if "before the first byte" in cell.row.fault else attempts
        if not cell.row.raw and not attempts <= asked <= most:
            wrong[cell.id] = asked
    assert wrong == {}


def test_nothing_of_an_upstreams_credential_or_address_reaches_a_client(wall: Wall):
    leaking = [
        cell.id for cell, seen in _pairs(wall) if b"sim-secret" in seen.heard.body or b"127.0.0.1:" in seen.heard.body
    ]
    assert leaking == []


def test_no_task_socket_or_counter_is_left_behind(wall: Wall):
    assert {name: value for name, value in wall.leftovers.items() if value} == {}


def test_no_header_comes_twice(wall: Wall):
    assert {cell.id: seen.heard.repeated for cell, seen in _pairs(wall) if seen.heard.repeated} == {}


def test_nothing_failed_inside_the_gateway(wall: Wall):
    assert wall.bugs == []
