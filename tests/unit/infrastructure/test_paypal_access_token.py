"""Access tokens: fetched once, shared, renewed in time, never shown."""

import asyncio

import httpx
import pytest

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal import access_token
from payment_gateway.infrastructure.providers.paypal.access_token import (
    AccessTokens,
    CredentialsRefused,
)

LIFE_S = 1000
DEADLINE_S = 5


class TokenEndpoint:
    """Gives token after token, or what a test has it answer, and counts."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.now_s = 0.0

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.arrived.set()
        await self.gate.wait()
        if self.answers:
            return self.answers.pop(0)
        body = {"access_token": f"token-{len(self.requests)}", "expires_in": LIFE_S}
        return httpx.Response(200, json=body)

    def tokens(self) -> AccessTokens:
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(self.handle), base_url="https://paypal.test"
        )
        return AccessTokens(HttpEndpoint(client, deadline_s=5), monotonic=lambda: self.now_s)


def account(client_id: str = "id", secret: str = "secret") -> PayPalCredentialsVO:
    return PayPalCredentialsVO(
        client_id=client_id, client_secret=SecretText(secret), webhook_id="W", sandbox=True
    )


async def test_many_at_once_fetch_one() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()

    got = await asyncio.gather(*(tokens.get(account()) for _ in range(50)))

    assert len(endpoint.requests) == 1
    assert {token.text.reveal() for token in got} == {"token-1"}


async def test_it_is_asked_for_as_paypal_wants_it() -> None:
    endpoint = TokenEndpoint()

    await endpoint.tokens().get(account())

    [request] = endpoint.requests
    assert request.url.path == "/v1/oauth2/token"
    assert request.headers["authorization"] == "Basic aWQ6c2VjcmV0"
    assert request.content == b"grant_type=client_credentials"


async def flights_land(tokens: AccessTokens) -> None:
    await asyncio.wait_for(
        asyncio.gather(*tokens._flights.values(), return_exceptions=True), DEADLINE_S
    )


async def test_it_is_renewed_before_it_expires_and_nobody_waits_for_that() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    await tokens.get(account())

    endpoint.now_s = LIFE_S - 121
    await tokens.get(account())
    assert len(endpoint.requests) == 1
    endpoint.now_s = LIFE_S - 119
    got = await asyncio.gather(*(tokens.get(account()) for _ in range(10)))
    assert {token.text.reveal() for token in got} == {"token-1"}

    await flights_land(tokens)

    assert (await tokens.get(account())).text.reveal() == "token-2"
    assert len(endpoint.requests) == 2


async def test_where_it_cannot_be_renewed_it_is_used_while_it_is_good() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    await tokens.get(account())
    endpoint.answers = [httpx.Response(503), httpx.Response(503)]

    endpoint.now_s = LIFE_S - 61
    assert (await tokens.get(account())).text.reveal() == "token-1"
    await flights_land(tokens)
    endpoint.now_s = LIFE_S - 59
    with pytest.raises(ProviderUnavailable):
        await tokens.get(account())

    assert (await tokens.get(account())).text.reveal() == "token-4"


async def test_who_knows_the_id_but_not_the_secret_gets_no_token_of_another() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    await tokens.get(account())
    endpoint.answers = [httpx.Response(401, json={"error": "invalid_client"})]

    with pytest.raises(CredentialsRefused, match="invalid_client"):
        await tokens.get(account(secret="guess"))


async def test_a_failure_is_shared_by_those_who_wait_and_not_kept() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    endpoint.gate.clear()
    endpoint.answers = [httpx.Response(500)]
    waiting = [asyncio.create_task(tokens.get(account())) for _ in range(3)]
    await asyncio.wait_for(endpoint.arrived.wait(), DEADLINE_S)
    endpoint.gate.set()

    failures = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(failure) for failure in failures] == [ProviderUnavailable] * 3
    assert (await tokens.get(account())).text.reveal() == "token-2"


async def test_one_who_gives_up_does_not_take_it_from_the_others() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    endpoint.gate.clear()
    impatient, patient = (asyncio.create_task(tokens.get(account())) for _ in range(2))
    await asyncio.wait_for(endpoint.arrived.wait(), DEADLINE_S)
    impatient.cancel()
    endpoint.gate.set()

    assert (await patient).text.reveal() == "token-1"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": "a b", "expires_in": 5}),
        httpx.Response(200, json={"access_token": "a\r\nX-Evil: 1", "expires_in": 5}),
        httpx.Response(200, json={"access_token": "t", "expires_in": "5"}),
        httpx.Response(200, json={"access_token": "t", "expires_in": True}),
        httpx.Response(200, json={"access_token": "t", "expires_in": 0}),
        httpx.Response(302, headers={"Location": "https://evil.test"}),
        httpx.Response(403, content=b"<html>"),
        httpx.Response(503),
    ],
)
async def test_no_token_means_nothing_happened(answer: httpx.Response) -> None:
    endpoint = TokenEndpoint()
    endpoint.answers = [answer]

    with pytest.raises(ProviderUnavailable):
        await endpoint.tokens().get(account())


async def test_only_the_token_that_was_refused_is_dropped() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    old = await tokens.get(account())
    await tokens.drop(account(), old)
    new = await tokens.get(account())

    await tokens.drop(account(), old)

    assert await tokens.get(account()) is new


async def test_no_more_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_token, "TOKENS_MAX", 2)
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()

    for client_id in ("a", "b", "c", "c", "b", "a"):
        await tokens.get(account(client_id))

    assert len(endpoint.requests) == 4  # the last "a" was the one that had to go


async def test_a_token_prints_as_stars() -> None:
    token = await TokenEndpoint().tokens().get(account())

    assert "token-1" not in f"{token} {token!r}"


async def test_closing_ends_what_is_under_way() -> None:
    endpoint = TokenEndpoint()
    tokens = endpoint.tokens()
    endpoint.gate.clear()
    waiting = asyncio.create_task(tokens.get(account()))
    await asyncio.wait_for(endpoint.arrived.wait(), DEADLINE_S)

    await tokens.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
