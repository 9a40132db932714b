"""Typed keys of what hangs on the application and on a request."""

from typing import Final

from aiohttp import web

from gateway.http.services import Services

SERVICES: Final = web.AppKey("services", Services)
"""The services the application was built with."""

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""The request's id, taken from the client or made here; forwarded to peers and echoed in the answer."""
