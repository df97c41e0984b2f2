"""The commands that copy EventStoreDB and bring it back, as ``docs/how-to/backup.md`` has them.

Where there is Docker, on the EventStoreDB of ``docker-compose.yml``. Elsewhere they are rehearsed on a folder that
is laid out as that of a node, by a ``docker`` that runs in it what would run in the container.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentFailedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB, open_eventstoredb
from tests.docker_engine import need_docker
from tests.event_store_fixture import event_store_settings
from tests.markdown_pages import REPOSITORY, commands

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DATA: Final = "/var/lib/eventstore"
COMMAND_TIMEOUT_S: Final = 300
EVENTS: Final = 50
# As a node lays its files out; what is no part of a copy is there, too.
LAID_OUT: Final = {
    "chaser.chk": b"chaser",
    "epoch.chk": b"epoch",
    "writer.chk": b"writer",
    "index/indexmap": b"map",
    "index/0d4c3c5b": b"table",
    "index/stream-existence/streamExistenceFilter.chk": b"filter",
    "chunk-000000.000000": b"first chunk",
    "chunk-000001.000002": b"second chunk",
}
# Takes the options of ``docker compose exec`` and ``run`` that the page uses, and runs the rest in NODE.
DOCKER: Final = r"""#!/bin/sh
test "$1" = compose && shift 2
while true; do
  case "$1" in
    -T|--rm|--no-deps) shift ;;
    --entrypoint) entrypoint="$2"; shift 2 ;;
    eventstoredb) shift; break ;;
    *) echo "unexpected: $1" >&2; exit 2 ;;
  esac
done
test -n "$entrypoint" || { entrypoint="$1"; shift; }
test "$1" = -c && exec "$entrypoint" -c "$(printf %s "$2" | sed "s#DATA#$NODE#")"
"""
CONTEXT: Final = CommandContext(
    tenant_id="acme", actor="tests", correlation_id="c", at=datetime(2026, 2, 3, tzinfo=UTC)
)
FAILED: Final = PaymentFailedEvent(payment_id="p", reason="declined")


def copy_and_restore() -> tuple[str, str]:
    """Return the two commands of the page that are about EventStoreDB."""
    page = REPOSITORY / "docs" / "how-to" / "backup.md"
    copy, restore = (one.text for one in commands(page) if "eventstoredb.tar" in one.text)
    return copy, restore


def run(command: str, folder: Path, **environment: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_copy_holds_what_a_node_needs_and_is_brought_back_to_be_truncated(tmp_path: Path) -> None:
    node, new, tools = tmp_path / "node", tmp_path / "new", tmp_path / "tools"
    for name, content in LAID_OUT.items():
        (node / name).parent.mkdir(parents=True, exist_ok=True)
        (node / name).write_bytes(content)
    new.mkdir()
    tools.mkdir()
    (tools / "docker").write_text(DOCKER.replace("DATA", DATA))
    (tools / "docker").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    copy, restore = copy_and_restore()

    run(copy, tmp_path, PATH=path, NODE=str(node))
    run(restore, tmp_path, PATH=path, NODE=str(new))

    found = {
        one.relative_to(new).as_posix(): one.read_bytes() for one in new.rglob("*") if one.is_file()
    }
    assert found == {**LAID_OUT, "truncate.chk": LAID_OUT["chaser.chk"]}


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield what makes ``docker compose`` act on an EventStoreDB of its own, which a test may reach."""
    need_docker()
    reachable = tmp_path / "reachable.yml"
    reachable.write_text('services: {eventstoredb: {ports: ["127.0.0.1::2113"]}}\n')
    environment = {
        "COMPOSE_PROJECT_NAME": f"backup-{uuid4().hex[:8]}",
        "COMPOSE_FILE": f"{REPOSITORY / 'docker-compose.yml'}:{reachable}",
    }
    yield environment
    run("docker compose down --volumes --timeout 10", tmp_path, **environment)


def started(folder: Path, environment: dict[str, str]) -> str:
    """Start the node; return its URI."""
    run("docker compose up --detach --wait eventstoredb", folder, **environment)
    run("docker compose port eventstoredb 2113 > address", folder, **environment)
    return f"esdb://{(folder / 'address').read_text().strip()}?Tls=false"


async def append(store: EventStoreDB, stream: str) -> None:
    await store.append(stream, [FAILED] * EVENTS, expected=None, context=CONTEXT)


async def revisions(store: EventStoreDB, streams: list[str]) -> list[int | None]:
    return [(await store.read(stream)).revision for stream in streams]


@pytest.mark.docker
def test_a_node_of_eventstoredb_is_copied_while_it_runs_and_brought_back(
    tmp_path: Path, composed: dict[str, str]
) -> None:
    copy, restore = copy_and_restore()
    streams = [f"payment-{uuid4()}" for _ in range(2)]

    async def append_to(uri: str, stream: str) -> None:
        async with open_eventstoredb(event_store_settings(uri)) as store:
            await append(store, stream)

    async def read_at(uri: str) -> list[int | None]:
        async with open_eventstoredb(event_store_settings(uri)) as store:
            return await revisions(store, streams)

    uri = started(tmp_path, composed)
    asyncio.run(append_to(uri, streams[0]))
    run(copy, tmp_path, **composed)
    asyncio.run(append_to(uri, streams[1]))
    run("docker compose down --volumes --timeout 10", tmp_path, **composed)

    run(restore, tmp_path, **composed)

    found = asyncio.run(read_at(started(tmp_path, composed)))
    assert found == [EVENTS - 1, None], "what was there is there, and what came later is not"
