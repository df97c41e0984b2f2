"""The secrets of an installation: one key in a file, everything else derived from it.

Nothing but that file holds a secret, and a restart finds the same keys and the same demo merchants.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from payment_gateway.infrastructure.security.api_keys import (
    PREFIX_SHOWN,
    ApiKeysFileError,
    FixedApiKey,
    derive_api_key,
    hash_api_key,
    read_api_keys_file,
    write_api_keys_file,
)
from payment_gateway.infrastructure.security.key_file import (
    KeyFileError,
    read_or_create_key_file,
)
from sandbox.data_folder import DataFolder
from sandbox.errors import KeysUnusable

DEMO_TENANT = "demo"
DEMO_KEY_ID = "demo"
ADMIN_KEY_ID = "admin"
DEMO_ROLES = frozenset({"order-service", "viewer"})
ADMIN_ROLES = frozenset({"admin", "operator", "auditor"})
# As long as the merchant identifiers and secrets in Pagadito's own samples.
SECRET_HEX_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchants:
    """What the demo tenant is known by at the providers."""

    paypal: dict[str, str]
    pagadito: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a person needs to use the installation; shown to them, never stored in clear."""

    demo: str
    admin: str
    merchants: Merchants


def open_keys(folder: DataFolder) -> Keys:
    """Derive the keys of the installation, and let the gateway accept the two API keys.

    Raises:
        KeysUnusable: The key file or the file of API keys is damaged or open to others.
    """
    try:
        master = read_or_create_key_file(folder.key_file)
        keys = Keys(
            demo=derive_api_key(master, DEMO_KEY_ID),
            admin=derive_api_key(master, ADMIN_KEY_ID),
            merchants=_merchants(master),
        )
        _accept(folder, master, keys)
    except (KeyFileError, ApiKeysFileError, OSError) as error:
        raise KeysUnusable(str(error)) from error
    return keys


def _accept(folder: DataFolder, master: bytes, keys: Keys) -> None:
    path = folder.api_keys_file
    ours = [
        _api_key(master, keys.demo, DEMO_KEY_ID, DEMO_TENANT, DEMO_ROLES),
        _api_key(master, keys.admin, ADMIN_KEY_ID, "*", ADMIN_ROLES),
    ]
    others = read_api_keys_file(path) if path.exists() else ()
    names = {key.key_id for key in ours}
    write_api_keys_file(path, [*ours, *(key for key in others if key.key_id not in names)])


def _api_key(
    master: bytes, key: str, key_id: str, tenant: str, roles: frozenset[str]
) -> FixedApiKey:
    return FixedApiKey(
        key_id=key_id,
        tenant_id=tenant,
        roles=roles,
        key_hash=hash_api_key(master, key),
        prefix=key[:PREFIX_SHOWN],
    )


def _merchants(master: bytes) -> Merchants:
    def secret(name: str) -> str:
        digest = hmac.new(master, f"demo-merchant:{name}".encode(), sha256).hexdigest()
        return digest[:SECRET_HEX_DIGITS]

    return Merchants(
        paypal={
            "clientId": secret("paypal.clientId"),
            "clientSecret": secret("paypal.clientSecret"),
            "webhookId": secret("paypal.webhookId"),
        },
        pagadito={"uid": secret("pagadito.uid"), "wsk": secret("pagadito.wsk")},
    )
