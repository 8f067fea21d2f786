from structlog.testing import capture_logs
from tests.fakes.observations import observation

from tidegate.controller.request_log import log_requests

GOOD, RESCUED = observation(), observation(request_id="req_2", assigned_outcome="timeout")


def logged(wanted: str) -> list[str]:
    with capture_logs() as lines:
        log_requests([GOOD, RESCUED], wanted)
    return [f"{line['log_level']} {line['request_id']}" for line in lines]


def test_as_many_lines_as_are_wanted():
    assert logged("off") == []
    assert logged("failed") == ["warning req_2"]
    assert logged("all") == ["info req_1", "warning req_2"]


def test_a_line_leads_to_the_release_and_the_trace_and_holds_no_content():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with capture_logs() as lines:
        log_requests([observation(trace=trace, release="rel_1")], "all")
    (line,) = lines
    assert (line["release"], line["trace_id"]) == ("rel_1", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert {"prompt", "answer", "content", "messages"}.isdisjoint(line)
