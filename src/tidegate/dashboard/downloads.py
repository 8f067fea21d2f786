"""What can be taken away: post-mortems, reports and results, in the name of whoever is logged in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate.client import AsyncClient
from tidegate.dashboard.showing import Shop, known_caller

MARKDOWN, JSON = "text/markdown; charset=utf-8", "application/json"
HTML, CSV = "text/html; charset=utf-8", "text/csv; charset=utf-8"


async def _incident(ask: AsyncClient, identifier: str) -> bytes:
    return msgspec.json.format(msgspec.json.encode(await ask.incident(identifier)), indent=2)


async def _post_mortem(ask: AsyncClient, identifier: str) -> bytes:
    return (await ask.incident_markdown(identifier)).encode()


async def _report(ask: AsyncClient, identifier: str) -> bytes:
    return (await ask.report_markdown(identifier)).encode()


async def _effects(ask: AsyncClient, identifier: str) -> bytes:
    return (await ask.results_csv(identifier)).encode()


async def _week(ask: AsyncClient, service: str) -> bytes:
    return (await ask.service_report_page(service, written_as="html")).encode()


async def _week_markdown(ask: AsyncClient, service: str) -> bytes:
    return (await ask.service_report_page(service)).encode()


DOWNLOADS: dict[str, tuple[str, Callable[[AsyncClient, str], Awaitable[bytes]]]] = {
    "/incidents/{id}/post-mortem.md": (MARKDOWN, _post_mortem),
    "/incidents/{id}/incident.json": (JSON, _incident),
    "/releases/{id}/report.md": (MARKDOWN, _report),
    "/releases/{id}/effects.csv": (CSV, _effects),
    "/services/{id}/week.html": (HTML, _week),
    "/services/{id}/week.md": (MARKDOWN, _week_markdown),
}


def download_routes(shop: Shop) -> list[Route]:
    """One route for each file."""
    return [Route(address, _download(shop, address, *made)) for address, made in DOWNLOADS.items()]


def _download(
    shop: Shop, address: str, media_type: str, make: Callable[[AsyncClient, str], Awaitable[bytes]]
) -> Callable[[Request], Awaitable[Response]]:
    async def download(request: Request) -> Response:
        identifier = request.path_params["id"]
        async with shop.client(known_caller(await shop.visitors.of(request))) as ask:
            content = await make(ask, identifier)
        name = f"{identifier}-{address.rpartition('/')[2]}"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, headers=headers, media_type=media_type)

    return download
