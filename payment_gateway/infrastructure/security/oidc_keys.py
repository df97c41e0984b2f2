"""The signing keys of one OIDC issuer: found by discovery, fetched over HTTP, kept for a while.

Source: OpenID Connect Discovery 1.0, section 4; RFC 7517 (JWK), sections 4 and 5.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from ssl import TLSVersion
from typing import Any, Final

import httpx
import structlog

from payment_gateway.infrastructure.security.oidc_discovery import (
    TROUBLE,
    IssuerUnavailable,
    address_in,
    discover,
    read_document,
)
from payment_gateway.setting_types import OidcIssuer
from payment_gateway.settings import Settings

FRESH_S: Final = 600.0  # so old, keys are fetched again before the next use
STALE_S_MAX: Final = 86_400.0  # so long they are used while the issuer cannot be reached
FETCH_EVERY_S: Final = 10.0  # no oftener, however many tokens name keys that nobody knows
TIMEOUT_S: Final = 5.0
KEYS_MAX: Final = 100
CONNECTIONS_MAX: Final = 10
_SYMMETRIC: Final = "oct"  # a key that verifies and signs alike is no key of an issuer's

_log: Final = structlog.get_logger(__name__)

Jwk = Mapping[str, Any]


class UnknownSigningKey(Exception):
    """The issuer has no such key."""


class IssuerKeys:
    """The keys of one issuer.

    Args:
        issuer: Whose.
        client: Speaks to it; closed by whoever made it.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        issuer: OidcIssuer,
        client: httpx.AsyncClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._monotonic = monotonic
        self._keys: dict[str | None, Jwk] = {}
        self._fetched_at_s = float("-inf")
        self._tried_at_s = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> Jwk:
        """Return the key of an id; without an id the only key there is.

        Raises:
            UnknownSigningKey: There is none.
            IssuerUnavailable: The keys cannot be had.
        """
        if self._age_s() >= FRESH_S or key_id not in self._keys:
            await self._refresh(key_id)
        if self._age_s() > STALE_S_MAX:
            raise IssuerUnavailable(self._issuer.issuer)
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if (key := self._keys.get(key_id)) is None:
            raise UnknownSigningKey
        return key

    def _age_s(self) -> float:
        return self._monotonic() - self._fetched_at_s

    async def _refresh(self, key_id: str | None) -> None:
        """Fetch the keys, unless somebody did a moment ago; old ones stay if that fails."""
        async with self._fetching:
            if self._age_s() < FRESH_S and key_id in self._keys:
                return
            if self._monotonic() - self._tried_at_s < FETCH_EVERY_S:
                return
            self._tried_at_s = self._monotonic()
            try:
                async with asyncio.timeout(2 * TIMEOUT_S):
                    self._keys = await self._fetch()
            except TROUBLE as error:
                _log.warning(
                    "oidc.keys_not_fetched",
                    issuer=self._issuer.issuer,
                    error=type(error).__name__,
                    reason=str(error)[:200],
                )
                if key_id not in self._keys:
                    raise IssuerUnavailable(self._issuer.issuer) from error
            else:
                self._fetched_at_s = self._monotonic()

    async def _fetch(self) -> dict[str | None, Jwk]:
        document = await read_document(self._client, "GET", await self._keys_url())
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > KEYS_MAX:
            raise ValueError(f"no list of at most {KEYS_MAX} keys")
        return {_key_id(jwk): jwk for jwk in listed if _signs(jwk)}

    async def _keys_url(self) -> str:
        if self._issuer.jwks_url is not None:
            return self._issuer.jwks_url
        document = await discover(self._issuer, self._client)
        return address_in(document, "jwks_uri", self._issuer)


@asynccontextmanager
async def open_issuer_client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Yield a client that speaks to issuers: certificates checked, bounded, no redirects."""
    context = httpx.create_ssl_context()
    versions = {"1.2": TLSVersion.TLSv1_2, "1.3": TLSVersion.TLSv1_3}
    context.minimum_version = versions[settings.oidc_tls_min]
    async with httpx.AsyncClient(
        verify=context,
        timeout=TIMEOUT_S,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
    ) as client:
        yield client


def _signs(jwk: object) -> bool:
    return (
        isinstance(jwk, dict)
        and jwk.get("use", "sig") == "sig"
        and jwk.get("kty") != _SYMMETRIC
        and isinstance(jwk.get("kid"), str | None)
    )


def _key_id(jwk: Jwk) -> str | None:
    return jwk.get("kid")
