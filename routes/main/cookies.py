"""The cookie that carries the token of a browser, one for each port: cookies do not tell ports apart."""

from aiohttp import web

from main.auth.arrival import Site
from main.store.logins import LOGIN_LIFE_S


def cookie_name(request: web.BaseRequest, site: Site) -> str:
    """`switchyard_<port>`, with the prefix that binds it to this very host where TLS allows it."""
    local = request.get_extra_info("sockname")
    name = f"switchyard_{local[1] if isinstance(local, tuple) else 0}"
    return f"__Host-{name}" if site.scheme == "https" else name


def set_cookie(response: web.StreamResponse, request: web.BaseRequest, site: Site, token: str) -> None:
    """Hand the browser its token; scripts cannot read it and other sites cannot send it."""
    response.set_cookie(
        cookie_name(request, site),
        token,
        max_age=LOGIN_LIFE_S,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=site.scheme == "https",
    )


def drop_cookie(response: web.StreamResponse, request: web.BaseRequest, site: Site) -> None:
    """Have the browser forget its token."""
    response.del_cookie(
        cookie_name(request, site), path="/", httponly=True, samesite="Strict", secure=site.scheme == "https"
    )
