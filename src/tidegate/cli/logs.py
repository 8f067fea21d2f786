"""Logs of our own processes: one JSON object a line on standard error; never content, never secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(level: str = "info", process: str = "") -> None:
    """Set up structlog for a process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        process: bound to each line as ``process``.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold keys and content
            ),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    if process:
        structlog.contextvars.bind_contextvars(process=process)
