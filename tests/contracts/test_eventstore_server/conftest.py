"""The servers and the clients that the contract is checked with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.eventstore_server import Caller, connect, event_store_process

IMAGE = "eventstore/eventstore:24.10.0-bookworm-slim"
PORT = 2113
DOCKER_ANSWER_TIMEOUT_S = 20.0
CONTAINER_READY_TIMEOUT_S = 90


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
        if not _docker_is_available():
            pytest.skip("Docker is not available")
        with _container() as container_uri:
            yield container_uri


@pytest.fixture(params=["sync", "async"])
async def caller(request: pytest.FixtureRequest, uri: str) -> AsyncIterator[Caller]:
    """A client of each kind."""
    caller = await connect(request.param, uri)
    yield caller
    await caller.close()


def _docker_is_available() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = subprocess.run(
        [docker, "info"], capture_output=True, timeout=DOCKER_ANSWER_TIMEOUT_S, check=False
    )
    return asked.returncode == 0


@contextmanager
def _container() -> Iterator[str]:
    container = (
        DockerContainer(IMAGE)
        .with_env("EVENTSTORE_INSECURE", "true")
        .with_env("EVENTSTORE_MEM_DB", "true")
        .with_env("EVENTSTORE_RUN_PROJECTIONS", "None")
        .with_env("EVENTSTORE_STATS_PERIOD_SEC", "86400")  # statistics are events too
        .with_exposed_ports(PORT)
        .waiting_for(
            LogMessageWaitStrategy("IS LEADER").with_startup_timeout(CONTAINER_READY_TIMEOUT_S)
        )
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(PORT)
        yield f"esdb://{host}:{port}?Tls=false"
