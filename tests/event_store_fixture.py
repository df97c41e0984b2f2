"""Event stores for tests: the embedded server, and a real EventStoreDB where there is Docker."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from payment_gateway.settings import Settings
from tests.child_process import ready_line, running
from tests.docker_engine import eventstoredb_container

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


@pytest.fixture(scope="session")
def docker_event_store_uri() -> Generator[str, None, None]:
    with eventstoredb_container() as uri:
        yield uri
