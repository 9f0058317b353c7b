"""A whole plane behind a real wire, for every test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.protocol.inspect.serving import Wire, serving


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    async with serving() as it:
        yield it
