"""A request as aiohttp's low-level server hands it over, with what we note on it."""

from collections.abc import Callable

from aiohttp import web

from gateway.auth.caller import Caller


class ApiRequest(web.BaseRequest):
    """Made by `Api`, which sets the attributes before anybody else sees it."""

    ATTRS = web.BaseRequest.ATTRS | {"request_id", "arrived", "mark", "crowded", "caller", "sees_peers"}

    request_id: str = ""
    """Taken from the client or made here; forwarded to peers and echoed in the answer. Empty if refused unread."""
    arrived: float
    """Loop time."""
    crowded: bool = False
    """It came on a connection beyond the limit."""
    mark: Callable[["ApiRequest", web.StreamResponse], None]
    """Sets the header fields that every answer carries; called when the head of one is about to be sent."""

    caller: Caller | None = None
    """Who sends it, if authentication is on and it proved that."""
    sees_peers: bool = True
    """Whether the sender may be told who the peers are, whatever it asks."""

    # Private in aiohttp, but the one place that streams pass too, whatever class they are of.
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        self.mark(self, response)
