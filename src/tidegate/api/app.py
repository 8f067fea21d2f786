"""The admin API as an ASGI app: the order in which a request meets what it meets is the order below."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tidegate import __version__
from tidegate.api.admission import Admission
from tidegate.api.guard import Guard
from tidegate.api.link import link_routes
from tidegate.api.openapi import docs_page, install_openapi
from tidegate.api.plane import Plane
from tidegate.api.problems import install_problems
from tidegate.api.routes import (
    applying,
    counts,
    evaluations,
    experiments,
    feedback,
    health,
    incidents,
    judges,
    keys,
    logs,
    metrics,
    planning,
    prompts,
    providers,
    records,
    releases,
    reports,
    requests,
    services,
    traffic,
    versions,
)
from tidegate.controller.control import Control
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.registry import Registry

_DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

API_PREFIX = "/api/v1"
# /versions/import stands before /versions/{ref}
API_ROUTERS = tuple(
    each.router
    for each in (
        *(
            services,
            versions,
            releases,
            planning,
            counts,
            experiments,
            traffic,
            reports,
            requests,
            feedback,
            judges,
            evaluations,
            prompts,
        ),
        *(incidents, records, metrics, providers, keys, logs, applying),
    )
)


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the listener is reached.

    Attributes:
        is_loopback: only this machine can connect; without keys everybody who can is an admin.
        hosts: further names by which it is meant, besides loopback ones.
        join_token: of gateways; ``None`` asks for none.
        spool: folder for uploads under way; the system's temporary one if ``None``.
    """

    is_loopback: bool
    hosts: frozenset[str] = frozenset()
    join_token: str | None = None
    spool: Path | None = None


def create_app(control: Control, artifacts: ArtifactStore, settings: ApiSettings) -> FastAPI:
    """The app over a control plane that whoever calls this starts and stops.

    Setting ``app.state.plane.closing`` ends open streams, for a quick stop.
    """
    app = FastAPI(
        title="Tidegate", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    admission = Admission(control.state, is_loopback=settings.is_loopback, hosts=settings.hosts)
    app.state.plane = Plane(
        control=control,
        registry=Registry(control.state, artifacts, control.clock.now),
        admission=admission,
        spool=settings.spool or Path(tempfile.gettempdir()),
        closing=asyncio.Event(),
    )
    install_problems(app)
    install_openapi(app)
    include_routes(app)
    app.add_route("/api/openapi.json", _openapi, include_in_schema=False)
    app.add_route("/api/docs", _docs, include_in_schema=False)
    app.router.routes.extend(link_routes(control, settings.join_token))
    app.add_middleware(Guard, admission=admission, is_link_open=settings.join_token is None)
    return app


def include_routes(app: FastAPI) -> None:
    """Add every route that OpenAPI describes."""
    app.include_router(health.router)
    for router in API_ROUTERS:
        app.include_router(router, prefix=API_PREFIX)


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


async def _docs(request: Request) -> Response:
    headers = {"content-security-policy": _DOCS_POLICY}
    return HTMLResponse(docs_page(request.app.openapi()), headers=headers)
