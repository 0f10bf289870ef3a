"""Typed keys of what the web application and each request carry."""

from aiohttp import web

from main.application import Main
from main.auth.access import Principal
from main.auth.arrival import Arrival, Site

MAIN: web.AppKey[Main] = web.AppKey("main", Main)

ARRIVAL: web.RequestKey[Arrival] = web.RequestKey("arrival", Arrival)
"""Set on every request."""

SITE: web.RequestKey[Site] = web.RequestKey("site", Site)
"""The origin under which the request called Main; set where the Host header was checked."""

PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
"""Set on every request that was let in by credentials."""

TOKEN: web.RequestKey[str] = web.RequestKey("token", str)
"""The token of a login whose life was just prolonged: the cookie is set anew."""
