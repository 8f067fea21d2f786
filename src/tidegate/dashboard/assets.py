"""Scripts, styles, font and icon: read once, compressed once, and kept by browsers until their content changes."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tidegate.errors import NotFoundError

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_FOR_A_YEAR = "public, max-age=31536000, immutable"
FONT = "vendor/inter-latin-wght-normal.woff2"


class Asset(msgspec.Struct, frozen=True):
    """One file.

    Attributes:
        address: changes with the content.
        packed: gzip, or "" where it does not pay.
    """

    address: str
    media_type: str
    content: bytes
    packed: bytes


class Assets:
    """Every file below ``static/`` that a browser may ask for."""

    def __init__(self) -> None:
        found = sorted(path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
        names = {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in found}
        font = _asset(FONT, names[FONT])
        self._by_name = {name: _asset(name, _pointed(name, content, font)) for name, content in names.items()}
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def address(self, name: str) -> str:
        """Where a page finds the file ``name``."""
        return self._by_name[name].address

    def answer(self, request: Request) -> Response:
        """The file that a browser asks for.

        Raises:
            NotFoundError: there is none of that name and content.
        """
        asset = self._by_address.get(request.url.path)
        if asset is None:
            raise NotFoundError(f"there is no file at {request.url.path}", code="unknown_path")
        headers = {"cache-control": _FOR_A_YEAR, "vary": "accept-encoding"}
        if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "content-encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def _pointed(name: str, content: bytes, font: Asset) -> bytes:
    """A style sheet names the font; where that lies is known only here."""
    return content.replace(f"/static/{FONT}".encode(), font.address.encode()) if name.endswith(".css") else content


def _asset(name: str, content: bytes) -> Asset:
    digest, suffix = hashlib.sha256(content).hexdigest()[:10], Path(name).suffix
    packed = b"" if suffix == ".woff2" else gzip.compress(content, 9, mtime=0)
    return Asset(f"/static/{digest}/{name}", _TYPES[suffix], content, packed)
