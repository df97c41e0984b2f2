"""Event stores for tests: the embedded server, and a real EventStoreDB where there is Docker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from payment_gateway.settings import Settings
from tests.child_process import ready_line, running

IMAGE = "eventstore/eventstore:24.10.0-bookworm-slim"
TIMEOUT_S = 5.0


def event_store_settings(uri: str) -> Settings:
    return Settings(eventstore_uri=SecretStr(uri), eventstore_timeout_s=TIMEOUT_S)


@contextmanager
def embedded_server(folder: Path, *, port: int = 0) -> Generator[str, None, None]:
    """Yield the URI of an embedded event store that keeps its log in the folder."""
    log = folder.with_suffix(".log")
    folder.mkdir(exist_ok=True)
    argv = (sys.executable, "-m", "sandbox.eventstore", "--data-dir", str(folder))
    with running((*argv, "--port", str(port)), log=log) as process:
        yield ready_line(process, log)["eventstore"]


@pytest.fixture(scope="session")
def embedded_event_store_uri(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[str, None, None]:
    with embedded_server(tmp_path_factory.mktemp("event-store") / "data") as uri:
        yield uri


def docker_is_available() -> bool:
    program = shutil.which("docker")
    if program is None:
        return False
    asked = subprocess.run([program, "info"], capture_output=True, timeout=TIMEOUT_S, check=False)
    return asked.returncode == 0


@pytest.fixture(scope="session")
def docker_event_store_uri() -> Generator[str, None, None]:
    if not docker_is_available():
        pytest.skip("Docker is not available")
    container = (
        DockerContainer(IMAGE)
        .with_env("EVENTSTORE_INSECURE", "true")
        .with_env("EVENTSTORE_MEM_DB", "true")
        .with_exposed_ports(2113)
        .waiting_for(LogMessageWaitStrategy("IS LEADER"))
    )
    with container:
        host = container.get_container_host_ip()
        yield f"esdb://{host}:{container.get_exposed_port(2113)}?Tls=false"
