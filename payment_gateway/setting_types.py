"""Settings of more than one part: lists of addresses, and issuers of tokens."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import NoDecode

# Those with a private and a public key. One secret for both would let whoever verifies sign as well.
OidcAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def _listed(value: object) -> object:
    """Return what a comma-separated text lists."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _each(check: Callable[[str], object]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check_all(values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            check(value)
        return values

    return check_all


def _check_origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("an origin is a scheme, a host and perhaps a port: https://shop.example")
    return value


def _check_issuer_address(value: str) -> str:
    parts = urlsplit(value)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an issuer's address begins with https:// and has no query")
    return value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Origins = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_each(_check_origin))
]
Origin = Annotated[str, AfterValidator(_check_origin)]
Networks = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_each(ip_network))
]
IssuerAddress = Annotated[str, AfterValidator(_check_issuer_address)]
Claim = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Source: RFC 6749, appendix A.1, A.2 and A.4: printable ASCII; scopes with single spaces between.
Printable = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7E]{1,500}$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7E]+( [\x21-\x7E]+)*$", max_length=500)]


class OidcIssuer(BaseModel):
    """An issuer whose tokens are accepted.

    Attributes:
        issuer: Its address, exactly as its tokens name it in ``iss``.
        audience: What its tokens must name in ``aud``.
        algorithms: What it signs with; nothing else is accepted of it.
        tenant_claim: Where its tokens name the tenant, or ``*``; a dot leads into an object.
        roles_claim: Where they name the roles: a list, or a text with spaces.
        jwks_url: Where its keys are; found by discovery where it is left out.
        client_id: As whom the dashboard asks it to log somebody in; without it, it never does.
        client_secret: What the dashboard shows it beside that; none for a public client.
        scope: What it is asked for, with spaces; ``openid`` is in it.
        name: What its button on the log-in page says; the issuer's host where it is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: IssuerAddress
    audience: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    algorithms: Annotated[tuple[OidcAlgorithm, ...], Field(min_length=1)] = ("RS256",)
    tenant_claim: Claim = "tenant"
    roles_claim: Claim = "roles"
    jwks_url: IssuerAddress | None = None
    client_id: Printable | None = None
    client_secret: SecretStr | None = None
    scope: Scope = "openid"
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None

    @property
    def shown_name(self) -> str:
        """What people know it by."""
        return self.name or urlsplit(self.issuer).netloc

    @model_validator(mode="after")
    def _log_in_is_whole(self) -> Self:
        """Refuse half of what a log-in needs."""
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("a client_secret needs a client_id")
        if "openid" not in self.scope.split():
            raise ValueError("the scope of a log-in has openid in it")
        return self
