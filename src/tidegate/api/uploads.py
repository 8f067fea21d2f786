"""Request bodies that are files: written to disk while they arrive, hashed on the way, gone if they do not arrive."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect, Request

from tidegate.api.problems import RefusedError
from tidegate.errors import CallerError, ConflictError
from tidegate.registry.content import CHUNK_BYTES, Mode

_WRITE_BYTES = 1 << 20
IDLE_SECONDS = 30.0


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """A body that arrived whole; readable while :func:`spooled` is open."""

    path: Path
    sha256: str
    size: int
    mode: Mode = "644"

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces.

        Raises:
            ConflictError: the file is not what was written.
        """
        digest = hashlib.sha256()
        with self.path.open("rb") as opened:
            while data := opened.read(CHUNK_BYTES):
                digest.update(data)
                yield data
        if digest.hexdigest() != self.sha256:
            raise ConflictError("the upload was altered on disk", code="file_changed", remedy="upload it again")


@asynccontextmanager
async def spooled(request: Request, folder: Path, *, limit: int) -> AsyncIterator[Spooled]:
    """The body as a file that exists as long as the block.

    Args:
        folder: where it may lie.
        limit: largest size in bytes.

    Raises:
        RefusedError: larger than ``limit``, or nothing came for :data:`IDLE_SECONDS`.
        CallerError: the connection ended before the body did.
    """
    if int(request.headers.get("content-length") or 0) > limit:
        raise too_large(limit)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as target:
        digest, size, waiting = hashlib.sha256(), 0, bytearray()
        try:
            async for chunk in _punctual(request):
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                digest.update(chunk)
                waiting += chunk
                if len(waiting) >= _WRITE_BYTES:
                    await anyio.to_thread.run_sync(target.write, bytes(waiting))
                    waiting.clear()
        except ClientDisconnect:
            raise CallerError("the upload was interrupted; nothing was stored", code="upload_interrupted") from None
        target.write(waiting)
        target.flush()
        yield Spooled(path=Path(target.name), sha256=digest.hexdigest(), size=size)


async def _punctual(request: Request) -> AsyncIterator[bytes]:
    chunks = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise too_slow(IDLE_SECONDS) from None
        yield chunk


def too_slow(seconds: float) -> RefusedError:
    """The refusal of a body that stays away."""
    return RefusedError(408, f"nothing came for {seconds:g} s", code="body_too_slow", remedy="send it again")


def too_large(limit: int) -> RefusedError:
    """The refusal of a body above ``limit`` bytes."""
    return RefusedError(413, f"the body is larger than {limit} bytes", code="body_too_large", remedy="send less")
