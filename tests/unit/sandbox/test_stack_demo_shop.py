"""How the demo shop becomes known, against a gateway that answers from memory."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox import demo_shop
from sandbox.addresses import Addresses
from sandbox.errors import DemoShopRefused
from sandbox.keys import Keys, Merchants

ADDRESSES = Addresses(
    api="http://localhost:1",
    eventstore="esdb://events",
    mongodb="mongodb://documents",
    redis="redis://cache",
    paypal="http://paypal",
    pagadito="http://pagadito",
)
KEYS = Keys(
    demo="gw_test_demo",
    admin="gw_test_admin",
    merchants=Merchants(paypal={"clientId": "c"}, pagadito={"uid": "u"}),
)


class World:
    """The API and the simulators, remembering what they were told."""

    def __init__(self, known_origins: list[str] | None = None) -> None:
        self.known_origins = known_origins
        self.seen: list[tuple[str, str, Any]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.seen.append((request.method, str(request.url), body))
        if request.url.path == "/api/v1/tenants" and self.known_origins is not None:
            return httpx.Response(409)
        return httpx.Response(200, json={"returnUrls": self.known_origins})

    def told(self, method: str, url: str) -> list[Any]:
        return [body for *call, body in self.seen if call == [method, url]]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Any]:
    real = httpx.AsyncClient

    async def run(world: World) -> None:
        transport = httpx.MockTransport(world.answer)
        monkeypatch.setattr(httpx, "AsyncClient", lambda **kw: real(transport=transport, **kw))
        await demo_shop.register_demo_shop(
            ADDRESSES, KEYS, public_url="https://pay.example", shop_url="http://127.0.0.1:1"
        )

    return run


async def test_everyone_is_told(register: Callable[[World], Any]) -> None:
    world = World()
    await register(world)

    (pagadito,) = world.told("POST", "http://pagadito/_control/merchants")
    template = "https://pay.example/checkout/return/pagadito?token={value}&ern={ern_value}"
    assert pagadito == {
        "uid": "u",
        "returnUrlTemplate": template,
        "webhookUrl": "http://localhost:1/api/v1/webhooks/pagadito/demo",
    }
    (paypal,) = world.told("POST", "http://paypal/_control/merchants")
    assert paypal == {
        "clientId": "c",
        "webhookUrl": "http://localhost:1/api/v1/webhooks/paypal/demo",
    }
    (tenant,) = world.told("POST", "http://localhost:1/api/v1/tenants")
    assert tenant["returnUrls"] == ["http://127.0.0.1:1"]
    stored = world.told("POST", "http://localhost:1/api/v1/providers/credentials")
    assert [each["providerType"] for each in stored] == ["PAYPAL", "PAGADITO"]


async def test_an_api_that_simulators_do_not_call_gets_no_notifications(
    register: Callable[[World], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = dataclasses.replace(ADDRESSES, api="http://192.0.2.1:8000")
    monkeypatch.setattr(f"{__name__}.ADDRESSES", elsewhere)
    world = World()
    await register(world)

    (paypal,) = world.told("POST", "http://paypal/_control/merchants")
    assert paypal == {"clientId": "c"}


async def test_a_tenant_that_was_changed_keeps_its_origins_beside_the_shop(
    register: Callable[[World], Any],
) -> None:
    world = World(known_origins=["https://my-shop.example"])
    await register(world)

    assert world.told("PATCH", "http://localhost:1/api/v1/tenants/demo") == [
        {"returnUrls": ["https://my-shop.example", "http://127.0.0.1:1"]}
    ]


async def test_a_tenant_that_lacks_nothing_is_left_alone(register: Callable[[World], Any]) -> None:
    world = World(known_origins=["https://pay.example", "http://127.0.0.1:1"])
    await register(world)

    assert world.told("PATCH", "http://localhost:1/api/v1/tenants/demo") == []


async def test_a_refusal_is_passed_on_word_for_word(register: Callable[[World], Any]) -> None:
    class Broken(World):
        def answer(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(503, text="the event store is away")

    with pytest.raises(DemoShopRefused, match="answered 503: the event store is away"):
        await register(Broken())
