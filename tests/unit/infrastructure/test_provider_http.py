"""How any provider is spoken to: what silence means, and what bounds an answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.infrastructure.providers import http as module
from payment_gateway.infrastructure.providers.answer import Answer, retry_after_s
from payment_gateway.infrastructure.providers.http import (
    ANSWER_BYTES_MAX,
    HttpEndpoint,
    open_endpoints,
    operation_deadline,
)
from payment_gateway.infrastructure.providers.wording import checkout_address, item_name, word
from payment_gateway.settings import Settings

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def endpoint(
    handler: Callable[[httpx.Request], httpx.Response], deadline_s: float = 5
) -> HttpEndpoint:
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(handler), base_url="https://provider.test"
    )
    return HttpEndpoint(client, deadline_s=deadline_s, now=lambda: NOON)


async def send(handler: Callable[[httpx.Request], httpx.Response]) -> Answer:
    return await endpoint(handler).send("capture", "/x", headers={}, content=b"{}")


@pytest.mark.parametrize("raised", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_what_never_left_did_not_happen(raised: type[httpx.TransportError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise raised("silence", request=request)

    with pytest.raises(ProviderUnavailable, match="capture"):
        await send(handler)


@pytest.mark.parametrize(
    "raised",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
    ],
)
async def test_what_left_and_was_not_answered_is_unknown(
    raised: type[httpx.TransportError],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise raised("silence", request=request)

    with pytest.raises(ProviderOutcomeUnknown, match="capture"):
        await send(handler)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_an_error_of_the_server_is_unknown(status: int) -> None:
    with pytest.raises(ProviderOutcomeUnknown, match=str(status)):
        await send(lambda _: httpx.Response(status, json={"name": "SERVICE_UNAVAILABLE"}))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("999999", 3600.0),
        ("Fri, 02 Jan 2026 12:01:00 GMT", 60.0),
        ("Fri, 02 Jan 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=NOON) == seconds


async def test_told_to_slow_down_says_for_how_long() -> None:
    with pytest.raises(ProviderUnavailable) as slow:
        await send(lambda _: httpx.Response(429, headers={"Retry-After": "7"}))

    assert slow.value.retry_after_s == 7


async def test_an_answer_of_too_many_bytes_is_unknown() -> None:
    assert (await send(lambda _: httpx.Response(200, content=b" " * ANSWER_BYTES_MAX))).ok
    with pytest.raises(ProviderOutcomeUnknown, match="too many bytes"):
        await send(lambda _: httpx.Response(200, content=b" " * (ANSWER_BYTES_MAX + 1)))


async def test_an_answer_that_drips_for_ever_is_unknown() -> None:
    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:  # ends by the deadline that is tested
                yield b" "
                await asyncio.sleep(0.001)

    slow = endpoint(lambda _: httpx.Response(200, stream=Dripping()), deadline_s=0.05)

    with pytest.raises(ProviderOutcomeUnknown, match="no answer in time"):
        await slow.send("capture", "/x", headers={})


async def test_a_whole_call_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPERATION_S_MAX", 0.01)

    with pytest.raises(ProviderOutcomeUnknown, match="not done in time"):
        async with operation_deadline("capture"):
            await asyncio.Event().wait()


async def test_redirects_are_not_followed() -> None:
    answer = await send(lambda _: httpx.Response(302, headers={"Location": "https://evil.test"}))

    assert answer.status == 302
    assert not answer.ok


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"1", b'{"a": NaN}', b"\xff", b'{"a":' * 100_000]
)
def test_what_is_no_json_object_is_no_document(body: bytes) -> None:
    assert Answer(status=200, body=body).document() is None


def test_decimals_are_read_exactly() -> None:
    document = Answer(status=200, body=b'{"a": 0.10}').document()

    assert document == {"a": Decimal("0.10")}
    assert str(document["a"]) == "0.10"


async def test_libraries_do_not_log_headers() -> None:
    logging.getLogger("hpack").setLevel(logging.DEBUG)

    async with open_endpoints(Settings()):
        assert not logging.getLogger("hpack").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpcore").isEnabledFor(logging.INFO)


async def test_one_endpoint_for_each_address() -> None:
    async with open_endpoints(Settings()) as endpoints:
        assert endpoints.at("https://a.test", provider="PAYPAL") is endpoints.at(
            "https://a.test", provider="PAYPAL"
        )
        assert endpoints.at("https://a.test", provider="PAYPAL") is not endpoints.at(
            "https://b.test", provider="PAYPAL"
        )


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("Tea", "Tea"),
        ("  two\n lines\t\x00 ", "two lines"),
        ("<b>Tea</b>", "b Tea /b"),
        ("\x07", "Item"),
        ("caf\u00e9 \U0001f375", "caf\u00e9 \U0001f375"),
        ("\ud800", "Item"),
        ("x" * 30, "x" * 10),
        ("123456789 x", "123456789"),
    ],
)
def test_item_names_are_one_line_of_printable_text(description: str, name: str) -> None:
    assert item_name(description, length_max=10, without="<>") == name


@pytest.mark.parametrize("value", [None, 5, "", "a b", "../x", "a/b", "a\n", "\u0661", "x" * 101])
def test_what_is_no_identifier_is_not_taken_for_one(value: object) -> None:
    assert word(value) is None


@pytest.mark.parametrize("value", [None, 1, "", "javascript:alert(1)", "/x", "https://u:p@x.test"])
def test_nobody_is_sent_to_what_is_no_web_address(value: object) -> None:
    assert checkout_address(value) is None
