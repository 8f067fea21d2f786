"""Every page, in the order of the navigation."""

from __future__ import annotations

from tidegate.dashboard.looking import Page
from tidegate.dashboard.pages import (
    audit,
    drift,
    incident,
    overview,
    pairs,
    plan,
    release,
    requests,
    results,
    service,
    settings,
    version,
)

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    service.PAGE,
    drift.PAGE,
    pairs.PAGE,
    results.PAGE,
    results.BY_SEGMENT,
    release.PAGE,
    version.COMPARE,
    version.PAGE,
    incident.LIST,
    incident.PAGE,
    plan.PAGE,
    requests.LIST,
    requests.PAGE,
    audit.PAGE,
    settings.PAGE,
)
