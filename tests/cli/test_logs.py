"""Lines as Elasticsearch takes them, and a level that changes while a process runs."""

import json
import subprocess
import sys

PROGRAM = """
import structlog
from tidegate.cli.logs import configure_logs, set_log_level
configure_logs("warning", process="g1")
log = structlog.get_logger("x")
log.info("not yet")
set_log_level("info")
log.info("request", request_id="req_1", trace_id="abc", service="bot", status=200, error="why")
try:
    secret = "sk-123"
    raise ValueError("boom")
except ValueError as error:
    log.error("failed", exc_info=error)
"""


def test_lines_have_the_common_schema_s_names():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, second = map(json.loads, done.stderr.splitlines())
    assert first | {"@timestamp": "", "service.version": ""} == {
        "@timestamp": "",
        "ecs.version": "8.11.0",
        "service.name": "tidegate",
        "service.version": "",
        "process.name": "g1",
        "log.level": "info",
        "message": "request",
        "http.request.id": "req_1",
        "trace.id": "abc",
        "http.response.status_code": 200,
        "error.message": "why",
        "tidegate.service": "bot",
    }
    assert first["@timestamp"].endswith("Z")
    assert "boom" in json.dumps(second["error.stack_trace"])
    assert "sk-123" not in done.stderr
