"""How providers are spoken to: pooled connections, bounded in time and size, one reading of silence.

Whatever the provider, the same rules say what a request that got no clear answer means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from ssl import SSLContext, TLSVersion
from typing import Final

import httpx
import structlog

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.infrastructure.providers.answer import Answer, retry_after_s
from payment_gateway.infrastructure.providers.unavailable import SlowDown
from payment_gateway.infrastructure.resilience.circuit import (
    CircuitBreaker,
    Circuits,
    circuit_policy,
)
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits
from payment_gateway.settings import Settings, TlsVersion

ANSWER_BYTES_MAX: Final = 1024 * 1024
# Below the shortest idle time of common servers (5 s), so that no request is written to a
# connection which the other side is just closing: its fate would be unknown.
KEEPALIVE_EXPIRY_S: Final = 4.0
# All requests that one call to a provider takes, whatever the timeouts of each: recovery regards an
# intent of 60 s as abandoned, and must not meet whoever stored it still at work.
OPERATION_S_MAX: Final = 55.0
_TLS_VERSIONS: Final[dict[TlsVersion, TLSVersion]] = {
    "1.2": TLSVersion.TLSv1_2,
    "1.3": TLSVersion.TLSv1_3,
}
# Where a provider says to slow down and not for how long.
SLOW_DOWN_S: Final = 30.0

# Raised before a request leaves this machine: the provider has seen nothing.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_DEBUG_ID_HEADER: Final = "paypal-debug-id"
_DEBUG_ID_LENGTH_MAX: Final = 64

# They write headers to their debug logs, tokens and keys included.
_LOG_HEADERS: Final = ("hpack", "httpcore", "httpx")

_log = structlog.get_logger(__name__)


class HttpEndpoint:
    """One address of a provider, with its own pool of connections."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        deadline_s: float,
        circuit: CircuitBreaker | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._circuit = circuit
        self._now = now

    @property
    def address(self) -> str:
        """The base URL."""
        return str(self._client.base_url).rstrip("/")

    async def send(
        self,
        operation: str,
        path: str,
        *,
        method: str = "POST",
        headers: Mapping[str, str],
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """Send one request, once, and return the answer.

        Args:
            operation: What it is for, as it appears in logs and reasons.
            path: Absolute, on this endpoint.
            method: HTTP's.
            headers: Beside those that every request has.
            content: The body, encoded as the headers say.
            auth: User and password for HTTP Basic authentication.

        Raises:
            ProviderUnavailable: No connection, none free in time, an open circuit, or 429
                (``SlowDown``). Nothing happened.
            ProviderOutcomeUnknown: It left, and no whole answer below 500 came back.
        """
        request = self._client.build_request(method, path, headers=dict(headers), content=content)
        async with self._watched():
            return await self._send(operation, request, auth)

    def _watched(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._circuit is None else self._circuit.request()

    async def _send(
        self, operation: str, request: httpx.Request, auth: tuple[str, str] | None
    ) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await self._client.send(request, auth=auth, stream=True)
                body = await _read_bounded(operation, response)
        except _NOT_SENT as error:
            raise ProviderUnavailable(f"{operation}: {type(error).__name__}") from error
        except httpx.RequestError as error:
            raise ProviderOutcomeUnknown(f"{operation}: {type(error).__name__}") from error
        except TimeoutError as error:
            raise ProviderOutcomeUnknown(f"{operation}: no answer in time") from error
        _note(operation, response)
        return self._answer(operation, response, body)

    def _answer(self, operation: str, response: httpx.Response, body: bytes) -> Answer:
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            wait_s = retry_after_s(response.headers.get("retry-after"), now=self._now())
            raise SlowDown(
                f"{operation}: 429", retry_after_s=SLOW_DOWN_S if wait_s is None else wait_s
            )
        if response.status_code >= 500:
            raise ProviderOutcomeUnknown(f"{operation}: {response.status_code}")
        return Answer(status=response.status_code, body=body)


class HttpEndpoints:
    """Every endpoint that was spoken to, opened when it is first asked for; see ``open_endpoints``."""

    def __init__(self, settings: Settings, circuits: Circuits, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._circuits = circuits
        self._stack = stack
        self._by_url: dict[str, HttpEndpoint] = {}
        for library in _LOG_HEADERS:
            logging.getLogger(library).setLevel(logging.WARNING)

    def at(self, base_url: str, *, provider: str, tls_min: TlsVersion = "1.3") -> HttpEndpoint:
        """Return the endpoint of a base URL, always the same one.

        There are as many as adapters name, a handful: none is ever closed before the end.

        Args:
            base_url: Where it is.
            provider: Whose it is.
            tls_min: The least version of TLS; certificates are verified with each.
        """
        endpoint = self._by_url.get(base_url)
        if endpoint is None:
            client = self._client(base_url, tls_min)
            self._stack.push_async_callback(client.aclose)
            connect_s = self._settings.provider_connect_timeout_s
            read_s = self._settings.provider_read_timeout_s
            # A free connection, TCP and TLS may take a connect timeout each.
            endpoint = HttpEndpoint(
                client,
                deadline_s=3 * connect_s + read_s,
                circuit=CircuitBreaker(self._circuits, base_url, provider=provider),
            )
            self._by_url[base_url] = endpoint
        return endpoint

    def _client(self, base_url: str, tls_min: TlsVersion) -> httpx.AsyncClient:
        """Make a client; the one place that knows which HTTP library is used."""
        settings = self._settings
        return httpx.AsyncClient(
            base_url=base_url,
            http2=True,  # over TLS; a plain-text simulator is spoken to in HTTP/1.1
            verify=tls_context(tls_min),
            trust_env=False,  # the environment has one reader: the settings
            follow_redirects=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(
                settings.provider_read_timeout_s,
                connect=settings.provider_connect_timeout_s,
                pool=settings.provider_connect_timeout_s,
            ),
            limits=httpx.Limits(
                max_connections=settings.provider_connections_max,
                max_keepalive_connections=settings.provider_connections_max,
                keepalive_expiry=KEEPALIVE_EXPIRY_S,
            ),
        )


def tls_context(least: TlsVersion) -> SSLContext:
    """Return how TLS is spoken: in this version or a newer one, with verified certificates."""
    context = httpx.create_ssl_context()
    context.minimum_version = _TLS_VERSIONS[least]
    return context


@asynccontextmanager
async def open_endpoints(
    settings: Settings, circuits: Circuits | None = None
) -> AsyncIterator[HttpEndpoints]:
    """Open the way to all providers; closes every connection at the end.

    Args:
        settings: How long each may take.
        circuits: Those of the endpoints; this process's own where none are given.
    """
    if circuits is None:
        circuits = InMemoryCircuits(circuit_policy(settings))
    async with AsyncExitStack() as stack:
        yield HttpEndpoints(settings, circuits, stack)


@asynccontextmanager
async def operation_deadline(
    operation: str, *, within_s: float | None = None
) -> AsyncIterator[None]:
    """Bound a whole call to a provider by ``OPERATION_S_MAX``, or by what is left of it.

    Raises:
        ProviderOutcomeUnknown: Time is up.
    """
    try:
        async with asyncio.timeout(OPERATION_S_MAX if within_s is None else within_s):
            yield
    except TimeoutError as error:
        raise ProviderOutcomeUnknown(f"{operation}: not done in time") from error


def _note(operation: str, response: httpx.Response) -> None:
    """Log an answer with the id by which PayPal's support finds it; no body, no header of ours."""
    log = _log.warning if response.is_error else _log.debug
    log(
        "provider.answered",
        host=response.url.host,
        operation=operation,
        status=response.status_code,
        debug_id=response.headers.get(_DEBUG_ID_HEADER, "")[:_DEBUG_ID_LENGTH_MAX],
    )


async def _read_bounded(operation: str, response: httpx.Response) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                raise ProviderOutcomeUnknown(f"{operation}: an answer of too many bytes")
    finally:
        await response.aclose()
    return bytes(body)
