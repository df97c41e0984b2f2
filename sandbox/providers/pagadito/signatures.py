"""How Pagadito signs a notification.

Source: Pagadito's WooCommerce plugin, which verifies them. The merchant's secret is part of the signed text, so a
notification for one merchant is no notification for another.
"""

import base64
import time
import uuid
import zlib

from sandbox.providers.pagadito.model import MERCHANT, Merchant
from sandbox.providers.store import Store
from sandbox.providers.webhooks.identity import SigningIdentity
from sandbox.providers.webhooks.model import Notification, Tamper

CERTIFICATE_HOST = "sandbox.pagadito.com"
CERTIFICATE_PATH = "/cert.pem"
# The reserved top-level domain makes it nobody's; Pagadito's plugin looks at the label before it only.
FOREIGN_ORIGIN = "https://sandbox.pagadito.example"


def signed_text(notification_id: str, timestamp: str, event_id: str, body: bytes, wsk: str) -> str:
    """Return what a notification's signature is made over."""
    return f"{notification_id}|{timestamp}|{event_id}|{zlib.crc32(body)}|{wsk}"


class PagaditoSigner:
    """Signs transmissions as Pagadito does."""

    def __init__(
        self, store: Store, identity: SigningIdentity, public_url: str, algorithm: str
    ) -> None:
        self._store = store
        self._identity = identity
        self._public_url = public_url
        self._algorithm = algorithm

    def headers(
        self, notification: Notification, body: bytes, tamper: Tamper | None
    ) -> dict[str, str]:
        """Return the headers of one transmission, which has an id and a time of its own."""
        merchant = self._store.get(MERCHANT, notification.merchant_id, Merchant)
        assert merchant is not None, "notifications are for registered merchants, which stay"
        notification_id = str(uuid.uuid4())
        # The machine's time, not the simulated one: the transmission itself happens now.
        timestamp = str(int(time.time()))
        text = signed_text(notification_id, timestamp, notification.id, body, merchant.wsk)
        if tamper is Tamper.SIGNATURE:
            text += "0"
        origin = FOREIGN_ORIGIN if tamper is Tamper.CERT_HOST else self._public_url
        return {
            "PAGADITO-NOTIFICATION-ID": notification_id,
            "PAGADITO-NOTIFICATION-TIMESTAMP": timestamp,
            "PAGADITO-AUTH-ALGO": self._algorithm,
            "PAGADITO-CERT-URL": f"{origin}{CERTIFICATE_PATH}",
            "PAGADITO-SIGNATURE": base64.b64encode(self._identity.sign(text)).decode(),
        }
