"""Which providers there are, where they are spoken to, and what opens an account."""

from collections.abc import AsyncIterator

import pytest

from payment_gateway.domain.errors import InvalidValue, UnsupportedProviderError
from payment_gateway.domain.value_objects.provider_credentials import (
    PagaditoCredentialsVO,
    PayPalCredentialsVO,
)
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.factory import (
    HttpProviderFactory,
    open_provider_factory,
)
from payment_gateway.infrastructure.providers.http import (
    HttpEndpoint,
    HttpEndpoints,
)
from payment_gateway.infrastructure.providers.pagadito.provider import PagaditoProvider
from payment_gateway.infrastructure.providers.paypal.provider import PayPalProvider
from payment_gateway.settings import Settings, TlsVersion

PAYPAL = {"clientId": "id", "clientSecret": "s3cret", "webhookId": "WH-1", "sandbox": True}
PAGADITO = {"uid": "u1", "wsk": "s3cret", "sandbox": False}


@pytest.fixture
async def factory() -> AsyncIterator[HttpProviderFactory]:
    async with open_provider_factory(Settings()) as opened:
        yield opened


def test_paypal_is_opened_by_its_four_fields(factory: HttpProviderFactory) -> None:
    credentials = factory.parse_credentials("PAYPAL", PAYPAL)

    assert credentials == PayPalCredentialsVO(
        client_id="id", client_secret=SecretText("s3cret"), webhook_id="WH-1", sandbox=True
    )
    assert isinstance(factory.create("PAYPAL", credentials), PayPalProvider)


def test_pagadito_is_opened_by_its_three_fields(factory: HttpProviderFactory) -> None:
    credentials = factory.parse_credentials("PAGADITO", PAGADITO)

    assert credentials == PagaditoCredentialsVO(uid="u1", wsk=SecretText("s3cret"), sandbox=False)
    assert isinstance(factory.create("PAGADITO", credentials), PagaditoProvider)


@pytest.mark.parametrize(
    ("provider_type", "fields"),
    [
        ("PAYPAL", {}),
        ("PAYPAL", PAGADITO),
        ("PAYPAL", PAYPAL | {"s3cret": "x"}),
        ("PAYPAL", PAYPAL | {"sandbox": "s3cret"}),
        ("PAYPAL", PAYPAL | {"sandbox": 1}),
        ("PAYPAL", PAYPAL | {"clientSecret": ["s3cret"]}),
        ("PAYPAL", PAYPAL | {"clientSecret": ""}),
        ("PAYPAL", PAYPAL | {"clientId": "s3cret with spaces"}),
        ("PAYPAL", {key: value for key, value in PAYPAL.items() if key != "webhookId"}),
        ("PAGADITO", PAYPAL),
        ("PAGADITO", PAGADITO | {"wsk": None}),
        ("PAGADITO", PAGADITO | {"wsk": "s3cret" * 100}),
        ("PAGADITO", {"uid": "u1", "wsk": "s3cret"}),
    ],
)
def test_anything_else_is_refused_without_echoing_it(
    factory: HttpProviderFactory, provider_type: str, fields: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue) as refused:
        factory.parse_credentials(provider_type, fields)

    assert refused.value.param == "credentials"
    assert "s3cret" not in str(refused.value)


def test_an_unsupported_provider_is_told_which_there_are(factory: HttpProviderFactory) -> None:
    for refused_call in (
        lambda: factory.capabilities("STRIPE"),
        lambda: factory.parse_credentials("STRIPE", {}),
        lambda: factory.create("STRIPE", factory.parse_credentials("PAGADITO", PAGADITO)),
    ):
        with pytest.raises(UnsupportedProviderError, match="PAGADITO, PAYPAL"):
            refused_call()


def test_what_each_can_do(factory: HttpProviderFactory) -> None:
    paypal, pagadito = factory.capabilities("PAYPAL"), factory.capabilities("PAGADITO")

    assert (paypal.refund, paypal.captures_on_approval, paypal.prepares) == (True, False, False)
    assert (pagadito.refund, pagadito.captures_on_approval, pagadito.prepares) == (
        False,
        True,
        True,
    )
    assert "USD" in paypal.currencies & pagadito.currencies
    assert "GTQ" in pagadito.currencies - paypal.currencies


@pytest.mark.parametrize(
    ("provider_type", "fields", "settings", "address"),
    [
        ("PAYPAL", PAYPAL, {}, "https://api-m.sandbox.paypal.com"),
        ("PAYPAL", PAYPAL | {"sandbox": False}, {}, "https://api-m.paypal.com"),
        ("PAYPAL", PAYPAL, {"paypal_base_url": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
    ],
)
async def test_where_paypal_is(
    provider_type: str,
    fields: dict[str, object],
    settings: dict[str, str],
    address: str,
    asked: list[str],
) -> None:
    async with open_provider_factory(Settings.model_validate(settings)) as factory:
        factory.create(provider_type, factory.parse_credentials(provider_type, fields))

    assert asked == [address]


@pytest.mark.parametrize(
    ("sandbox", "currency", "settings", "address"),
    [
        (True, "GTQ", {}, "https://sandbox.pagadito.com/comercios"),
        (False, "USD", {}, "https://comercios.pagadito.com"),
        (False, "HNL", {}, "https://comercios.pagadito.com"),
        (False, "GTQ", {}, "https://gt-comercios.pagadito.com"),
        (False, "GTQ", {"pagadito_base_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
    ],
)
async def test_where_pagadito_is(
    sandbox: bool,
    currency: str,
    settings: dict[str, str],
    address: str,
    asked: list[str],
) -> None:
    async with open_provider_factory(Settings.model_validate(settings)) as factory:
        credentials = factory.parse_credentials("PAGADITO", PAGADITO | {"sandbox": sandbox})
        provider = factory.create("PAGADITO", credentials)
        assert isinstance(provider, PagaditoProvider)
        with pytest.raises(LookupError):
            await provider.prepare(currency)

    assert asked == [address]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that endpoints were asked for; nothing is sent to them."""
    addresses: list[str] = []
    original = HttpEndpoints.at

    def at(
        self: HttpEndpoints, base_url: str, *, provider: str, tls_min: TlsVersion
    ) -> HttpEndpoint:
        addresses.append(base_url)
        return original(self, base_url, provider=provider, tls_min=tls_min)

    monkeypatch.setattr(HttpEndpoints, "at", at)
    monkeypatch.setattr(HttpEndpoint, "send", _silence)
    return addresses


async def _silence(*_: object, **__: object) -> None:
    raise LookupError
