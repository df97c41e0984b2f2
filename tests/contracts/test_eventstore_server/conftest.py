"""The servers and the clients that the contract is checked with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.docker_engine import eventstoredb_container
from tests.eventstore_server import Caller, connect, event_store_process


@pytest.fixture(
    scope="session",
    params=["embedded", pytest.param("eventstoredb", marks=pytest.mark.docker)],
)
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an event store that the tests of a session share."""
    if request.param == "embedded":
        with event_store_process(tmp_path_factory.mktemp("eventstore")) as process:
            yield process.uri
    else:
        with eventstoredb_container() as container_uri:
            yield container_uri


@pytest.fixture(params=["sync", "async"])
async def caller(request: pytest.FixtureRequest, uri: str) -> AsyncIterator[Caller]:
    """A client of each kind."""
    caller = await connect(request.param, uri)
    yield caller
    await caller.close()
