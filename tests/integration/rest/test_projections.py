"""Operators look at the read models, and build and verify them, over REST."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.child_process import running
from tests.integration.read_model_world import until
from tests.integration.rest.installation import Installation

pytestmark = pytest.mark.timeout(240)

NAME = "payment_details"


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[None]:
    argv = (sys.executable, "-m", "payment_gateway", "projections", "run", NAME, "audit_log")
    log = installation.folder / "projections.log"
    with running(argv, log=log, env=installation.environment):
        yield


@pytest.fixture
async def operator(installation: Installation, worker: None) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=installation.url, timeout=60.0, trust_env=False) as http:
        made = await http.post(
            "/api/v1/apikeys",
            json={"tenantId": "*", "roles": ["operator", "auditor"], "name": "operations"},
            headers=installation.authorization("admin"),
        )
        assert made.status_code == 201, made.text
        http.headers["Authorization"] = f"Bearer {made.json()['key']}"
        yield http


async def audited(
    operator: httpx.AsyncClient, before: httpx.Response, count: int
) -> list[dict[str, Any]]:
    """Return so many decisions about the read model that were kept since an answer, oldest first."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        page = (await operator.get("/api/v1/audit?tenantId=*&limit=100")).json()["data"]
        newest = [one for one in page if one["subject"] == f"projection-{NAME}"]
        ids = [one["correlationId"] for one in newest]
        first = before.headers["X-Request-Id"]
        found[:] = reversed(newest[: ids.index(first) + 1] if first in ids else [])
        return len(found) >= count

    await until(are_there)
    return found


async def shown(operator: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await operator.get("/api/v1/projections")
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["data"] if one["readModel"] == NAME]


async def test_each_read_model_is_shown_with_how_far_it_is(operator: httpx.AsyncClient) -> None:
    async def is_live() -> bool:
        return any(
            one["lagEvents"] == 0
            and one["lagSeconds"]
            and all(part["holder"] for part in one["partitions"])
            for one in await shown(operator)
        )

    await until(is_live)  # a worker that is held up loses its lease for a moment
    (one,) = [found for found in await shown(operator) if found["state"] == "active"]
    assert one["version"] == 1
    assert 0 < one["position"] <= one["head"]


async def test_it_is_rebuilt_and_rolled_back_once_for_each_key_and_the_audit_tells_who_and_why(
    operator: httpx.AsyncClient,
) -> None:
    asked = {"partitions": 2, "reason": "a column was missing"}
    begun = await operator.post(f"/api/v1/projections/{NAME}/rebuild", json=asked)
    assert begun.status_code == 202, begun.text
    number = begun.json()["generation"]

    async def is_shown() -> bool:
        found = await shown(operator)
        return any((one["generation"], one["state"]) == (number, "active") for one in found)

    await until(is_shown)
    path, why = f"/api/v1/projections/{NAME}/rollback", {"reason": "it shows too much"}
    key = {"Idempotency-Key": uuid4().hex}
    back = await operator.post(path, json=why, headers=key)
    assert back.status_code == 200, back.text
    assert back.json()["previous"] == number
    again = await operator.post(path, json=why, headers=key)
    assert (again.status_code, again.content) == (200, back.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert not await is_shown()

    # What came after the repetition was kept after it, so that nothing of it can be on its way still.
    paused = await operator.post(f"/api/v1/projections/{NAME}/pause")
    await operator.post(f"/api/v1/projections/{NAME}/resume")
    kept = await audited(operator, begun, 4)
    assert [(one["type"], one["reason"]) for one in kept] == [
        ("ReadModelRebuildRequested", "a column was missing"),
        ("ReadModelRolledBack", "it shows too much"),
        ("ReadModelPaused", None),
        ("ReadModelResumed", None),
    ]
    assert kept[2]["correlationId"] == paused.headers["X-Request-Id"]
    (actor,) = {one["actor"] for one in kept}
    assert actor.startswith("apikey:")


async def test_a_verification_is_done_by_a_worker_and_shown(operator: httpx.AsyncClient) -> None:
    asked = await operator.post(f"/api/v1/projections/{NAME}/verify")
    assert (asked.status_code, asked.json()["state"]) == (202, "asked"), asked.text
    found: dict[str, Any] = {}

    async def is_done() -> bool:
        found.update((await operator.get(f"/api/v1/projections/{NAME}/verification")).json())
        return bool(found["state"] != "asked")

    await until(is_done)
    assert found["state"] == "done"
    assert found["report"]["agrees"] is True


async def test_it_stands_still_and_goes_on(operator: httpx.AsyncClient) -> None:
    paused = await operator.post(f"/api/v1/projections/{NAME}/pause")
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    assert all(one["paused"] for one in await shown(operator))
    resumed = await operator.post(f"/api/v1/projections/{NAME}/resume")
    assert (resumed.status_code, resumed.json()["paused"]) == (200, False)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{NAME}/cancel", 409, "read_model_state_conflict"),
        ("nonesuch/rebuild", 404, "read_model_not_found"),
    ],
)
async def test_what_cannot_be_is_refused_and_its_key_is_free_again(
    operator: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    answer = await operator.post(f"/api/v1/projections/{path}", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    other = await operator.post(f"/api/v1/projections/{NAME}/resume", headers=key)
    assert other.status_code == 200, other.text


async def test_an_operator_of_one_tenant_sees_no_values_of_others(
    installation: Installation, operator: httpx.AsyncClient
) -> None:
    async with httpx.AsyncClient(base_url=installation.url, timeout=60.0, trust_env=False) as http:
        made = await http.post(
            "/api/v1/apikeys",
            json={"tenantId": "acme", "roles": ["operator"], "name": "operations of one"},
            headers=installation.authorization("admin"),
        )
        http.headers["Authorization"] = f"Bearer {made.json()['key']}"
        listed = await http.get("/api/v1/projections")
        seen = await http.get(f"/api/v1/projections/{NAME}/verification")
        asked = await http.post(f"/api/v1/projections/{NAME}/verify")

    assert listed.status_code == 200
    assert {one["failure"] for one in listed.json()["data"]} == {None}
    for answer in (seen, asked):
        assert (answer.status_code, answer.json()["code"]) == (403, "needs_all_tenants")
