"""What an adapter brings: one of these for each type of provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from payment_gateway.application.ports import Provider, ProviderCapabilities
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials

_SANDBOX = "sandbox"


class ProviderAdapter(Protocol):
    """Makes the providers of one type. Lives as long as the process and keeps what accounts share."""

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What this type of provider can do."""
        ...

    def parse_credentials(self, fields: Mapping[str, object]) -> ProviderCredentials:
        """Read credentials.

        Raises:
            InvalidValue: A field is missing, unknown or of the wrong form. Echoes no secret.
        """
        ...

    def create(self, credentials: ProviderCredentials) -> Provider:
        """Return the provider, speaking for the account of these credentials."""
        ...

    def address(self, *, sandbox: bool, currency: str) -> str:
        """Return the endpoint that an account's calls in a currency go to."""
        ...

    async def aclose(self) -> None:
        """End what is under way in the background."""
        ...


def credential_fields(
    fields: Mapping[str, object], *, texts: tuple[str, ...]
) -> tuple[tuple[str, ...], bool]:
    """Return the values of ``texts``, in that order, and whether it is a sandbox account.

    Raises:
        InvalidValue: A field is missing, unknown or of the wrong type. Names only fields that are
            expected: an unknown name may itself be a secret that was put in the wrong place.
    """
    expected = {*texts, _SANDBOX}
    if fields.keys() - expected:
        raise _invalid(f"credentials have no fields but {', '.join((*texts, _SANDBOX))}")
    missing = sorted(expected - fields.keys())
    if missing:
        raise _invalid(f"credentials lack {', '.join(missing)}")
    sandbox = fields[_SANDBOX]
    if not isinstance(sandbox, bool):
        raise _invalid(f"{_SANDBOX} must be true or false")
    return tuple(_text(name, fields[name]) for name in texts), sandbox


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _invalid(f"{name} must be a text")
    return value


def _invalid(message: str) -> InvalidValue:
    return InvalidValue(message, param="credentials")
