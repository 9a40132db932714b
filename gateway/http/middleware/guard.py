"""Refuses what no handler should ever see. Beyond this point a request is plain HTTP/1 with a path of our own.

Source: docs/security.md, "Requests". What the parser refuses does not get this far; see `listener.py`.
"""

import re
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from gateway.http.errors import ApiError
from gateway.settings import ServerSettings

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.%A-Za-z]{2,64}\])(?::[0-9]{1,5})?")
_PORT: Final = re.compile(r":[0-9]+$")
_LENGTH_FIGURES: Final = 18  # beyond, not everybody who counts bytes can hold the number
_LINE_OVERHEAD: Final = 4  # ": " and the line end


class Guard:
    """The limits and the names of one gateway."""

    def __init__(self, server: ServerSettings) -> None:
        """`server.allowed_hosts` are the names it answers to; none: to any."""
        self._max_header_bytes = server.max_header_bytes
        self._hosts = frozenset(host.lower() for host in server.allowed_hosts)

    def check(self, request: web.BaseRequest) -> None:
        """Raises ApiError, after which the connection is closed, for what is not plain HTTP/1 or not for us."""
        refusal = _line_refusal(request) or _header_refusal(request, self._max_header_bytes)
        refusal = refusal or self._host_refusal(request)
        if refusal is not None:
            raise refusal

    def _host_refusal(self, request: web.BaseRequest) -> ApiError | None:
        if not self._hosts:
            return None
        host = _PORT.sub("", request.headers.get(hdrs.HOST, "")).lower()
        if host in self._hosts:
            return None
        return _refuse(421, "This gateway does not answer to the name in the Host header (server.allowed_hosts)")


def _line_refusal(request: web.BaseRequest) -> ApiError | None:
    if request.version not in (HttpVersion11, HttpVersion10):
        return _refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
    if request.method not in _METHODS:
        return _refuse(405, f"The method {request.method[:32]} is not allowed", (hdrs.ALLOW, ", ".join(_METHODS)))
    if not request.raw_path.startswith("/"):
        return _refuse(400, "The request target must be a path, without scheme and host")
    return None


def _header_refusal(request: web.BaseRequest, max_bytes: int) -> ApiError | None:
    size = 0
    for name, value in request.raw_headers:
        size += len(name) + len(value) + _LINE_OVERHEAD
    if size > max_bytes:
        return _refuse(
            431, f"The headers have {size} bytes together, at most {max_bytes} are allowed (server.max_header_bytes)"
        )
    hosts = request.headers.getall(hdrs.HOST, [])
    needed = 1 if request.version == HttpVersion11 else len(hosts)
    if len(hosts) != needed or not all(map(_HOST.fullmatch, hosts)):
        return _refuse(400, "One Host header with a name or address, and perhaps a port, is needed")
    framings = request.headers.getall(hdrs.TRANSFER_ENCODING, ())
    if any(framing.strip().lower() != "chunked" for framing in framings):
        return _refuse(501, "The only Transfer-Encoding taken is chunked")
    length = request.headers.get(hdrs.CONTENT_LENGTH, "")
    if len(length) > _LENGTH_FIGURES:
        return _refuse(413, "Content-Length is a larger number than any body has bytes")
    coding = request.headers.get(hdrs.CONTENT_ENCODING)
    if coding is not None and coding.strip().lower() != "identity":
        return _refuse(415, "Encoded bodies are not accepted; send the body without Content-Encoding")
    return None


def _refuse(status: int, message: str, *headers: tuple[str, str]) -> ApiError:
    return ApiError(status, "invalid-request", message, headers=headers, closes=True)
