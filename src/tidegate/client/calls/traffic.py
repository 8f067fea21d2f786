"""Traffic over time, how evidence grew, and where a release is in its program."""

from __future__ import annotations

from tidegate.client.call import Call, in_path
from tidegate.shapes.reports import ServiceDrift, ServiceReport
from tidegate.shapes.traffic import CurrentTraffics, EvidenceHistory, ReleaseProgram, Traffic


def traffic(service: str, *, last_seconds: int = 3600, release: str | None = None) -> Call[Traffic]:
    """What users of a service got over time, by version.

    Args:
        service: its name.
        last_seconds: how far back; the longer, the coarser the steps.
        release: only requests of this release.

    Raises:
        NotFoundError: no such service.
    """
    query = {"last_seconds": last_seconds, "release": release}
    return Call(method="GET", path=f"/services/{in_path(service)}/traffic", returns=Traffic, query=query)


def service_report(service: str, *, last_seconds: int = 604_800) -> Call[ServiceReport]:
    """What became of a service: versions, releases, incidents, quality, cost, tokens.

    Args:
        service: its name.
        last_seconds: how far back.

    Raises:
        NotFoundError: no such service.
    """
    query = {"last_seconds": last_seconds}
    return Call(method="GET", path=f"/services/{in_path(service)}/report", returns=ServiceReport, query=query)


def service_report_page(service: str, *, last_seconds: int = 604_800, written_as: str = "markdown") -> Call[str]:
    """The same as a page, ``markdown`` or ``html``.

    Raises:
        NotFoundError: no such service.
    """
    query: dict[str, str | int] = {"last_seconds": last_seconds, "format": written_as}
    return Call(method="GET", path=f"/services/{in_path(service)}/report", returns=str, query=query)


def drift(service: str, *, version: str | None = None) -> Call[ServiceDrift]:
    """Whether versions of a service behave as on their own first day.

    Args:
        service: its name.
        version: only this one, by its full reference; otherwise all with requests in the last day.

    Raises:
        NotFoundError: no such service.
    """
    return Call(
        method="GET", path=f"/services/{in_path(service)}/drift", returns=ServiceDrift, query={"version": version}
    )


def current_traffic(
    *, services: tuple[str, ...] = (), limit: int = 100, cursor: str | None = None
) -> Call[CurrentTraffics]:
    """What users of each service get now, by name, or of these services in this order."""
    query = {"service": services or None, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/traffic", returns=CurrentTraffics, query=query)


def evidence(release: str, *, attempt: int | None = None) -> Call[EvidenceHistory]:
    """How the evidence of a release grew, of its latest attempt or another one.

    Raises:
        NotFoundError: no such release.
    """
    return Call(
        method="GET",
        path=f"/releases/{in_path(release)}/evidence",
        returns=EvidenceHistory,
        query={"attempt": attempt},
    )


def program(release: str) -> Call[ReleaseProgram]:
    """Where a release is in its program.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/program", returns=ReleaseProgram)
