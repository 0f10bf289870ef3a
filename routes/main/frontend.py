"""The page's shell: the same for everybody, with a fresh nonce for every load."""

import asyncio
import secrets
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from main.keys import MAIN, SITE
from routes.main.assets import Assets, Chunk
from routes.main.headers import page_policy

ENTRY = "src/main.ts"
PAGE, UNBUILT, TROUBLE = "page.html", "unbuilt.html", "trouble.html"
PAGES = ("/", "/add", "/login", "/m", "/m/{rest:.*}", "/more", "/needs", "/new", "/settings", "/settings/{rest:.*}")
"""Every address of the page; which of them it shows it decides itself."""


def set_up_templates(app: web.Application) -> None:
    """Templates escape everything; an undefined name is an error. They are read at the start and never again."""
    folder = Path(__file__).parent / "templates"
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
    )

    async def read_templates(_: web.Application) -> None:
        for name in (PAGE, UNBUILT, TROUBLE):
            await asyncio.to_thread(environment.get_template, name)

    app.on_startup.append(read_templates)


class Page:
    """Renders the shell."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def serve(self, request: web.Request) -> web.Response:
        """GET any page address."""
        base = f"{request.app[MAIN].config.server.base_path}/"
        nonce = secrets.token_urlsafe(16)
        entry = self._assets.manifest.get(ENTRY)
        name = PAGE if entry is not None else UNBUILT
        context = {"base": base, "nonce": nonce, **self._files(entry)}
        response = aiohttp_jinja2.render_template(name, request, context, status=200 if entry is not None else 503)
        site = request[SITE]
        host = str(site).partition("://")[2]
        response.headers["Content-Security-Policy"] = page_policy(nonce, host)
        return response

    def _files(self, entry: Chunk | None) -> dict[str, list[str] | str]:
        """What the entry needs, with everything that it imports at once."""
        if entry is None:
            return {}
        styles, modules, waiting = list(entry.css), [], list(entry.imports)
        while waiting:
            chunk = self._assets.manifest[waiting.pop(0)]
            if chunk.file not in modules:
                modules.append(chunk.file)
                styles += chunk.css
                waiting += chunk.imports
        return {"script": entry.file, "modules": modules, "styles": list(dict.fromkeys(styles))}
