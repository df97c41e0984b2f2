"""OAuth 2 client credentials: who may call, and for how long.

Source: PayPal's REST authentication page; the two-field error bodies are what its servers answer at this level.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from sandbox.providers.bodies import json_response, read_form
from sandbox.providers.expiring import put_until
from sandbox.providers.identifiers import upper_alphanumeric
from sandbox.providers.paypal.errors import condition
from sandbox.providers.paypal.model import BEARER, MERCHANT, AccessToken, Merchant
from sandbox.providers.paypal.simulation import PayPalSimulation

_BEARER_PREFIX = "A21AA"
_TOKEN_RANDOM_BYTES = 48
_SCOPE = "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/payments/refund"


def secret_digest(secret: str) -> str:
    """Return the form in which a client secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def issue_token(simulation: PayPalSimulation, request: Request) -> Response:
    """Answer ``POST /v1/oauth2/token``."""
    form = await read_form(request)
    client_id, secret = _basic_credentials(request.headers.get("authorization", ""))
    return await simulation.store.transact(
        lambda: _issue(simulation, client_id, secret, form.get("grant_type"))
    )


def _issue(
    simulation: PayPalSimulation, client_id: str, secret: str, grant_type: str | None
) -> Response:
    merchant = simulation.store.get(MERCHANT, client_id, Merchant)
    if merchant is None or not hmac.compare_digest(merchant.secret_sha256, secret_digest(secret)):
        return _oauth_error(401, "invalid_client", "Client Authentication failed")
    if grant_type != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type", "Grant Type is not supported")
    token = _BEARER_PREFIX + secrets.token_urlsafe(_TOKEN_RANDOM_BYTES)
    now = simulation.clock.now()
    life_s = simulation.rules.token_life_s
    until = now + timedelta(seconds=life_s)
    issued = AccessToken(client_id=client_id, expires_at=until)
    put_until(simulation.store, BEARER, token, issued, now=now, until=until)
    return json_response(
        {
            "scope": _SCOPE,
            "access_token": token,
            "token_type": "Bearer",
            "app_id": f"APP-{upper_alphanumeric(17)}",
            "expires_in": life_s,
            "nonce": f"{now:%Y-%m-%dT%H:%M:%SZ}{secrets.token_urlsafe(32)}",
        }
    )


def authenticate(simulation: PayPalSimulation, authorization: str | None) -> Merchant | Response:
    """Return whose bearer token this is, or the 401 to answer."""
    if authorization is None:
        return condition(401)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(_BEARER_PREFIX):
        return _oauth_error(401, "invalid_token", "Token signature verification failed")
    known = simulation.store.get(BEARER, token, AccessToken)
    if known is None or known.expires_at <= simulation.clock.now():
        return _oauth_error(401, "invalid_token", "Access Token not found in cache")
    merchant = simulation.store.get(MERCHANT, known.client_id, Merchant)
    assert merchant is not None, "tokens are only issued to registered merchants, which stay"
    return merchant


def _basic_credentials(authorization: str) -> tuple[str, str]:
    """Return id and secret of HTTP Basic; two empty strings, which nobody has, where there are none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _oauth_error(status: int, error: str, description: str) -> Response:
    return json_response({"error": error, "error_description": description}, status)
