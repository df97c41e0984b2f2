"""Servers in containers, where there is a Docker engine; a skip that says so where there is none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Final

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

EVENTSTOREDB_IMAGE: Final = "eventstore/eventstore:24.10.0-bookworm-slim"
MONGODB_IMAGE: Final = "mongo:7.0"
VALKEY_IMAGE: Final = "valkey/valkey:8.1"
ANSWER_TIMEOUT_S: Final = 20.0


@cache
def docker_is_available() -> bool:
    """Whether an engine answers; the client program alone is none."""
    program = shutil.which("docker")
    if program is None:
        return False
    asked = subprocess.run(
        [program, "info"], capture_output=True, timeout=ANSWER_TIMEOUT_S, check=False
    )
    return asked.returncode == 0


def need_docker() -> None:
    """Skip the test where there is no engine."""
    if not docker_is_available():
        pytest.skip("Docker is not available")


@contextmanager
def eventstoredb_container() -> Generator[str, None, None]:
    """Yield the URI of a single EventStoreDB node without TLS."""
    need_docker()
    container = (
        DockerContainer(EVENTSTOREDB_IMAGE)
        .with_env("EVENTSTORE_INSECURE", "true")
        .with_env("EVENTSTORE_MEM_DB", "true")
        .with_exposed_ports(2113)
        .waiting_for(LogMessageWaitStrategy("IS LEADER"))
    )
    with container:
        host = container.get_container_host_ip()
        yield f"esdb://{host}:{container.get_exposed_port(2113)}?Tls=false"


@contextmanager
def mongodb_container() -> Generator[str, None, None]:
    """Yield the URI of a single-node replica set."""
    need_docker()
    container = (
        DockerContainer(MONGODB_IMAGE)
        .with_command("mongod --replSet rs0 --bind_ip_all")
        .with_exposed_ports(27017)
        .waiting_for(LogMessageWaitStrategy("Waiting for connections"))
    )
    with container:
        initiated = container.exec(
            [
                "mongosh",
                "--quiet",
                "--eval",
                "rs.initiate(); while (!db.hello().isWritablePrimary) sleep(50)",
            ]
        )
        assert initiated.exit_code == 0, initiated.output
        host = container.get_container_host_ip()
        # Direct: the member is known to itself by a name that only the container has.
        yield f"mongodb://{host}:{container.get_exposed_port(27017)}/?directConnection=true"


@contextmanager
def valkey_container() -> Generator[str, None, None]:
    """Yield the URL of a Valkey server."""
    need_docker()
    container = (
        DockerContainer(VALKEY_IMAGE)
        .with_exposed_ports(6379)
        .waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
    )
    with container:
        host = container.get_container_host_ip()
        yield f"redis://{host}:{container.get_exposed_port(6379)}/0"
