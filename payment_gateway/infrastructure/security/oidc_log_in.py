"""Logging somebody in at an OIDC issuer: the authorization code flow with PKCE.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636 (PKCE), section 4; RFC 6749, section 2.3.1;
RFC 9700 (best current practice), section 2.1; RFC 9207, section 2.4.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import structlog

from payment_gateway.infrastructure.security.oidc_discovery import (
    TROUBLE,
    Document,
    IssuerUnavailable,
    address_in,
    discover,
    read_answer,
)
from payment_gateway.infrastructure.security.oidc_tokens import OidcTokens, TokenRefused
from payment_gateway.setting_types import OidcIssuer

FRESH_S: Final = 600.0  # so old, the discovery document is fetched again
FETCH_EVERY_S: Final = 10.0  # no oftener while the issuer is away
ASKED_WITHIN_S: Final = 10.0
_RANDOM_BYTES: Final = 32  # 43 characters: what RFC 7636 takes at the least
# Source: RFC 6749, section 5.2. Other words of an issuer are neither logged nor shown.
_WORDS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_BASIC: Final = "client_secret_basic"
_POST: Final = "client_secret_post"

log = structlog.get_logger(__name__)


class CodeRefused(Exception):
    """The issuer gives no token for a code; the message is its word for why.

    ``invalid_grant`` is about the code: used before, too old, or of another log-in. All others are about how
    the gateway is known to the issuer.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What one log-in is known by. None of it is told to anybody but the issuer and the browser that began it.

    Attributes:
        state: Comes back with the code.
        nonce: Stands in the ID token.
        verifier: Shown with the code; the issuer was told its hash before.
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Challenge:
        """Return one that nobody can guess."""
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        return cls(state=state, nonce=nonce, verifier=verifier)

    @property
    def hash(self) -> str:
        """The ``code_challenge`` of the method S256."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a log-in has brought: a token that the REST interface takes, and when it ends."""

    token: str
    ends_at: datetime


class OidcLogIn:
    """Logs people in at one issuer.

    Args:
        issuer: Which; it has a ``client_id``.
        client: Speaks to it; closed by whoever made it.
        tokens: Verifies what it issues.
        leads_back_to: Where it sends the browser, exactly as it is registered there.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        issuer: OidcIssuer,
        client: httpx.AsyncClient,
        *,
        tokens: OidcTokens,
        leads_back_to: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        assert issuer.client_id is not None, "nobody can log in there"
        self.issuer = issuer
        self._client_id = issuer.client_id
        self._client = client
        self._tokens = tokens
        self._leads_back_to = leads_back_to
        self._monotonic = monotonic
        self._found: Document | None = None
        self._found_at_s = float("-inf")
        self._tried_at_s = float("-inf")
        self._finding = asyncio.Lock()

    async def begins_at(self, challenge: Challenge) -> str:
        """Return the address at the issuer where somebody logs in.

        Raises:
            IssuerUnavailable: It does not say where that is.
        """
        endpoint = _named(await self._document(), "authorization_endpoint", self.issuer)
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": self._leads_back_to,
                "scope": self.issuer.scope,
                "state": challenge.state,
                "nonce": challenge.nonce,
                "code_challenge": challenge.hash,
                "code_challenge_method": "S256",
            }
        )
        parts = urlsplit(endpoint)
        both = "&".join(part for part in (parts.query, query) if part)
        return parts._replace(query=both, fragment="").geturl()

    async def finish(self, code: str, challenge: Challenge) -> LoggedIn:
        """Return what a code is good for.

        With an audience of its own the API takes the access token, as from everybody else; where the client
        is the audience, the ID token.

        Raises:
            CodeRefused: The issuer gives no token for it.
            TokenRefused: What it gives is not accepted.
            IssuerUnavailable: Nobody can say now.
        """
        answer = await self._exchange(code, challenge)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise TokenRefused("no ID token or no access token in the issuer's answer")
        identity = await self._tokens.verify_identity(
            id_token, issuer=self.issuer, client_id=self._client_id
        )
        if not hmac.compare_digest(identity.nonce.encode(), challenge.nonce.encode()):
            raise TokenRefused("an ID token of another log-in")
        is_own_audience = self.issuer.audience != self._client_id
        token = access_token if is_own_audience else id_token
        holder = await self._tokens.verify(token)
        if holder.subject != identity.subject:
            raise TokenRefused("an access token of somebody else")
        return LoggedIn(token=token, ends_at=min(holder.ends_at, identity.ends_at))

    async def _exchange(self, code: str, challenge: Challenge) -> Document:
        document = await self._document()
        url = _named(document, "token_endpoint", self.issuer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._leads_back_to,
            "code_verifier": challenge.verifier,
        }
        shown, auth = self._shown(document.get("token_endpoint_auth_methods_supported"))
        headers = {"Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(ASKED_WITHIN_S),
                self._client.stream(
                    "POST", url, data={**form, **shown}, auth=auth, headers=headers
                ) as response,
            ):
                if response.is_server_error:
                    response.raise_for_status()
                answer = await read_answer(response)
        except TROUBLE as error:
            raise _unavailable(self.issuer, "token", error) from error
        if not response.is_success:
            word = answer.get("error")
            raise CodeRefused(word if word in _WORDS else "refused")
        return answer

    def _shown(self, methods: object) -> tuple[Mapping[str, str], httpx.BasicAuth | None]:
        """Return how the gateway says who it is: members of the form, or a header."""
        secret = self.issuer.client_secret
        if secret is None:
            return {"client_id": self._client_id}, None
        value = secret.get_secret_value()
        if isinstance(methods, list) and _POST in methods and _BASIC not in methods:
            return {"client_id": self._client_id, "client_secret": value}, None
        return {}, httpx.BasicAuth(quote_plus(self._client_id), quote_plus(value))

    async def _document(self) -> Document:
        """Return the discovery document; while the issuer is away, the one that is known."""
        async with self._finding:
            now_s = self._monotonic()
            if now_s - self._found_at_s >= FRESH_S and now_s - self._tried_at_s >= FETCH_EVERY_S:
                self._tried_at_s = now_s
                try:
                    async with asyncio.timeout(ASKED_WITHIN_S):
                        self._found = await discover(self.issuer, self._client)
                        self._found_at_s = now_s
                except TROUBLE as error:
                    _unavailable(self.issuer, "discovery", error)
            if self._found is None:
                raise IssuerUnavailable(self.issuer.issuer)
            return self._found


def _named(document: Mapping[str, Any], member: str, issuer: OidcIssuer) -> str:
    try:
        return address_in(document, member, issuer)
    except ValueError as error:
        raise _unavailable(issuer, "discovery", error) from error


def _unavailable(issuer: OidcIssuer, asked: str, error: Exception) -> IssuerUnavailable:
    """Log what is wrong, without a word of what was sent, and return it as who asked is told."""
    reason = str(error)[:200] if isinstance(error, ValueError) else ""
    log.warning(
        "oidc.issuer_unavailable",
        issuer=issuer.issuer,
        asked=asked,
        error=type(error).__name__,
        reason=reason,
    )
    return IssuerUnavailable(issuer.issuer)
