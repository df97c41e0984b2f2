"""Queries of administration show what their caller was told of, or say that they do not yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from uuid import uuid4

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.infrastructure.security.key_source import open_key_source
from payment_gateway.presentation.rest.access_rules import RULES, Roles
from sandbox.ports import free_port
from tests.integration.rest.installation import Installation, api_process, client
from tests.integration.rest.shop import Shop, refusal
from tests.integration.rest.test_access_rules import routes

KEYS, TENANTS, ENDPOINTS = "/api/v1/apikeys", "/api/v1/tenants", "/api/v1/webhook-endpoints"
FAR_AHEAD = 10**9
ROUNDS = 15
# What shows how read models fare is no read model: what was done about one is shown before it is answered.
WITHOUT_TOKEN = {"GET /api/v1/projections", "GET /api/v1/projections/{name}/verification"}


@pytest.fixture(scope="module")
def other_process(installation: Installation) -> Generator[str, None, None]:
    """A second API process: what the first one was told, it hears of through the log."""
    url = f"http://127.0.0.1:{free_port()}"
    with api_process(installation, url=url):
        yield url


@pytest.fixture
async def admin(shop: Shop) -> AsyncGenerator[httpx.AsyncClient, None]:
    url, headers = shop.installation.url, shop.installation.authorization("admin")
    async with client(url, headers=headers) as opened:
        yield opened


@pytest.fixture
async def elsewhere(
    installation: Installation, other_process: str
) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with client(other_process, headers=installation.authorization("admin")) as opened:
        yield opened


@pytest.fixture
def tokens(installation: Installation) -> Generator[ConsistencyTokens, None, None]:
    with open_key_source(installation.settings) as keys:
        master: MasterKey = keys.master
        yield ConsistencyTokens(master)


async def endpoint(admin: httpx.AsyncClient) -> str:
    """Return the id of an endpoint of acme, which takes nothing."""
    body = {"tenantId": "acme", "url": "https://shop.example/hooks", "enabled": False}
    made = await admin.post(ENDPOINTS, json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def parameters(dependant: Dependant) -> set[str]:
    own = {one.alias for one in dependant.header_params}
    return own.union(*(parameters(one) for one in dependant.dependencies))


def test_every_query_takes_a_token(installation: Installation) -> None:
    """One that does not take it is named here."""
    queries = {
        name: parameters(route.dependant)
        for name, route in routes(installation)
        if name.startswith("GET ") and isinstance(route, APIRoute)
        if isinstance(RULES[name], Roles)
    }
    without = {name for name, taken in queries.items() if "Consistency-Token" not in taken}
    assert without == WITHOUT_TOKEN
    assert all("prefer" in taken for name, taken in queries.items() if name not in without)


class TestKeysAndTenants:
    async def test_what_one_process_was_told_another_shows(
        self, admin: httpx.AsyncClient, elsewhere: httpx.AsyncClient
    ) -> None:
        for _ in range(ROUNDS):
            tenant = f"t{uuid4().hex[:10]}"
            made = await admin.post(TENANTS, json={"tenantId": tenant})
            told = {"Consistency-Token": made.headers["consistency-token"]}
            listed = await elsewhere.get(TENANTS, params={"limit": 100}, headers=told)
            pages = [listed.json()]
            while pages[-1]["nextCursor"]:
                cursor = {"limit": 100, "cursor": pages[-1]["nextCursor"]}
                pages.append((await elsewhere.get(TENANTS, params=cursor)).json())
            assert tenant in {one["tenantId"] for page in pages for one in page["data"]}

            wanted = {"tenantId": tenant, "roles": ["admin"]}
            ended = (await admin.post(KEYS, json=wanted)).json()
            await admin.delete(f"{KEYS}/{ended['id']}")
            key = await admin.post(KEYS, json=wanted)
            own = {
                "Authorization": f"Bearer {key.json()['key']}",
                "Consistency-Token": key.headers["consistency-token"],
            }
            found = await seen(elsewhere, KEYS, own)
            assert {one["id"]: one["status"] for one in found.json()["data"]} == {
                ended["id"]: "REVOKED",
                key.json()["id"]: "ACTIVE",
            }

    async def test_a_change_of_a_tenant_shows_at_once_everywhere(
        self, admin: httpx.AsyncClient, elsewhere: httpx.AsyncClient
    ) -> None:
        path = f"{TENANTS}/t{uuid4().hex[:10]}"
        await admin.post(TENANTS, json={"tenantId": path.rpartition("/")[2]})
        for number in range(ROUNDS):
            changed = await admin.patch(path, json={"name": f"name {number}"})
            shown = await elsewhere.get(path)
            assert shown.json()["name"] == f"name {number}"
            assert shown.headers["etag"] == changed.headers["etag"]

    async def test_an_answer_carries_a_token_that_the_next_query_takes(
        self, admin: httpx.AsyncClient
    ) -> None:
        for path in (KEYS, TENANTS, f"{TENANTS}/acme"):
            first = await admin.get(path)
            told = {"Consistency-Token": first.headers["consistency-token"]}
            assert (await admin.get(path, headers=told)).status_code == 200


async def seen(api: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response:
    """Return what a process answers once it knows the key at all: until then nobody is let in."""
    async with asyncio.timeout(10):
        while (answer := await api.get(path, headers=headers)).status_code == 401:
            await asyncio.sleep(0.01)
    return answer


class TestNotYet:
    @pytest.mark.parametrize("path", [KEYS, TENANTS, f"{ENDPOINTS}?tenantId=acme"])
    async def test_says_when_to_ask_again(
        self, admin: httpx.AsyncClient, tokens: ConsistencyTokens, path: str
    ) -> None:
        ahead = tokens.encode("acme", FAR_AHEAD)
        for prefer, least_s in (("wait=0", 0.0), ("wait=1", 1.0)):
            begun = time.monotonic()
            answer = await admin.get(path, headers={"Consistency-Token": ahead, "Prefer": prefer})
            assert refusal(answer)[:2] == (503, "not_yet")
            assert answer.json()["retryable"] is True
            assert answer.headers["retry-after"] == "1"
            assert least_s <= time.monotonic() - begun

    async def test_of_one_endpoint_and_what_was_sent_to_it(
        self, admin: httpx.AsyncClient, tokens: ConsistencyTokens
    ) -> None:
        one = await endpoint(admin)
        headers = {"Consistency-Token": tokens.encode("acme", FAR_AHEAD), "Prefer": "wait=0"}
        delivery = f"/api/v1/webhook-deliveries/{uuid4()}"
        for path in (f"{ENDPOINTS}/{one}", f"{ENDPOINTS}/{one}/deliveries", delivery):
            assert refusal(await admin.get(path, headers=headers))[:2] == (503, "not_yet")

    async def test_of_what_is_parked(
        self, admin: httpx.AsyncClient, tokens: ConsistencyTokens
    ) -> None:
        everywhere = {"tenantId": "*", "roles": ["operator"]}
        key = (await admin.post(KEYS, json=everywhere)).json()["key"]
        headers = {
            "Authorization": f"Bearer {key}",
            "Consistency-Token": tokens.encode("*", FAR_AHEAD),
            "Prefer": "wait=0",
        }
        answer = await admin.get("/api/v1/deadletters", headers=headers)
        assert refusal(answer)[:2] == (503, "not_yet")

    async def test_without_a_preference_it_waits_for_two_seconds(
        self, admin: httpx.AsyncClient, tokens: ConsistencyTokens
    ) -> None:
        begun = time.monotonic()
        ahead = {"Consistency-Token": tokens.encode("*", FAR_AHEAD)}
        answer = await admin.get(KEYS, headers=ahead)
        assert refusal(answer)[:2] == (503, "not_yet")
        assert 2.0 <= time.monotonic() - begun < 10.0
        assert "preference-applied" not in answer.headers

    async def test_a_payment_query_says_the_same(
        self, shop: Shop, tokens: ConsistencyTokens, projections: None
    ) -> None:
        del projections
        headers = {"Consistency-Token": tokens.encode("acme", FAR_AHEAD), "Prefer": "wait=0"}
        answer = await shop.api.get("/api/v1/payments", headers=headers)
        assert refusal(answer)[:2] == (503, "not_yet")
        assert answer.headers["retry-after"] == "1"


class TestTokens:
    async def test_forged_or_foreign_are_refused(
        self, admin: httpx.AsyncClient, tokens: ConsistencyTokens
    ) -> None:
        body = {"tenantId": "acme", "roles": ["admin"]}
        key = (await admin.post(KEYS, json=body)).json()["key"]
        own = {"Authorization": f"Bearer {key}"}
        one = await endpoint(admin)
        status = "/api/v1/providers/status"
        paths = [status, KEYS, TENANTS, f"{TENANTS}/acme", ENDPOINTS, f"{ENDPOINTS}/{one}"]
        paths += [f"{ENDPOINTS}/{one}/deliveries", f"/api/v1/webhook-deliveries/{uuid4()}"]
        foreign = (tokens.encode("rival", 1), tokens.encode("*", 1))
        for path in paths:
            for token in ("forged", *foreign):
                headers = {**own, "Consistency-Token": token}
                answer = await admin.get(path, headers=headers)
                assert refusal(answer) == (422, "invalid_value", "Consistency-Token"), path


class TestIfMatch:
    async def test_of_every_command_on_an_endpoint(self, admin: httpx.AsyncClient) -> None:
        path = f"{ENDPOINTS}/{await endpoint(admin)}"
        first = (await admin.get(path)).headers["etag"]
        assert first == '"0"'
        changed = await admin.patch(path, json={"enabled": True}, headers={"If-Match": first})
        assert changed.status_code == 200, changed.text
        now = changed.headers["etag"]
        assert (await admin.get(path)).headers["etag"] == now
        old = {"If-Match": first}
        resend = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        refused = [
            await admin.patch(path, json={"types": ["PaymentCompleted"]}, headers=old),
            await admin.post(f"{path}/rotate", headers=old),
            await admin.post(f"{path}/test", headers=old),
            await admin.post(f"{path}/resend", json=resend, headers=old),
            await admin.delete(path, headers=old),
        ]
        assert {refusal(one) for one in refused} == {(412, "precondition_failed", "If-Match")}
        assert (await admin.get(path)).headers["etag"] == now, "nothing happened"

        rotated = await admin.post(f"{path}/rotate", headers={"If-Match": now})
        assert rotated.status_code == 200
        assert rotated.headers["etag"] != now
        tested = await admin.post(
            f"{path}/test", headers={"If-Match": f"{now}, {rotated.headers['etag']}"}
        )
        assert tested.status_code == 202
        gone = await admin.delete(path, headers={"If-Match": tested.headers["etag"]})
        assert gone.status_code == 204

    async def test_of_two_changes_for_the_same_revision_one_is_made(
        self, admin: httpx.AsyncClient
    ) -> None:
        path = f"{ENDPOINTS}/{await endpoint(admin)}"
        tag = (await admin.get(path)).headers["etag"]
        answers = await asyncio.gather(
            *(
                admin.patch(
                    path, json={"url": f"https://shop.example/{n}"}, headers={"If-Match": tag}
                )
                for n in range(8)
            )
        )
        assert sorted(one.status_code for one in answers) == [200] + [412] * 7

    async def test_of_commands_on_a_key(self, admin: httpx.AsyncClient) -> None:
        made = await admin.post(KEYS, json={"tenantId": "acme", "roles": ["viewer"]})
        path, tag = f"{KEYS}/{made.json()['id']}", {"If-Match": made.headers["etag"]}
        rotated = await admin.post(f"{path}/rotate", json={}, headers=tag)
        assert rotated.status_code == 200
        for late in (
            await admin.post(f"{path}/rotate", json={}, headers=tag),
            await admin.delete(path, headers=tag),
        ):
            assert refusal(late) == (412, "precondition_failed", "If-Match")
        now = {"If-Match": rotated.headers["etag"]}
        assert (await admin.delete(path, headers=now)).json()["status"] == "REVOKED"

    async def test_what_is_new_is_at_no_revision(self, admin: httpx.AsyncClient) -> None:
        one = {"If-Match": '"0"'}
        for path, body in (
            (KEYS, {"tenantId": "acme", "roles": ["viewer"]}),
            (ENDPOINTS, {"tenantId": "acme", "url": "https://shop.example/hooks"}),
        ):
            answer = await admin.post(path, json=body, headers=one)
            assert refusal(answer)[:2] == (412, "precondition_failed")
