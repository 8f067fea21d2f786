"""Control's side of the link to the gateways: snapshots out, heartbeats, observations and records in.

The protocol is described in :mod:`tidegate.delivery.snapshot`.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tidegate.api.problems import answer, problem_of
from tidegate.api.uploads import too_large
from tidegate.delivery.observation import ObservationBatch, decode_batch
from tidegate.delivery.records import RecordBatch
from tidegate.delivery.snapshot import Heartbeat, HeartbeatAnswer
from tidegate.errors import InvalidInputError, TidegateError, UnauthenticatedError

MAX_HEARTBEAT_BYTES = 1 << 20
MAX_BATCH_BYTES = 64 << 20


class Link(Protocol):
    """What the endpoints need of the control plane."""

    def watch(self, gateway: str, boot_id: str) -> AsyncIterator[bytes]:
        """Lines of LinkMessage, from the snapshot in force on."""

    def hear(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Take a heartbeat."""

    async def store(self, batch: ObservationBatch) -> bool:
        """Store a batch; ``False`` when it was stored before."""

    async def store_records(self, batch: RecordBatch) -> bool:
        """Store a batch of records; ``False`` when it was stored before."""


Endpoint = Callable[[Request], Awaitable[Response]]


def link_routes(link: Link, join_token: str | None = None) -> list[Route]:
    """The endpoints under ``/link/v1``; with ``join_token`` each of them asks for it."""
    heartbeats = msgspec.json.Decoder(Heartbeat)
    record_batches = msgspec.msgpack.Decoder(RecordBatch)

    async def snapshots(request: Request) -> Response:
        gateway, boot = request.query_params.get("gateway"), request.query_params.get("boot")
        if not gateway or not boot:
            raise InvalidInputError("the query needs gateway and boot", where="GET /link/v1/snapshots")
        lines = link.watch(gateway, boot)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})

    async def take_heartbeat(request: Request) -> Response:
        body = await _body(request, MAX_HEARTBEAT_BYTES)
        try:
            heartbeat = heartbeats.decode(body)
        except msgspec.DecodeError as error:
            raise InvalidInputError(f"not a heartbeat: {error}", where="POST /link/v1/heartbeats") from error
        answer = link.hear(heartbeat)
        if not answer.is_leading:
            return Response(status_code=202)
        if not (answer.grants or answer.pins or answer.keys):
            return Response(status_code=204)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def take_observations(request: Request) -> Response:
        body = await _body(request, MAX_BATCH_BYTES)
        try:
            batch = decode_batch(body)
        except ValueError as error:
            raise InvalidInputError(f"not a batch: {error}", where="POST /link/v1/observations") from error
        return JSONResponse({"stored": await link.store(batch)})

    async def take_records(request: Request) -> Response:
        body = await _body(request, MAX_BATCH_BYTES)
        try:
            batch = record_batches.decode(body)
        except msgspec.DecodeError as error:
            raise InvalidInputError(f"not a batch: {error}", where="POST /link/v1/records") from error
        return JSONResponse({"stored": await link.store_records(batch)})

    return [
        Route("/link/v1/snapshots", _guarded(snapshots, join_token), methods=["GET"]),
        Route("/link/v1/heartbeats", _guarded(take_heartbeat, join_token), methods=["POST"]),
        Route("/link/v1/observations", _guarded(take_observations, join_token), methods=["POST"]),
        Route("/link/v1/records", _guarded(take_records, join_token), methods=["POST"]),
    ]


def _guarded(endpoint: Endpoint, join_token: str | None) -> Endpoint:
    expected = None if join_token is None else f"Bearer {join_token}".encode()

    async def guarded(request: Request) -> Response:
        try:
            given = request.headers.get("authorization", "").encode()
            if expected is not None and not hmac.compare_digest(given, expected):
                raise UnauthenticatedError("the join token is missing or wrong", remedy="start the gateway with it")
            return await endpoint(request)
        except TidegateError as error:
            return answer(problem_of(error))

    return guarded


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)
