"""``payment-gateway doctor`` on real servers: what is not well is named, with what to do about it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr

from payment_gateway.doctor_checks import (
    EVENTSTOREDB_VERSION_MIN,
    clock,
    disk_problem,
    old_version,
    redis,
    server_problem,
    skew_problem,
)
from payment_gateway.infrastructure.messaging import parking
from payment_gateway.infrastructure.persistence.event_store_node import NodeInfo, node_info
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.command_line import run_command
from tests.event_store_fixture import embedded_event_store_uri
from tests.http_receiver import HttpReceiver, Reply, http_receiver
from tests.integration.lifecycle.programs import worker
from tests.mongodb_fixture import mongodb_settings, mongodb_uri
from tests.valkey_fixture import valkey_url

__all__ = ["embedded_event_store_uri", "mongodb_uri", "valkey_url"]

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MB = 1 << 20


@pytest.fixture
def provider() -> Iterator[str]:
    """Listen as a provider does; nobody is ever asked anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def environment(
    tmp_path: Path, embedded_event_store_uri: str, mongodb_uri: str, provider: str
) -> dict[str, str]:
    read_or_create_key_file(tmp_path / "master.key")
    return {
        "GATEWAY_PAYPAL_BASE_URL": provider,
        "GATEWAY_PAGADITO_BASE_URL": provider,
        "GATEWAY_EVENTSTORE_URI": embedded_event_store_uri,
        "GATEWAY_MONGODB_URI": mongodb_uri,
        "GATEWAY_MONGODB_DATABASE": f"doctor-{uuid4().hex[:12]}",
        "GATEWAY_ENCRYPTION_KEY_FILE": str(tmp_path / "master.key"),
        "GATEWAY_DATA_DIR": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }


def doctor(environment: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code, and what was found by name."""
    done = run_command("doctor", "--json", env=environment)
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["checks"]
    return done.returncode, {one["name"]: one for one in checks}


@pytest.mark.timeout(300)
async def test_what_is_not_well_is_named_with_what_to_do(
    tmp_path: Path, environment: dict[str, str], mongodb_uri: str
) -> None:
    """Before any worker ran, while one runs, after it has stopped, and once something is parked."""
    code, found = doctor(environment)
    assert code == 0, found
    assert set(found) >= {
        "keys",
        "eventstore",
        "mongodb",
        "disk",
        "providers",
        "encryption",
        "clock",
        "read models",
        "dead letters",
    }
    assert found["mongodb"]["detail"].startswith("version 6.")
    assert found["clock"]["detail"] == "the event store does not tell its time"
    assert found["read models"]["detail"] == "none was ever built"

    running = worker(tmp_path, "projections", ("projections", "run"), environment)
    try:
        await running.start()
        code, found = doctor(environment)
        assert code == 0, found
        await running.terminated()
    finally:
        running.close()
    code, found = doctor(environment)
    assert code == 1
    assert "no worker keeps payment_details" in found["read models"]["advice"]
    assert "payment-gateway projections run" in found["read models"]["advice"]

    settings = mongodb_settings(mongodb_uri, environment["GATEWAY_MONGODB_DATABASE"])
    async with open_mongodb(settings) as database:
        await database[parking.COLLECTION].insert_one({"subscription": "x", "position": 1})
    _, found = doctor(environment)
    assert found["dead letters"]["advice"].startswith(
        "1 events are parked; look at: payment-gateway"
    )


def test_without_a_server_it_is_named_and_what_is_in_it_is_not_asked(
    environment: dict[str, str],
) -> None:
    gone = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none"

    away = f"http://127.0.0.1:{free_port()}"
    code, found = doctor(
        {**environment, "GATEWAY_MONGODB_URI": gone, "GATEWAY_PAGADITO_BASE_URL": away}
    )

    assert code == 1
    assert found["providers"]["advice"].startswith("Pagadito (127.0.0.1:")
    assert "set GATEWAY_MONGODB_URI" in found["mongodb"]["advice"]
    assert found["eventstore"]["ok"] is True
    assert "read models" not in found


@pytest.mark.parametrize(
    ("hello", "version", "told"),
    [
        ({"setName": "rs0", "primary": "a:1"}, "6.0.5", None),
        ({"msg": "isdbgrid"}, "7.0.1", None),
        ({}, "6.0.5", "standalone"),
        ({"setName": "rs0"}, "6.0.5", "no primary"),
        ({"setName": "rs0", "primary": "a:1"}, "4.4.29", "6.0 or newer"),
    ],
)
def test_a_mongodb_that_will_not_do_is_told(
    hello: dict[str, Any], version: str, told: str | None
) -> None:
    problem = server_problem(hello, version)

    assert problem is None if told is None else told in (problem or "")


@pytest.mark.parametrize(
    ("ahead_s", "told"),
    [(0, None), (4, None), (-4, None), (60, "60 s ahead of"), (-60, "60 s behind")],
)
def test_a_clock_that_is_far_away_is_told(ahead_s: int, told: str | None) -> None:
    theirs = NOW + timedelta(seconds=ahead_s)
    problem = skew_problem("MongoDB", theirs, before=NOW, after=NOW)

    assert problem is None if told is None else told in (problem or "")


async def test_an_event_store_that_tells_its_version_and_time_is_judged_by_both(
    mongodb_uri: str,
) -> None:
    """A node of EventStoreDB answers ``GET /info`` where it speaks gRPC; the embedded one does not."""
    hour_ago = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    async with http_receiver() as node:
        node.always = Reply(headers={"Date": hour_ago}, body=b'{"esVersion": "23.10.1.0"}')
        settings = mongodb_settings(mongodb_uri, "doctor").model_copy(
            update={"eventstore_uri": SecretStr(uri_of(node))}
        )
        told = await node_info(uri_of(node))
        clocks = await clock(settings)

    assert told.version == "23.10.1.0"
    assert re.fullmatch(
        r"the clock of the event store is 3[56]\d\d s behind this machine's", clocks.problem or ""
    )


async def test_an_event_store_that_keeps_its_version_to_itself_is_no_trouble() -> None:
    async with http_receiver() as node:
        node.always = Reply(status=401, headers={"Date": "no date"}, body=b"log in")
        told = await node_info(uri_of(node))
    nobody = await node_info(f"esdb://127.0.0.1:{free_port()}?Tls=false")

    assert told == nobody == NodeInfo(version=None, at=None)


def uri_of(node: HttpReceiver) -> str:
    return f"esdb://somebody:secret@{urlsplit(node.url).netloc},127.0.0.1:1?TLS=False"


@pytest.mark.parametrize(
    ("version", "told"),
    [("20.6.0", None), ("v23.10.1", None), ("5.0.11", "20.6 or newer"), ("nightly", None)],
)
def test_a_server_that_is_too_old_is_told(version: str, told: str | None) -> None:
    problem = old_version(version, EVENTSTOREDB_VERSION_MIN)

    assert problem is None if told is None else told in (problem or "")


async def test_redis_tells_what_it_is(valkey_url: str) -> None:
    there = await redis(Settings(redis_url=SecretStr(valkey_url)))
    away = await redis(Settings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}")))

    assert there.problem is None
    assert there.detail.startswith("Valkey 9.")
    assert away.problem == "no answer (ConnectionError)"


def test_a_disk_that_is_nearly_full_is_told() -> None:
    folder = Path("/data")

    assert disk_problem(folder, free=2_000 * MB, total=10_000 * MB) is None
    assert disk_problem(folder, free=900 * MB, total=10_000 * MB) == (
        "900 MiB are free on the disk of /data"
    )
    assert disk_problem(folder, free=2_000 * MB, total=100_000 * MB) is not None
