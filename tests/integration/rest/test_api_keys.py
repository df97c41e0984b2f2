"""API keys made, replaced and withdrawn while everything runs, in all processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from payment_gateway.asgi import application
from payment_gateway.infrastructure.security import api_key_uses
from sandbox.ports import free_port
from tests.event_store_fixture import embedded_server
from tests.integration.rest.installation import Installation, api_process, client
from tests.integration.rest.shop import Shop, refusal

# All processes are to know within about a second; a busy machine gets more.
KNOWN_WITHIN_S = 10.0
PATH = "/api/v1/apikeys"
QUERY = "/api/v1/payments"


@pytest.fixture(scope="module")
def other_process(installation: Installation) -> Generator[str, None, None]:
    """A second API process beside the one that makes and withdraws keys."""
    url = f"http://127.0.0.1:{free_port()}"
    with api_process(installation, url=url):
        yield url


@pytest.fixture
async def admin(shop: Shop) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with client(
        shop.installation.url, headers=shop.installation.authorization("admin")
    ) as opened:
        yield opened


async def create(admin: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    body = {"tenantId": "acme", "roles": ["viewer"], **changes}
    answer = await admin.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def is_let_in(url: str, key: str) -> bool:
    """Whether a process accepts a key; what it then answers is the business of other tests."""
    async with client(url, headers={"Authorization": f"Bearer {key}"}) as api:
        status = (await api.get(QUERY)).status_code
        assert status != 403
        return status != 401


async def becomes(url: str, key: str, *, let_in: bool) -> float:
    """Wait until a process accepts a key, or does not; return after how many seconds that was."""
    started = time.monotonic()
    while await is_let_in(url, key) is not let_in:
        assert time.monotonic() < started + KNOWN_WITHIN_S, f"never {let_in}"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


class TestCreate:
    async def test_the_key_is_shown_once_and_works_at_once(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        made = await create(admin, name="Till 4", reason="new till")
        assert made["key"].startswith(made["prefix"])
        assert made["key"].startswith("gw_test_")
        assert await is_let_in(shop.installation.url, made["key"])

        listed = await every(admin)
        (shown,) = [one for one in listed if one["id"] == made["id"]]
        assert {**shown, "lastUsedAt": None} == {
            name: value for name, value in made.items() if name != "key"
        }
        assert made["key"] not in str(listed)
        stored = await shop.store.read(f"apikey-{made['id']}")
        assert made["key"] not in str(stored)
        assert [(one.context.actor, one.context.reason) for one in stored.events] == [
            ("apikey:admin", "new till")
        ]
        assert made["key"].encode() not in shop.installation.log.read_bytes()

    async def test_another_process_knows_it_soon(
        self, admin: httpx.AsyncClient, other_process: str
    ) -> None:
        made = await create(admin)
        print(f"known after {await becomes(other_process, made['key'], let_in=True):.3f} s")
        await admin.delete(f"{PATH}/{made['id']}")
        print(f"refused after {await becomes(other_process, made['key'], let_in=False):.3f} s")

    @pytest.mark.parametrize(
        ("changes", "param"),
        [
            ({"roles": []}, "roles"),
            ({"roles": ["root"]}, "roles"),
            ({"tenantId": "*", "roles": ["viewer"]}, "roles"),
            ({"tenantId": "ACME"}, "tenantId"),
            ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
            ({"expiresAt": "2099-01-01T00:00:00"}, "expiresAt"),
            ({"name": ""}, "name"),
        ],
    )
    async def test_of_what_cannot_be_is_refused(
        self, admin: httpx.AsyncClient, changes: dict[str, object], param: str
    ) -> None:
        body = {"tenantId": "acme", "roles": ["viewer"], **changes}
        status, code, found = refusal(await admin.post(PATH, json=body))
        assert (status, code) == (422, "invalid_value")
        assert (found or "").startswith(param)

    async def test_for_a_tenant_that_is_not_there(self, admin: httpx.AsyncClient) -> None:
        answer = await admin.post(PATH, json={"tenantId": "nobody", "roles": ["viewer"]})
        assert (answer.status_code, answer.json()["code"]) == (404, "tenant_not_found")

    async def test_with_an_end_is_accepted_until_then(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        ends_at = datetime.now(UTC) + timedelta(seconds=2)
        made = await create(admin, expiresAt=ends_at.isoformat())
        await becomes(shop.installation.url, made["key"], let_in=False)
        assert datetime.now(UTC) >= ends_at


class TestRotate:
    async def test_both_are_accepted_during_the_overlap(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        made = await create(admin)
        rotated = (await admin.post(f"{PATH}/{made['id']}/rotate")).json()
        assert (rotated["id"], rotated["previousPrefix"]) == (made["id"], made["prefix"])
        assert rotated["key"] != made["key"]
        for key in (made["key"], rotated["key"]):
            assert await is_let_in(shop.installation.url, key)

    async def test_without_an_overlap_the_one_before_ends_at_once_everywhere(
        self, shop: Shop, admin: httpx.AsyncClient, other_process: str
    ) -> None:
        made = await create(admin)
        await becomes(other_process, made["key"], let_in=True)
        answer = await admin.post(f"{PATH}/{made['id']}/rotate", json={"overlapSeconds": 0})
        assert not await is_let_in(shop.installation.url, made["key"])
        assert await is_let_in(shop.installation.url, answer.json()["key"])
        await becomes(other_process, made["key"], let_in=False)
        await becomes(other_process, answer.json()["key"], let_in=True)

    async def test_by_many_at_once_leaves_one_current_secret(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        made = await create(admin)
        body = {"overlapSeconds": 0}
        answers = await asyncio.gather(
            *(admin.post(f"{PATH}/{made['id']}/rotate", json=body) for _ in range(8))
        )
        keys = [answer.json()["key"] for answer in answers]
        accepted = [await is_let_in(shop.installation.url, key) for key in keys]
        assert sorted(accepted) == [False] * 7 + [True]

    async def test_of_a_revoked_one_is_refused(self, admin: httpx.AsyncClient) -> None:
        made = await create(admin)
        for _ in range(2):
            answer = await admin.delete(f"{PATH}/{made['id']}", params={"reason": "lost"})
            assert (answer.status_code, answer.json()["status"]) == (200, "REVOKED")
        answer = await admin.post(f"{PATH}/{made['id']}/rotate", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "api_key_ended")

    async def test_of_one_of_the_file_is_refused(self, admin: httpx.AsyncClient) -> None:
        for answer in (
            await admin.post(f"{PATH}/acme/rotate", json={}),
            await admin.delete(f"{PATH}/acme"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "api_key_fixed")


class TestWalls:
    async def test_an_admin_of_one_tenant_rules_over_its_own_keys_alone(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        foreign = await create(admin, tenantId="rival")
        key = (await create(admin, roles=["admin"]))["key"]
        async with client(shop.installation.url, headers={"Authorization": f"Bearer {key}"}) as own:
            assert {one["tenantId"] for one in await every(own)} == {"acme"}
            for tenant_id in ("rival", "*"):
                answer = await own.post(PATH, json={"tenantId": tenant_id, "roles": ["auditor"]})
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
            theirs = await own.delete(f"{PATH}/{foreign['id']}")
            missing = await own.delete(f"{PATH}/{uuid4()}")
            assert theirs.status_code == missing.status_code == 404
            assert theirs.json()["code"] == missing.json()["code"] == "api_key_not_found"
            tenants = (await own.get("/api/v1/tenants")).json()["data"]
            assert [one["tenantId"] for one in tenants] == ["acme"]
        assert await is_let_in(shop.installation.url, foreign["key"])

    async def test_pages_show_each_key_once(self, admin: httpx.AsyncClient) -> None:
        made = {(await create(admin))["id"] for _ in range(3)}
        listed = [one["id"] for one in await every(admin, limit=2)]
        assert len(listed) == len(set(listed))
        assert made <= set(listed)
        answer = await admin.get(PATH, params={"cursor": "\xff"})
        assert (answer.status_code, answer.json()["param"]) == (422, "cursor")


class TestWithoutServers:
    async def test_keys_are_known_while_the_event_store_is_away(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        port = free_port()
        settings = shop.installation.settings
        with embedded_server(tmp_path / "events", port=port) as uri:
            changed = {"eventstore_uri": SecretStr(uri), "eventstore_timeout_s": 2.0}
            app = application(settings.model_copy(update=changed))
            lifespan = app.router.lifespan_context(app)
            await lifespan.__aenter__()
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            admin = httpx.AsyncClient(
                transport=transport,
                base_url="http://api",
                headers=shop.installation.authorization("admin"),
            )
            tenant = await admin.post("/api/v1/tenants", json={"tenantId": "acme"})
            assert tenant.status_code == 201
            made = await create(admin)
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert (await admin.get(QUERY, headers=headers)).status_code != 401
        refused = await admin.delete(f"{PATH}/{made['id']}")
        assert (refused.status_code, refused.json()["retryable"]) == (503, True)
        assert (await admin.get(QUERY, headers=headers)).status_code != 401
        with embedded_server(tmp_path / "events", port=port):
            await becomes_revoked(admin, made["id"])
            assert (await admin.get(QUERY, headers=headers)).status_code == 401
            await admin.aclose()
            await lifespan.__aexit__(None, None, None)

    async def test_a_process_that_has_not_read_the_keys_yet_does_not_call_them_wrong(
        self, shop: Shop
    ) -> None:
        uri = SecretStr(f"esdb://127.0.0.1:{free_port()}?Tls=false")
        changed = {"eventstore_uri": uri, "eventstore_timeout_s": 1.0}
        app = application(shop.installation.settings.model_copy(update=changed))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://api") as api,
        ):
            headers = {"Authorization": "Bearer gw_test_somebodys"}
            answer = await api.get(QUERY, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "event_store_unavailable")
        assert int(answer.headers["retry-after"]) >= 1


class TestLastUse:
    async def test_shows_in_the_list_and_is_not_written_for_each_request(
        self, shop: Shop, admin: httpx.AsyncClient
    ) -> None:
        made = await create(admin)
        started = datetime.now(UTC) - timedelta(seconds=1)
        for _ in range(20):
            assert await is_let_in(shop.installation.url, made["key"])
        deadline = time.monotonic() + KNOWN_WITHIN_S
        while (used := await last_use(admin, made["id"])) is None:
            assert time.monotonic() < deadline, "no use was ever shown"
            await asyncio.sleep(0.1)
        assert started <= datetime.fromisoformat(used) <= datetime.now(UTC)
        assert await is_let_in(shop.installation.url, made["key"])
        await asyncio.sleep(2 * api_key_uses.LOOK_EVERY_S)
        assert await last_use(admin, made["id"]) == used


async def every(api: httpx.AsyncClient, *, limit: int = 100) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(1000):
        query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        page = (await api.get(PATH, params=query)).json()
        found += page["data"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


async def last_use(admin: httpx.AsyncClient, api_key_id: str) -> str | None:
    (shown,) = [one for one in await every(admin) if one["id"] == api_key_id]
    used: str | None = shown["lastUsedAt"]
    return used


async def becomes_revoked(admin: httpx.AsyncClient, api_key_id: str) -> None:
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while (await admin.delete(f"{PATH}/{api_key_id}")).status_code != 200:
        assert time.monotonic() < deadline, "the event store never came back"
        await asyncio.sleep(0.1)
