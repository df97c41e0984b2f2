"""JSON Web Tokens of configured OIDC issuers.

Which algorithms an issuer may sign with is fixed by the settings, never by the token: what names another
one is refused before any key is looked at, and symmetric ones cannot even be configured.
Source: RFC 8725 (JWT best current practices), sections 3.1 to 3.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.grant import GrantVO, RoleVO
from payment_gateway.infrastructure.security.oidc_keys import (
    IssuerKeys,
    Jwk,
    UnknownSigningKey,
)
from payment_gateway.setting_types import OidcIssuer

LEEWAY_S: Final = 30  # by which clocks of issuers may differ from ours
TOKEN_LENGTH_MAX: Final = 8 * 1024
SUBJECT_LENGTH_MAX: Final = 255
_REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class TokenRefused(Exception):
    """The token opens nothing; the message says why, for the log alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """Whom an issuer has named: the issuer without its scheme, its subject, what they may do, until when."""

    issuer: str
    subject: str
    grant: GrantVO
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom an ID token names, of which log-in, until when."""

    subject: str
    nonce: str
    ends_at: datetime


def looks_like_a_token(text: str) -> bool:
    """Whether something sent as a key is a JWT rather than an API key."""
    return text.count(".") == 2 and text.startswith("ey")


class OidcTokens:
    """Verifies tokens.

    Args:
        issuers: Those that are trusted, each with its keys.
    """

    def __init__(self, issuers: Sequence[tuple[OidcIssuer, IssuerKeys]]) -> None:
        self._issuers = {issuer.issuer: (issuer, keys) for issuer, keys in issuers}

    async def verify(self, token: str) -> TokenHolder:
        """Return who holds a token.

        Raises:
            TokenRefused: It is none of a trusted issuer, not for us, out of time, or not signed well.
            IssuerUnavailable: Nobody can say now.
        """
        issuer, claims = await self._verified(token, audience=None)
        return _holder(issuer, claims)

    async def verify_identity(self, token: str, *, issuer: OidcIssuer, client_id: str) -> Identity:
        """Return whom an ID token names that an issuer has made for a client.

        Source: OpenID Connect Core 1.0, section 3.1.3.7.

        Raises:
            TokenRefused: As ``verify``, or it is another issuer's, another client's, or of no log-in.
            IssuerUnavailable: Nobody can say now.
        """
        by, claims = await self._verified(token, audience=client_id)
        nonce = claims.get("nonce")
        if by.issuer != issuer.issuer:
            raise TokenRefused("an ID token of another issuer")
        if claims.get("azp", client_id) != client_id:
            raise TokenRefused("an ID token for another client")
        if not isinstance(nonce, str):
            raise TokenRefused("an ID token of no log-in")
        return Identity(subject=claims["sub"], nonce=nonce, ends_at=_end(claims))

    async def _verified(
        self, token: str, *, audience: str | None
    ) -> tuple[OidcIssuer, Mapping[str, Any]]:
        """Return the issuer and the claims of a token for an audience, the API where none is named."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenRefused("longer than a token may be")
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise TokenRefused(type(error).__name__) from error
        named = claimed.get("iss")
        if not isinstance(named, str) or named not in self._issuers:
            raise TokenRefused("not of a trusted issuer")
        issuer, keys = self._issuers[named]
        algorithm = header.get("alg")
        if algorithm not in issuer.algorithms:
            raise TokenRefused("an algorithm that this issuer does not sign with")
        try:
            key = await keys.find(header.get("kid"))
        except UnknownSigningKey as error:
            raise TokenRefused("signed with a key that the issuer does not list") from error
        return issuer, _claims(token, key, algorithm, issuer, audience or issuer.audience)


def _claims(
    token: str, key: Jwk, algorithm: str, issuer: OidcIssuer, audience: str
) -> Mapping[str, Any]:
    if key.get("alg", algorithm) != algorithm:
        raise TokenRefused("the key is for another algorithm")
    try:
        public = jwt.get_algorithm_by_name(algorithm).from_jwk(dict(key))
        claims: dict[str, Any] = jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer.issuer,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED},
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise TokenRefused(type(error).__name__) from error
    return claims


def _holder(issuer: OidcIssuer, claims: Mapping[str, Any]) -> TokenHolder:
    subject = claims["sub"]
    if not 1 <= len(subject) <= SUBJECT_LENGTH_MAX or not subject.isprintable():
        raise TokenRefused("a subject that cannot be written down")
    tenant_id = _claim(claims, issuer.tenant_claim)
    named = _claim(claims, issuer.roles_claim)
    texts = named.split() if isinstance(named, str) else named
    if not isinstance(tenant_id, str) or not isinstance(texts, list):
        raise TokenRefused("no tenant, or no roles")
    known = set(RoleVO)
    try:
        grant = GrantVO(tenant_id, frozenset(RoleVO(one) for one in texts if one in known))
    except InvalidValue as error:
        raise TokenRefused(str(error)) from error
    place = issuer.issuer.partition("://")[2].rstrip("/")
    return TokenHolder(issuer=place, subject=subject, grant=grant, ends_at=_end(claims))


def _end(claims: Mapping[str, Any]) -> datetime:
    """Return when a token ends; ``exp`` was checked to be a number."""
    try:
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise TokenRefused("an end that no clock shows") from error


def _claim(claims: Mapping[str, Any], path: str) -> object:
    """Return a claim; of ``realm_access.roles`` the member inside. A claim of the whole name goes first."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
