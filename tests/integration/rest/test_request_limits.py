"""More than a key or a tenant may send is refused, in all processes together, and says when to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.integration.rest.installation import api_process
from tests.integration.rest.shop import Shop, open_shop, order, refusal
from tests.integration.rest.silent_proxy import silent_proxy
from tests.valkey_fixture import valkey_url

__all__ = ["valkey_url"]

# A burst of two writes and four reads; in a test's time none comes back that matters.
SLOW = {
    "GATEWAY_LIMIT_KEY_READS_PER_S": "4",
    "GATEWAY_LIMIT_KEY_WRITES_PER_S": "2",
    "GATEWAY_LIMIT_BURST_S": "1",
}
CANCEL = {"tenantId": "acme", "paymentId": "6c0a33a7-7f0c-5a6f-a4a9-6a6a0c8fb1b5"}


@asynccontextmanager
async def shops(shop: Shop, number: int, **settings: str) -> AsyncGenerator[tuple[Shop, ...], None]:
    """Yield so many processes of the API, each with a client."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(number):
            url = f"http://127.0.0.1:{free_port()}"
            stack.enter_context(api_process(shop.installation, url=url, **settings))
            opened.append(await stack.enter_async_context(open_shop(shop.installation, url=url)))
        yield tuple(opened)


async def cancel(shop: Shop, key: str = "acme") -> httpx.Response:
    headers = shop.installation.authorization(key)
    return await shop.api.post("/api/v1/payments/cancel", json=CANCEL, headers=headers)


def count(answers: list[httpx.Response], status: int) -> int:
    return sum(answer.status_code == status for answer in answers)


async def test_a_key_that_sends_too_much_is_told_when_to_come_back(shop: Shop) -> None:
    async with shops(shop, 1, **SLOW) as (limited,):
        answers = list(await asyncio.gather(*(cancel(limited) for _ in range(12))))
        assert count(answers, 404) + count(answers, 429) == 12
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refusal(refused)[:2] == (429, "rate_limited")
        assert refused.json()["retryable"] is True
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["ratelimit-policy"].startswith('"key";q=2;w=1, "tenant";q=600;w=1')
        assert refused.headers["ratelimit"].startswith('"key";r=0;t=')
        # Reads are counted apart, and so are other keys.
        assert (await limited.api.get("/api/v1/payments")).status_code != 429
        assert (await cancel(limited, "rival")).status_code == 403
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await cancel(limited)).status_code == 404


async def test_all_processes_count_together(shop: Shop, valkey_url: str) -> None:
    settings = {**SLOW, "GATEWAY_REDIS_URL": valkey_url, "GATEWAY_LIMIT_KEY_WRITES_PER_S": "20"}
    async with shops(shop, 2, **settings) as both:
        answers = list(await asyncio.gather(*(cancel(both[number % 2]) for number in range(100))))
        assert count(answers, 404) + count(answers, 429) == 100
        assert 20 <= count(answers, 404) < 80
        told = await cancel(both[0])
        assert told.headers["ratelimit-policy"].startswith('"key";q=20;w=1')


async def test_the_keys_of_a_tenant_count_together(shop: Shop) -> None:
    settings = {"GATEWAY_LIMIT_TENANT_READS_PER_S": "3", "GATEWAY_LIMIT_BURST_S": "1"}
    async with shops(shop, 1, **settings) as (limited,):

        async def look(key: str) -> httpx.Response:
            headers = limited.installation.authorization(key)
            return await limited.api.get("/api/v1/payments", headers=headers)

        answers = list(await asyncio.gather(*(look(key) for key in ["acme", "viewer"] * 10)))
        assert count(answers, 429) > 0
        assert (await look("rival")).status_code != 429


async def test_only_so_many_are_under_way(shop: Shop) -> None:
    """Requests whose provider is silent hold their places; once one is answered, another may come."""
    settings = {"GATEWAY_LIMIT_KEY_AT_ONCE": "2", "GATEWAY_PROVIDER_READ_TIMEOUT_S": "4"}
    async with silent_proxy(
        shop.installation.paypal, silent=("/v2/checkout/orders",), arrives=False
    ) as proxy:
        settings["GATEWAY_PAYPAL_BASE_URL"] = proxy.url
        async with shops(shop, 1, **settings) as (limited,):
            answers = list(await asyncio.gather(*(limited.initiate() for _ in range(6))))
            assert (count(answers, 202), count(answers, 429)) == (2, 4)
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refusal(refused)[:2] == (429, "too_many_at_once")
            assert refused.headers["retry-after"] == "1"
            assert (await cancel(limited)).status_code == 404


async def test_what_needs_no_key_is_not_counted(shop: Shop) -> None:
    async with shops(shop, 1, **SLOW) as (limited,):
        async with httpx.AsyncClient(base_url=limited.api.base_url) as nobody:
            answers = [await nobody.get("/livez") for _ in range(20)]
        assert count(answers, 200) == 20
        assert "ratelimit" not in answers[0].headers


async def test_each_answer_says_what_is_left(shop: Shop) -> None:
    answer = await shop.api.post("/api/v1/payments/initiate", json=order())
    assert answer.headers["ratelimit-policy"] == '"key";q=600;w=2, "tenant";q=1200;w=2'
    assert '"tenant";r=' in answer.headers["ratelimit"]


@pytest.mark.parametrize("name", ["limit_key_reads_per_s", "limit_key_writes_per_s"])
def test_no_key_is_limited_below_200_a_second_unless_set(name: str) -> None:
    assert getattr(Settings.model_validate({}), name) >= 200
