"""Access tokens: one for each account, shared by all requests until shortly before it expires."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeGuard

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.paypal.shared_tokens import SharedToken, SharedTokens

RENEW_BEFORE_EXPIRY_S: Final = 120.0
GRACE_S: Final = 60.0
LIFE_S_MAX: Final = 24 * 3600.0
TOKENS_MAX: Final = 10_000
TOKEN_LENGTH_MAX: Final = 8192
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class CredentialsRefused(Exception):
    """PayPal does not know these credentials. What was to be done with them was not done."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token.

    Attributes:
        renew_at_s: When to fetch another, on the monotonic clock.
        grace_s: How long after that it is still good, should no other be had.
    """

    text: SecretText
    renew_at_s: float
    grace_s: float


class AccessTokens:
    """The tokens of all accounts at one endpoint: in memory, and in Redis for other processes.

    However many requests need a token at once, in whichever process, one fetches it and all share
    what comes of it: the token endpoint has a rate limit of its own. Where there is no Redis, or it
    is away, that holds for each process by itself.
    """

    def __init__(
        self,
        http: HttpEndpoint,
        *,
        shared: SharedTokens | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._shared = shared
        self._monotonic = monotonic
        self._tokens: dict[bytes, AccessToken] = {}
        self._flights: dict[bytes, asyncio.Task[AccessToken]] = {}

    async def get(self, credentials: PayPalCredentialsVO) -> AccessToken:
        """Return a token that is valid for a while yet.

        One that is due to be renewed is renewed in the background: nobody waits for that, and
        nothing fails if PayPal gives none, until the time of grace is over.

        Raises:
            CredentialsRefused: PayPal does not know these credentials.
            ProviderUnavailable: No token came back. Fetching one moves no money, so whatever it
                was that went wrong: nothing happened.
        """
        key = _key(credentials)
        token, now_s = self._tokens.get(key), self._monotonic()
        if token is not None and now_s < token.renew_at_s:
            return token
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._obtain(credentials))
            self._flights[key] = flight
            flight.add_done_callback(lambda landed: self._land(key, landed))
        if token is not None and now_s < token.renew_at_s + token.grace_s:
            return token
        # Shielded: one impatient caller must not take the token from all others.
        return await asyncio.shield(flight)

    async def drop(self, credentials: PayPalCredentialsVO, token: AccessToken) -> None:
        """Forget a token that PayPal no longer accepts, unless a newer one took its place."""
        if self._shared is not None:
            # First there: whoever misses it here would else find it there again.
            await self._shared.drop(self._account(credentials), token.text)
        key = _key(credentials)
        known = self._tokens.get(key)
        if known is not None and known.text == token.text:
            del self._tokens[key]

    async def aclose(self) -> None:
        """End what is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _land(self, key: bytes, flight: asyncio.Task[AccessToken]) -> None:
        del self._flights[key]
        if flight.cancelled() or flight.exception() is not None:
            return
        self._tokens.pop(key, None)
        while len(self._tokens) >= TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]  # the one fetched longest ago
        self._tokens[key] = flight.result()

    async def _obtain(self, credentials: PayPalCredentialsVO) -> AccessToken:
        """Take the token that another process fetched; fetch one where none did."""
        if self._shared is None:
            return await self._fetch(credentials)
        async with self._shared.flight(self._account(credentials)) as flight:
            found = flight.found
            if found is not None:
                renew_at_s = self._monotonic() + found.left_s
                return AccessToken(text=found.text, renew_at_s=renew_at_s, grace_s=found.grace_s)
            token = await self._fetch(credentials)
            left_s = token.renew_at_s - self._monotonic()
            await flight.land(SharedToken(text=token.text, left_s=left_s, grace_s=token.grace_s))
            return token

    def _account(self, credentials: PayPalCredentialsVO) -> bytes:
        return self._http.address.encode() + b"\0" + _key(credentials)

    async def _fetch(self, credentials: PayPalCredentialsVO) -> AccessToken:
        """Fetch a token.

        Source: PayPal REST, "Authentication": ``POST /v1/oauth2/token``.
        """
        asked_at_s = self._monotonic()
        try:
            answer = await self._http.send(
                "token",
                "/v1/oauth2/token",
                headers=_FORM,
                content=b"grant_type=client_credentials",
                auth=(credentials.client_id, credentials.client_secret.reveal()),
            )
        except ProviderOutcomeUnknown as error:
            raise ProviderUnavailable(error.reason) from error
        document = answer.document() or {}
        if answer.status == 401:
            raise CredentialsRefused("invalid_client")
        text, expires_in = document.get("access_token"), document.get("expires_in")
        if not answer.ok or not _is_token(text) or not _is_life(expires_in):
            raise ProviderUnavailable(f"token: {answer.status} without a token")
        life_s = min(float(expires_in), LIFE_S_MAX)
        renew_at_s = asked_at_s + max(life_s - RENEW_BEFORE_EXPIRY_S, life_s / 2)
        grace_s = min(GRACE_S, life_s / 4)
        return AccessToken(text=SecretText(text), renew_at_s=renew_at_s, grace_s=grace_s)


def _key(credentials: PayPalCredentialsVO) -> bytes:
    """Return what a token is kept under: whoever has the id but not the secret gets none."""
    both = f"{credentials.client_id}\0{credentials.client_secret.reveal()}"
    return hashlib.sha256(both.encode()).digest()


def _is_token(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and 0 < len(value) <= TOKEN_LENGTH_MAX
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def _is_life(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value > 0
