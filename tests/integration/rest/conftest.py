"""One installation for all tests of this folder."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Generator

import httpx
import pytest

from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, running
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


@pytest.fixture(scope="module")
def projections(installation: Installation) -> Generator[None, None, None]:
    """Build the read models while the tests of a module run."""
    argv = (sys.executable, "-m", "payment_gateway", "projections", "run")
    log, port = installation.folder / "projections.log", free_port()
    env = {**installation.environment, "GATEWAY_HEALTH_PORT": str(port)}
    with running(argv, log=log, env=env):
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers_200(f"http://127.0.0.1:{port}/readyz"):
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.05)
        yield


def _answers_200(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
