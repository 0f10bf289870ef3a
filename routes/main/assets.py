"""The built page: read into memory at the start, compressed once, named by content and so immutable."""

import asyncio
import gzip
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

IMMUTABLE = "public, max-age=31536000, immutable"
MIN_COMPRESSED_BYTES = 512
GZIP_LEVEL = 6
"""Level 9 takes three times as long for one percent less."""

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Ours, because a machine's own list of types may be anything."""

_weight = re.compile(r"[ \t]*(?:q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*").fullmatch
_TEXT = {"application/json", "application/manifest+json", "image/svg+xml", "text/css", "text/html", "text/javascript"}


@dataclass
class Asset:
    """One file. `compressed` is there once it has been made, and only when it is shorter."""

    body: bytes
    kind: str
    compressed: bytes | None = None


class Chunk(msgspec.Struct):
    """An entry of Vite's manifest."""

    file: str
    css: list[str] = []
    imports: list[str] = []


class Assets:
    """`dist/assets` by name, and the manifest that says which of them the page begins with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Asset] = {}
        self.manifest: dict[str, Chunk] = {}

    async def load(self) -> None:
        """Read everything. Without a built page there is nothing, and the page says so."""
        self._files, self.manifest = await asyncio.to_thread(_read, self._folder)

    async def compress(self) -> None:
        """Compress what gains by it; until then it goes out as it is."""
        for asset in self._files.values():
            if asset.kind in _TEXT and len(asset.body) >= MIN_COMPRESSED_BYTES:
                smaller = await asyncio.to_thread(gzip.compress, asset.body, GZIP_LEVEL, mtime=0)
                asset.compressed = smaller if len(smaller) < len(asset.body) else None

    async def serve(self, request: web.Request) -> web.Response:
        """GET /assets/{name}. Raises web.HTTPNotFound."""
        asset = self._files.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
        body = asset.body
        if asset.compressed is not None and _takes_gzip(request):
            headers["Content-Encoding"] = "gzip"
            body = asset.compressed
        return web.Response(
            body=body,
            headers=headers,
            content_type=asset.kind,
            charset="utf-8" if asset.kind.startswith("text/") else None,
        )


def _takes_gzip(request: web.Request) -> bool:
    """RFC 9110, 12.5.3: what is named counts before `*`. What cannot be read refuses: plain is right for everybody."""
    taken: dict[str, bool] = {}
    for part in ",".join(request.headers.getall("Accept-Encoding", [])).lower().split(","):
        name, _, weight = part.partition(";")
        given = _weight(weight)
        taken[name.strip()] = given is not None and float(given[1] or 1) > 0
    return next((taken[name] for name in ("gzip", "x-gzip", "*") if name in taken), False)


def _read(folder: Path) -> tuple[dict[str, Asset], dict[str, Chunk]]:
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=dict[str, Chunk])
        files = {
            file.name: Asset(file.read_bytes(), _kind(file))
            for file in sorted((folder / "assets").iterdir())
            if file.is_file()
        }
    except (OSError, msgspec.DecodeError) as error:
        log.warning("page_not_built", folder=str(folder), reason=str(error))
        return {}, {}
    return files, manifest


def _kind(file: Path) -> str:
    return _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
