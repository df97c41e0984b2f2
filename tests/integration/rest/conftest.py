"""One installation for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.event_store_fixture import embedded_event_store_uri
from tests.integration.rest.installation import Installation, running_installation
from tests.integration.rest.shop import Shop, open_shop
from tests.mongodb_fixture import mongodb_uri

__all__ = ["embedded_event_store_uri", "mongodb_uri"]


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, embedded_event_store_uri: str, mongodb_uri: str
) -> Generator[Installation, None, None]:
    folder = tmp_path_factory.mktemp("installation")
    with running_installation(folder, embedded_event_store_uri, mongodb_uri) as running:
        yield running


@pytest.fixture
async def shop(installation: Installation) -> AsyncGenerator[Shop, None]:
    async with open_shop(installation) as opened:
        yield opened
