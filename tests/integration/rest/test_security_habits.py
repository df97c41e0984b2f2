"""What a server does for its safety at the edge: limits, headers, origins, proxies, TLS, tokens."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from sandbox.ports import free_port
from tests.child_process import READY_WITHIN_S, running
from tests.integration.rest.installation import Installation, api_process, client
from tests.integration.rest.shop import Shop
from tests.oidc_issuer import AUDIENCE, Issuer, running_issuer

FAILURES_MAX = 5
ORIGIN = "https://backoffice.example"
QUERY = "/api/v1/payments/00000000-0000-5000-8000-000000000000/events"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Origin": ORIGIN}
PLANTED = "gw_test_" + "ab" * 32


@pytest.fixture(scope="module")
def issuer() -> Generator[Issuer, None, None]:
    with running_issuer() as started:
        yield started


@pytest.fixture(scope="module")
def strict(installation: Installation, issuer: Issuer) -> Generator[str, None, None]:
    """An API process behind a proxy on this machine, with a low limit and an issuer."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "GATEWAY_AUTH_FAILURES_MAX": str(FAILURES_MAX),
        "GATEWAY_TRUSTED_PROXIES": "127.0.0.1,10.1.0.0/16",
        "GATEWAY_CORS_ORIGINS": ORIGIN,
        "GATEWAY_OIDC_ISSUERS": json.dumps([{"issuer": issuer.url, "audience": AUDIENCE}]),
    }
    with api_process(installation, url=url, **settings):
        yield url


async def attempt(url: str, key: str, address: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
    async with client(url, headers=headers) as api:
        return await api.get(QUERY)


class TestFailedAttempts:
    async def test_are_limited_and_logged_without_the_key(self, shop: Shop, strict: str) -> None:
        answers = [await attempt(strict, PLANTED, "203.0.113.1") for _ in range(FAILURES_MAX + 2)]
        assert [answer.status_code for answer in answers] == [401] * FAILURES_MAX + [429] * 2
        refused = answers[-1]
        assert (refused.json()["code"], refused.json()["retryable"]) == ("too_many_failures", True)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        lines = [json.loads(line) for line in shop.installation.log.read_text().splitlines()]
        failed = [line for line in lines if line["event"] == "access.failed"]
        assert {"client": "203.0.113.1", "prefix": PLANTED[:14], "limited": True}.items() <= failed[
            -1
        ].items()
        assert PLANTED not in shop.installation.log.read_text()

    async def test_shut_nobody_out_who_has_a_key(self, shop: Shop, strict: str) -> None:
        for _ in range(FAILURES_MAX + 1):
            await attempt(strict, "nonsense", "203.0.113.2")
        assert (await attempt(strict, "nonsense", "203.0.113.2")).status_code == 429
        key = shop.installation.keys["acme"]
        assert (await attempt(strict, key, "203.0.113.2")).status_code == 404

    async def test_that_brought_no_key_are_not_counted(self, strict: str) -> None:
        async with client(strict, headers={"X-Forwarded-For": "203.0.113.3"}) as anonymous:
            for _ in range(FAILURES_MAX + 3):
                assert (await anonymous.get(QUERY)).status_code == 401


class TestProxies:
    async def test_a_caller_cannot_say_it_was_somebody_else(self, strict: str) -> None:
        """What stands left of the last address that is no proxy's is whatever the caller sent."""
        for number in range(FAILURES_MAX + 1):
            forged = f"198.51.100.{number}, 203.0.113.4, 10.1.2.3"
            answer = await attempt(strict, f"nonsense-{number}", forged)
        assert answer.status_code == 429

    async def test_nobody_is_believed_unless_it_is_set(self, shop: Shop) -> None:
        headers = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
        async with client(shop.installation.url, headers=headers) as api:
            answer = await api.get(QUERY, headers={"Authorization": "Bearer not-a-key-5"})
        assert "strict-transport-security" not in answer.headers
        lines = [json.loads(line) for line in shop.installation.log.read_text().splitlines()]
        failed = [line for line in lines if line["event"] == "access.failed"]
        assert failed[-1]["client"] == "127.0.0.1"

    async def test_behind_tls_of_a_proxy_browsers_are_told_to_stay_with_it(
        self, strict: str
    ) -> None:
        async with client(strict, headers={"X-Forwarded-Proto": "https"}) as api:
            answer = await api.get("/livez")
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


class TestHeaders:
    @pytest.mark.parametrize(
        "path", ["/livez", QUERY, "/api/v1/nothing", "/docs", "/docs/errors", "/checkout/return/x"]
    )
    async def test_stand_on_every_answer(self, shop: Shop, path: str) -> None:
        async with client(shop.installation.url) as api:
            answer = await api.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        if path.startswith("/api/"):
            assert answer.headers["cache-control"] == "no-store"


class TestCors:
    async def test_is_off_unless_set(self, shop: Shop) -> None:
        async with client(shop.installation.url) as api:
            asked = await api.options("/api/v1/payments/initiate", headers=PREFLIGHT)
            got = await api.get("/livez", headers={"Origin": ORIGIN})
        for answer in (asked, got):
            assert not [name for name in answer.headers if name.startswith("access-control")]

    async def test_lets_in_the_origins_that_are_named(self, strict: str) -> None:
        async with client(strict) as api:
            asked = await api.options("/api/v1/payments/initiate", headers=PREFLIGHT)
            other = await api.options(
                "/api/v1/payments/initiate",
                headers={**PREFLIGHT, "Origin": "https://evil.example"},
            )
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, ORIGIN)
        assert "access-control-allow-credentials" not in asked.headers
        assert "access-control-allow-origin" not in other.headers


class TestTokens:
    async def test_open_what_their_roles_open(
        self, shop: Shop, strict: str, issuer: Issuer
    ) -> None:
        allowed = await attempt(strict, issuer.token(), "203.0.113.6")
        assert (allowed.status_code, allowed.json()["code"]) == (404, "payment_not_found")
        service = await attempt(strict, issuer.token(roles=["admin"]), "203.0.113.6")
        assert (service.status_code, service.json()["code"]) == (403, "forbidden")
        wrong = await attempt(strict, issuer.token(aud="other"), "203.0.113.6")
        assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthorized")
        lines = [json.loads(line) for line in shop.installation.log.read_text().splitlines()]
        actors = {line["actor"] for line in lines if line["event"] == "request.answered"}
        assert f"oidc:{issuer.url.removeprefix('http://')}:user-17" in actors

    async def test_are_nothing_where_no_issuer_is_trusted(self, shop: Shop, issuer: Issuer) -> None:
        answer = await attempt(shop.installation.url, issuer.token(), "203.0.113.7")
        assert answer.status_code == 401


class TestTls:
    def test_is_spoken_directly_with_a_certificate(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        port = free_port()
        argv = (sys.executable, "-m", "payment_gateway", "serve", "--port", str(port))
        env = {
            **installation.environment,
            "GATEWAY_TLS_CERT_FILE": str(certificate),
            "GATEWAY_TLS_KEY_FILE": str(key),
        }
        trusted = ssl.create_default_context(cafile=str(certificate))
        log = tmp_path / "tls.log"
        with running(argv, log=log, env=env) as process, httpx.Client(verify=trusted) as api:
            deadline = time.monotonic() + READY_WITHIN_S
            while (answer := answered(api, f"https://127.0.0.1:{port}/livez")) is None:
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, "never ready"
                time.sleep(0.05)
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
            with pytest.raises(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/livez")


def answered(api: httpx.Client, url: str) -> httpx.Response | None:
    try:
        return api.get(url)
    except httpx.TransportError:
        return None
