"""Logs of our own processes: one JSON object a line on standard error, with the field names of the Elastic Common
Schema; never content, never secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from tidegate import __version__

_ECS_VERSION = "8.11.0"
_OWN = "tidegate."
_ECS = {
    "event": "message",
    "level": "log.level",
    "exception": "error.stack_trace",
    "error": "error.message",
    "process": "process.name",
    "request_id": "http.request.id",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "status": "http.response.status_code",
    "path": "url.path",
    "seconds": "event.duration_seconds",
}
"""Our word -> field of the schema. What has no field there stands below ``tidegate.``, which the schema leaves to us."""
_KEPT = frozenset({"@timestamp"})


def configure_logs(level: str = "info", process: str = "") -> None:
    """Set up structlog for a process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        process: bound to each line as ``process.name``.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold keys and content
            ),
            _as_ecs,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    set_log_level(level)
    if process:
        structlog.contextvars.bind_contextvars(process=process)


def set_log_level(level: str) -> None:
    """Write lines of ``level`` and above from now on; loggers look it up with each line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))


def _as_ecs(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    told = {"ecs.version": _ECS_VERSION, "service.name": "tidegate", "service.version": __version__}
    for name, value in line.items():
        told[name if name in _KEPT else _ECS.get(name, f"{_OWN}{name}")] = value
    return told
