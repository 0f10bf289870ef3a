"""Every address of Main. Which of them are open is in `guard`."""

from pathlib import Path

from aiohttp import web

from main.application import Main
from main.keys import MAIN
from routes.health import health
from routes.main import auth, metrics, nodes, ops, sockets, terminals, transfers
from routes.main.advice import ADVICE, Advice
from routes.main.assets import Assets
from routes.main.frontend import PAGES, Page, set_up_templates
from routes.main.guard import answer_problems, guard
from routes.main.headers import add_headers


def build_app(main: Main, dist: Path) -> web.Application:
    """The web application on top of `main`; `dist` is the built page."""
    app = web.Application(middlewares=[answer_problems, guard])
    app[MAIN] = main
    app[ADVICE] = Advice()
    app.on_response_prepare.append(add_headers)
    set_up_templates(app)
    assets = Assets(dist)

    async def load_assets(_: web.Application) -> None:
        await assets.load()
        _task = main.tasks.start(assets.compress(), name="compress page")

    app.on_startup.append(load_assets)
    base = main.config.server.base_path
    for prefix in dict.fromkeys(("", base)):
        # Programs call these by the plain address too, whatever the sub-path of the page.
        app.router.add_get(f"{prefix}/health", health("main", lambda: _nodes(main)))
        app.router.add_get(f"{prefix}/metrics", metrics.metrics)
        app.router.add_get(f"{prefix}/ws/node", nodes.link, allow_head=False)
        app.router.add_get(f"{prefix}/ws/stream", nodes.stream, allow_head=False)
        app.router.add_post(f"{prefix}/api/nodes/register", nodes.register)
    _add_api(app.router, base)
    page = Page(assets)
    for path in PAGES:
        app.router.add_get(f"{base}{path}", page.serve)
    if base:
        app.router.add_get(base, page.serve)
    app.router.add_get(f"{base}/assets/{{name}}", assets.serve)
    return app


def _add_api(router: web.UrlDispatcher, base: str) -> None:
    router.add_get(f"{base}/api/auth/status", auth.status)
    router.add_post(f"{base}/api/auth/register", auth.register)
    router.add_post(f"{base}/api/auth/login", auth.login)
    router.add_post(f"{base}/api/auth/logout", auth.logout)
    router.add_get(f"{base}/api/openapi.json", ops.describe)
    router.add_post(f"{base}/api/ops/{{op}}", ops.call_op)
    router.add_get(f"{base}/api/ops/{{op}}", ops.call_op, allow_head=False)
    content = f"{base}/api/nodes/{{node}}/files/content"
    router.add_get(content, transfers.download)
    router.add_put(content, transfers.upload, expect_handler=transfers.continue_later)
    router.add_get(f"{base}/api/nodes/{{node}}/files/archive", transfers.archive, allow_head=False)
    router.add_get(f"{base}/ws", sockets.socket, allow_head=False)
    router.add_get(f"{base}/ws/terminal", terminals.terminal, allow_head=False)


def _nodes(main: Main) -> dict[str, dict[str, int]]:
    return {"nodes": {"online": len(main.registry.links), "total": len(main.registry.nodes.keys())}}
