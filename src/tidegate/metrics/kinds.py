"""Every kind of source: the built-in ones, visible here, and those of installed plug-ins.

A plug-in names its kind in the entry-point group ``tidegate.metric_sources``; the object is called with the
settings from the release file and :class:`~tidegate.metrics.source.Tools`, and returns a
:class:`~tidegate.metrics.source.Source` or raises :class:`~tidegate.errors.InvalidInputError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from tidegate.documents import nearest_and_all
from tidegate.errors import InvalidInputError
from tidegate.metrics.drift import DriftSource
from tidegate.metrics.http_endpoint import HttpEndpoint
from tidegate.metrics.prometheus import Prometheus
from tidegate.metrics.source import Source, Tools

GROUP = "tidegate.metric_sources"
SourceKind = Callable[[Any, Tools], Source]

SOURCES: Mapping[str, SourceKind] = {
    "prometheus": Prometheus,
    "http": HttpEndpoint,
    "drift": DriftSource,
}


def source_of(declared: Mapping[str, Any], tools: Tools) -> Source:
    """The source that a release file declares, one kind with its settings.

    Raises:
        InvalidInputError: an unknown kind, or wrong settings.
    """
    ((kind, settings),) = declared.items()
    made = SOURCES.get(kind) or _plugged_in(kind)
    if made is None:
        raise InvalidInputError(
            f"unknown source {kind!r}",
            code="unknown_source",
            where="source",
            remedy=nearest_and_all(kind, known_kinds()),
        )
    return made(settings, tools)


def known_kinds() -> list[str]:
    """Names of every kind, the gateways' own first."""
    return ["gateway", *SOURCES, *sorted(found.name for found in entry_points(group=GROUP))]


def _plugged_in(kind: str) -> SourceKind | None:
    for found in entry_points(group=GROUP, name=kind):
        plugged: SourceKind = found.load()
        return plugged
    return None
