"""Headers of an owner's answer: those that stand once come back once."""

import pytest

from gateway.http.brought_back import brought_back
from gateway.http.translate import VERBATIM
from peers.answer import PeerAnswer
from peers.request import PeerRequest
from tests.unit.peers import wire_server as wire


@pytest.mark.parametrize("types", [("text/html", "application/json"), ("application/json", "application/json")])
async def test_of_two_content_types_the_last_comes_back(types: tuple[str, str]) -> None:
    lines = "".join(f"Content-Type: {one}\r\n" for one in types)
    answer = f"HTTP/1.1 200 OK\r\n{lines}Allow: GET\r\nAllow: PUT\r\nContent-Length: 2\r\n\r\n{{}}"
    async with wire.serving(wire.answering(answer.encode())) as server, wire.client_to(server.url) as client:
        found = await client.send(PeerRequest("GET", "/"), deadline=wire.within())
        assert isinstance(found, PeerAnswer)
        headers = brought_back(found, VERBATIM)
        await found.aclose()
    assert headers == [("content-type", types[1]), ("allow", "GET"), ("allow", "PUT")]
