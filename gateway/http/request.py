"""A request as aiohttp's low-level server hands it over, with what we note on it."""

from collections.abc import Callable

from aiohttp import web

from gateway.auth.caller import Caller
from gateway.http.client_address import TrustedProxies
from gateway.http.held_bodies import HeldBodies, HeldBody
from gateway.http.rate_limits import Allowance


class ApiRequest(web.BaseRequest):
    """Made by `Api`, which sets the attributes before anybody else sees it."""

    ATTRS = web.BaseRequest.ATTRS | {
        *("request_id", "arrived", "mark", "crowded", "caller", "sees_peers", "proxies", "allowance", "bodies"),
        "_held_body",
    }

    request_id: str = ""
    """Taken from the client or made here; forwarded to peers and echoed in the answer. Empty if refused unread."""
    arrived: float
    """Loop time."""
    crowded: bool = False
    """It came on a connection beyond the limit."""
    proxies: TrustedProxies
    """Whose word on their clients is believed."""
    bodies: HeldBodies
    """Where it is counted what is held of bodies."""
    _held_body: HeldBody | None = None
    allowance: Allowance | None = None
    """What its client has left of the rate limits; None where nobody counts."""
    mark: Callable[["ApiRequest", web.StreamResponse], None]
    """Sets the header fields that every answer carries; called when the head of one is about to be sent."""

    caller: Caller | None = None
    """Who sends it, if authentication is on and it proved that."""
    sees_peers: bool = True
    """Whether the sender may be told who the peers are, whatever it asks."""

    @property
    def client_address(self) -> str:
        """The address of the client, behind trusted proxies too; empty if nobody can know."""
        return self.proxies.client_of(self.remote, self.headers.getall(self.proxies.header, ()))

    async def read(self) -> bytes:
        """The whole body, held until `forget_body`. Raises ApiError: 413, and 503 where too much is held already."""
        if self._read_bytes is None:
            if self._held_body is None:
                self._held_body = self.bodies.body_of(self.client_address)
            self._read_bytes = await self._held_body.read(self.content.iter_any())
        return self._read_bytes

    def forget_body(self) -> None:
        """The request is done: nobody reads its body any more."""
        self._read_bytes = None
        if self._held_body is not None:
            self._held_body.give_back()

    # Private in aiohttp, but the one place that streams pass too, whatever class they are of.
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        self.mark(self, response)


def logged_path(request: web.BaseRequest) -> str:
    """What a log may have of the target: its query may hold a secret that somebody put into the wrong place."""
    return request.raw_path.partition("?")[0]
