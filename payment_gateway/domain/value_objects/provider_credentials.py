"""What a tenant's account at a provider is opened with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.secret_text import SecretText

_LENGTH_MAX: Final = 256
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PagaditoCredentialsVO:
    """A Pagadito merchant account.

    Attributes:
        uid: The merchant's identifier.
        wsk: The merchant's secret, also part of what its webhooks sign.
        sandbox: Whether it is an account of Pagadito's test environment.

    Raises:
        InvalidValue: Empty, too long, or with characters that no such text has.
    """

    uid: str
    wsk: SecretText
    sandbox: bool

    def __post_init__(self) -> None:
        _check("uid", self.uid)
        _check("wsk", self.wsk.reveal())

    @property
    def account(self) -> tuple[str, bool]:
        """Tells accounts apart, whatever their secrets are."""
        return self.uid, self.sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalCredentialsVO:
    """A PayPal REST app.

    Attributes:
        client_id: The app's public id.
        client_secret: The app's secret.
        webhook_id: The id PayPal gave to our webhook; its notifications are signed for it.
        sandbox: Whether it is an app of PayPal's test environment.

    Raises:
        InvalidValue: Empty, too long, or with characters that no such text has.
    """

    client_id: str
    client_secret: SecretText
    webhook_id: str
    sandbox: bool

    def __post_init__(self) -> None:
        _check("clientId", self.client_id)
        _check("clientSecret", self.client_secret.reveal())
        _check("webhookId", self.webhook_id)

    @property
    def account(self) -> tuple[str, bool]:
        """Tells accounts apart, whatever their secrets are."""
        return self.client_id, self.sandbox


ProviderCredentials = PagaditoCredentialsVO | PayPalCredentialsVO


def _check(name: str, value: str) -> None:
    if len(value) > _LENGTH_MAX or _PRINTABLE.fullmatch(value) is None:
        raise InvalidValue(
            f"{name} must be 1 to {_LENGTH_MAX} printable characters without spaces",
            param="credentials",
        )
