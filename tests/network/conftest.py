"""A switch for each test that asks for one; without the right to make one these tests are skipped, and say so."""

from collections.abc import AsyncIterator

import pytest

from tests.network.hosts import Switch, why_not


@pytest.fixture(scope="session")
def namespaces() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)


@pytest.fixture
async def switch(namespaces: None) -> AsyncIterator[Switch]:
    async with Switch() as switch:
        yield switch
