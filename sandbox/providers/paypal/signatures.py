"""How PayPal signs a transmission, where its certificate is, and verifying one for a merchant.

Source: PayPal's page on webhooks and OpenAPI ``notifications_webhooks_v1.json``.
"""

import base64
import binascii
import uuid
import zlib
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.providers.paypal.errors import refuse
from sandbox.providers.paypal.model import MERCHANT, Merchant
from sandbox.providers.paypal.representation import timestamp
from sandbox.providers.paypal.simulation import Call, PayPalSimulation
from sandbox.providers.store import Store
from sandbox.providers.webhooks.control import pem_response
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.model import Notification, Tamper

ALGORITHM = "SHA256withRSA"
CERTIFICATE_HOST = "messageverificationcerts.sandbox.paypal.com"
# The reserved top-level domain makes it nobody's; a test for a suffix or a prefix takes it for PayPal's.
FOREIGN_ORIGIN = "https://api.sandbox.paypal.com.example"

_CERTIFICATES = "/v1/notifications/certs"


def signed_text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> str:
    """Return what a transmission's signature is made over."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}"


class PayPalSigner:
    """Signs transmissions as PayPal does."""

    def __init__(self, store: Store, identity: SigningIdentity, public_url: str) -> None:
        self._store = store
        self._identity = identity
        self._public_url = public_url

    def headers(
        self, notification: Notification, body: bytes, tamper: Tamper | None
    ) -> dict[str, str]:
        """Return the headers of one transmission, which has an id and a time of its own."""
        merchant = self._store.get(MERCHANT, notification.merchant_id, Merchant)
        assert merchant is not None, "notifications are for registered merchants, which stay"
        transmission_id = str(uuid.uuid4())
        # The machine's time, not the simulated one: the transmission itself happens now.
        time = timestamp(datetime.now(UTC))
        text = signed_text(transmission_id, time, merchant.webhook_id, body)
        if tamper is Tamper.SIGNATURE:
            text += "0"
        origin = FOREIGN_ORIGIN if tamper is Tamper.CERT_HOST else self._public_url
        return {
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-TIME": time,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(self._identity.sign(text)).decode(),
            "PAYPAL-CERT-URL": certificate_url(self._identity, origin),
            "PAYPAL-AUTH-ALGO": ALGORITHM,
        }


def certificate_url(identity: SigningIdentity, origin: str) -> str:
    """Return where the certificate is said to be."""
    return f"{origin}{_CERTIFICATES}/{identity.certificate_name}"


async def show_certificate(simulation: PayPalSimulation, request: Request) -> Response:
    """Answer ``GET /v1/notifications/certs/{name}``."""
    if request.path_params["name"] != simulation.identity.certificate_name:
        raise HTTPException(404, "there is no such certificate")
    return pem_response(simulation.identity.certificate_pem)


class _Verification(msgspec.Struct, frozen=True):
    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str
    webhook_id: str
    webhook_event: msgspec.Raw
    """The very bytes of the event: written anew, the same event has another checksum."""


def is_genuine(simulation: PayPalSimulation, call: Call) -> bool:
    """Say whether what the merchant has received is what was sent to its webhook.

    Raises:
        PayPalRefusal: A field is missing or is no text.
    """
    for name in _Verification.__struct_fields__:
        if name not in call.body:
            raise refuse("MISSING_REQUIRED_PARAMETER", f"/{name}")
    try:
        asked = msgspec.json.decode(call.raw_body, type=_Verification)
    except msgspec.ValidationError as error:
        raise refuse("INVALID_PARAMETER_SYNTAX", "/") from error
    identity = simulation.identity
    expected = (ALGORITHM, certificate_url(identity, simulation.public_url))
    if (asked.auth_algo, asked.cert_url) != expected:
        return False
    if asked.webhook_id != call.merchant.webhook_id:
        return False
    text = signed_text(
        asked.transmission_id, asked.transmission_time, asked.webhook_id, bytes(asked.webhook_event)
    )
    try:
        signature = base64.b64decode(asked.transmission_sig, validate=True)
        identity.public_key.verify(signature, text.encode(), PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True
