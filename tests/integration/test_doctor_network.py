"""Whom ``doctor`` finds to be out of reach, and what it says of how safely they are spoken to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from payment_gateway.doctor_network import Peer, encryption, mail, providers, traces, trouble_with
from payment_gateway.infrastructure.providers.paypal import adapter
from payment_gateway.settings import Settings
from sandbox.ports import free_port
from tests.http_receiver import http_receiver
from tests.integration.test_webhook_sender import ShopsServer

WAIT_S = 30.0


def nobody() -> HttpUrl:
    return HttpUrl(f"http://127.0.0.1:{free_port()}")


async def test_a_provider_whose_address_was_replaced_has_to_answer() -> None:
    async with http_receiver() as there:
        url = HttpUrl(there.url)
        well = await providers(Settings(paypal_base_url=url, pagadito_base_url=url))
        away = await providers(Settings(paypal_base_url=nobody(), pagadito_base_url=url))

    assert (well.problem, well.detail) == (None, "")
    assert away.problem is not None
    assert away.problem.startswith("PayPal (127.0.0.1:")
    assert "is not reached: ConnectionRefusedError" in away.problem


async def test_a_providers_own_address_that_is_out_of_reach_is_told_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapter, "LIVE_URL", f"https://127.0.0.1:{free_port()}")
    async with http_receiver() as there:
        told = await providers(Settings(pagadito_base_url=HttpUrl(there.url)))

    assert told.problem is None
    assert told.detail.startswith("PayPal (127.0.0.1:")


async def test_a_peer_that_speaks_too_old_a_tls_is_told_with_what_allows_it(tmp_path: Path) -> None:
    old = ShopsServer(tmp_path, "localhost")
    old.server.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listening:
        shaking = asyncio.create_task(asyncio.to_thread(_shake_hands, listening, old.server, 2))
        peer = _peer(listening.getsockname()[1], tls_min="1.3")
        refused = await trouble_with(peer)
        unknown = await trouble_with(replace(peer, tls_min="1.2"))
        await shaking

    where = f"PayPal (127.0.0.1:{peer.port})"
    assert refused == f"{where} does not speak TLS 1.3; see GATEWAY_PAYPAL_TLS_MIN"
    assert unknown is not None
    assert unknown.startswith(f"{where} shows a certificate that is not to be trusted: self")


def _shake_hands(listening: socket.socket, tls: ssl.SSLContext, times: int) -> None:
    """Begin TLS with whoever comes; asyncio's server would hang up before it has said what is wrong."""
    listening.settimeout(WAIT_S)
    for _ in range(times):
        connection, _ = listening.accept()
        with connection, suppress(OSError), tls.wrap_socket(connection, server_side=True):
            pass


def _peer(port: int, *, tls_min: str) -> Peer:
    return Peer(
        name="PayPal",
        host="127.0.0.1",
        port=port,
        tls_min=tls_min,
        setting="GATEWAY_PAYPAL_TLS_MIN",
    )


async def test_what_no_setting_names_is_not_asked() -> None:
    assert (await mail(Settings(smtp_port=free_port()))).problem is None
    assert (await traces(Settings())).problem is None


async def test_mail_and_traces_that_are_wanted_have_to_be_reached() -> None:
    post = Settings(notify_email_to=("ops@shop.example",), smtp_port=free_port())

    assert "the mail server (127.0.0.1:" in ((await mail(post)).problem or "")
    assert "the trace receiver" in ((await traces(Settings(otlp_endpoint=nobody()))).problem or "")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(), ""),
        (
            Settings(
                eventstore_uri=SecretStr("esdb://u:planted@es1:2113,es2:2113?tls=False"),
                mongodb_uri=SecretStr("mongodb://u:planted@mongo/?replicaSet=rs0"),
                redis_url=SecretStr("redis://:planted@redis:6379"),
            ),
            "without TLS over the network: the event store, MongoDB, Redis",
        ),
        (
            Settings(
                eventstore_uri=SecretStr("esdb://u:planted@es1:2113"),
                mongodb_uri=SecretStr("mongodb+srv://u:planted@mongo.example"),
                redis_url=SecretStr("rediss://:planted@redis:6379"),
                pagadito_tls_min="1.2",
            ),
            "Pagadito may speak TLS 1.2 (GATEWAY_PAGADITO_TLS_MIN)",
        ),
        (
            Settings(redis_url=SecretStr("unix:///run/redis.sock"), smtp_encryption="none"),
            "",
        ),
        (
            Settings(
                notify_email_to=("ops@shop.example",), smtp_host="mail", smtp_encryption="none"
            ),
            "without TLS over the network: mail",
        ),
    ],
)
async def test_what_goes_without_tls_or_may_speak_an_old_one_is_named(
    settings: Settings, told: str
) -> None:
    assert (await encryption(settings)).detail == told
