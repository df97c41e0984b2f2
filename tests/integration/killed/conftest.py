"""An installation with an event store of its own: reactors begin with the first event there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.event_store_fixture import embedded_server
from tests.integration.killed.processes import Host, running_host
from tests.integration.rest.installation import Installation, running_installation
from tests.integration.rest.shop import Shop, open_shop
from tests.mongodb_fixture import mongodb_uri

__all__ = ["mongodb_uri"]


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str
) -> Generator[Installation, None, None]:
    folder = tmp_path_factory.mktemp("installation")
    with (
        embedded_server(folder / "event-store") as uri,
        running_installation(folder, uri, mongodb_uri) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def host(installation: Installation) -> Generator[Host, None, None]:
    with running_host(installation) as running:
        yield running


@pytest.fixture
async def shop(installation: Installation) -> AsyncGenerator[Shop, None]:
    async with open_shop(installation) as opened:
        yield opened
