"""PayPal's access tokens, shared by all processes through Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.cache import Cache, open_cache
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal import shared_tokens
from payment_gateway.infrastructure.providers.paypal.access_token import (
    RENEW_BEFORE_EXPIRY_S,
    AccessTokens,
)
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedTokens
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from sandbox.redis import redis_url
from tests.valkey_fixture import redis, valkey_url

__all__ = ["redis", "valkey_url"]

LIFE_S = 1000
DEADLINE_S = 10.0
MASTER = MasterKey(b"k" * 32)


@dataclass
class PayPal:
    """Gives a new token to whoever asks, once the gate is open."""

    url: str = "https://paypal.test"
    life_s: int = LIFE_S
    given: int = 0
    statuses: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def handle(self, _: httpx.Request) -> httpx.Response:
        self.given += 1
        given = self.given
        self.asked.set()
        await self.gate.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        body = {"access_token": f"planted-{given}", "expires_in": self.life_s}
        return httpx.Response(status, json=body)

    def process(self, cache: Cache | None, master: MasterKey = MASTER) -> AccessTokens:
        """Return the tokens as another process has them."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.handle), base_url=self.url)
        shared = SharedTokens(cache, master) if cache is not None else None
        return AccessTokens(HttpEndpoint(client, deadline_s=5), shared=shared)


@pytest.fixture
def account() -> PayPalCredentialsVO:
    return PayPalCredentialsVO(
        client_id=uuid4().hex, client_secret=SecretText("s3cret"), webhook_id="W", sandbox=True
    )


@asynccontextmanager
async def caches(url: str, processes: int) -> AsyncIterator[list[Cache]]:
    """Yield the cache of each process, with connections of its own."""
    settings = Settings.model_validate({"redis_url": url})
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_cache(settings)) for _ in range(processes)]
        yield [Cache(client, installation="tests") for client in clients if client is not None]


async def text_of(tokens: AccessTokens, account: PayPalCredentialsVO) -> str:
    return (await tokens.get(account)).text.reveal()


async def test_many_processes_fetch_one(valkey_url: str, account: PayPalCredentialsVO) -> None:
    paypal = PayPal()
    paypal.gate.clear()
    async with caches(valkey_url, 5) as opened:
        processes = [paypal.process(cache) for cache in opened]
        asked = [
            asyncio.create_task(text_of(process, account))
            for process in processes
            for _ in range(10)
        ]
        await asyncio.wait_for(paypal.asked.wait(), DEADLINE_S)
        paypal.gate.set()

        assert set(await asyncio.gather(*asked)) == {"planted-1"}
    assert paypal.given == 1


async def test_a_process_that_starts_later_takes_what_is_there(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    paypal = PayPal()
    first = await paypal.process(Cache(redis, installation="tests")).get(account)
    second = await paypal.process(Cache(redis, installation="tests")).get(account)

    assert first.text == second.text
    assert second.renew_at_s == pytest.approx(first.renew_at_s, abs=1)


async def test_it_is_gone_before_it_expires(redis: Redis, account: PayPalCredentialsVO) -> None:
    await redis.flushdb()
    await PayPal().process(Cache(redis, installation="tests")).get(account)

    [key] = [key async for key in redis.scan_iter("*")]
    assert 0 < await redis.ttl(key) <= LIFE_S - RENEW_BEFORE_EXPIRY_S


async def test_redis_and_logs_see_no_token_no_account_and_no_secret(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    await redis.flushdb()
    with capture_logs() as logs:
        tokens = PayPal().process(Cache(redis, installation="tests"))
        await tokens.drop(account, await tokens.get(account))
        await tokens.get(account)

    kept = [key async for key in redis.scan_iter("*")]
    assert kept
    everything = b"".join([key + (await redis.get(key) or b"") for key in kept])
    for planted in ("planted", "s3cret", account.client_id, "paypal.test"):
        assert planted.encode() not in everything
        assert planted not in str([log for log in logs if log["event"] != "provider.answered"])
    assert "planted" not in str(logs)


async def test_a_token_moved_to_another_account_does_not_open(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    await redis.flushdb()
    paypal = PayPal()
    await paypal.process(Cache(redis, installation="tests")).get(account)
    [place] = [key async for key in redis.scan_iter("*:token")]
    sealed = await redis.get(place)
    other = PayPalCredentialsVO(
        client_id="other", client_secret=SecretText("x"), webhook_id="W", sandbox=True
    )
    await paypal.process(Cache(redis, installation="tests")).get(other)
    [others_place] = [key async for key in redis.scan_iter("*:token") if key != place]
    await redis.set(others_place, sealed or b"", px=60_000)

    assert await text_of(paypal.process(Cache(redis, installation="tests")), other) == "planted-3"


@pytest.mark.parametrize("broken", [b"", b"\x00", b"x" * 200])
async def test_what_does_not_open_is_fetched_anew(
    redis: Redis, account: PayPalCredentialsVO, broken: bytes
) -> None:
    await redis.flushdb()
    paypal = PayPal()
    await paypal.process(Cache(redis, installation="tests")).get(account)
    [place] = [key async for key in redis.scan_iter("*:token")]
    await redis.set(place, broken, px=60_000)

    assert await text_of(paypal.process(Cache(redis, installation="tests")), account) == "planted-2"
    assert await text_of(paypal.process(Cache(redis, installation="tests")), account) == "planted-2"


async def test_each_endpoint_and_each_installation_has_its_own(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    live, test = PayPal(), PayPal(url="https://sandbox.paypal.test")
    await live.process(Cache(redis, installation="tests")).get(account)
    await test.process(Cache(redis, installation="tests")).get(account)
    await live.process(Cache(redis, installation="tests"), MasterKey(b"o" * 32)).get(account)

    assert (live.given, test.given) == (2, 1)


async def test_one_that_paypal_no_longer_accepts_is_dropped_everywhere(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    paypal = PayPal()
    one, another = (
        paypal.process(Cache(redis, installation="tests")),
        paypal.process(Cache(redis, installation="tests")),
    )
    old = await one.get(account)
    await another.get(account)

    await one.drop(account, old)
    new = await one.get(account)
    assert new.text.reveal() == "planted-2"
    await another.drop(account, old)  # refused there too, but the newer one stays
    late = await another.get(account)
    await another.drop(account, old)

    assert late.text == new.text
    assert await text_of(paypal.process(Cache(redis, installation="tests")), account) == "planted-2"


async def test_while_one_is_dropped_nobody_takes_it_up_again(
    redis: Redis, account: PayPalCredentialsVO
) -> None:
    paypal = PayPal()
    tokens = paypal.process(Cache(redis, installation="tests"))
    for _ in range(20):
        refused = await tokens.get(account)
        dropped = asyncio.create_task(tokens.drop(account, refused))
        while not dropped.done():  # ends with the drop, which has a deadline
            await tokens.get(account)
            await asyncio.sleep(0)

        assert (await tokens.get(account)).text != refused.text


async def test_a_failure_is_not_shared_and_the_next_in_turn_tries(
    valkey_url: str, account: PayPalCredentialsVO
) -> None:
    paypal = PayPal(statuses=[500])
    async with caches(valkey_url, 2) as (one, another):
        with pytest.raises(ProviderUnavailable):
            await paypal.process(one).get(account)
        async with asyncio.timeout(shared_tokens.WAIT_S_MAX / 2):  # the turn was given back
            assert await text_of(paypal.process(another), account) == "planted-2"


async def test_a_turn_whose_process_died_is_waited_for_only_a_while(
    redis: Redis, account: PayPalCredentialsVO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_tokens, "WAIT_S_MAX", 0.1)
    paypal = PayPal()
    tokens = paypal.process(Cache(redis, installation="tests"))
    await redis.flushdb()
    key = SharedTokens(Cache(redis, installation="tests"), MASTER)._key(
        tokens._account(account), "flight"
    )
    await redis.set(key, "dead", px=60_000)

    assert await text_of(tokens, account) == "planted-1"
    assert await redis.get(key) == b"dead"  # another's turn is not ended by this one


async def test_without_redis_each_process_fetches_its_own(account: PayPalCredentialsVO) -> None:
    paypal = PayPal()
    async with caches(redis_url(free_port()), 2) as (one, another):
        first, second = paypal.process(one), paypal.process(another)
        old = await first.get(account)
        assert await text_of(first, account) == "planted-1"
        assert await text_of(second, account) == "planted-2"
        await first.drop(account, old)
        assert await text_of(first, account) == "planted-3"
