"""Pagadito's notifications: how they are written and signed.

Source: Pagadito's WooCommerce plugin, which reads the same headers and signs the same text; Pagadito's
documentation of webhooks: sent again until answered 2xx, in any order, perhaps twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payment_gateway.application.webhooks import (
    News,
    Notification,
    PaymentNews,
    SignatureRefused,
)
from payment_gateway.domain.value_objects.provider_credentials import (
    PagaditoCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.infrastructure.providers.wording import word
from payment_gateway.infrastructure.webhooks.certificate_url import (
    Hosts,
    check_provider_url,
    check_same_origin,
)
from payment_gateway.infrastructure.webhooks.notification_body import (
    payment_of,
    raw_id,
    read_envelope,
)
from payment_gateway.infrastructure.webhooks.signature import (
    checksum,
    header,
    read_time,
)
from payment_gateway.infrastructure.webhooks.signed_text import Signatures, SignedText

DOMAIN: Final = "pagadito.com"
# Which of its hosts has the certificates is not documented; the plugin takes any.
LIVE: Final = Hosts(domain=DOMAIN, but_not=("sandbox",))
SANDBOX: Final = Hosts(domain=DOMAIN)
# Names of one and the same algorithm: OpenSSL's, Java's and others'.
_ALGORITHMS: Final = frozenset(
    {"sha256withrsaencryption", "sha256withrsa", "rsa-sha256", "rsa_sha256", "sha256"}
)
_STATUS_CHANGE: Final = "TRANSACTION.STATUS.CHANGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagaditoWebhooks:
    """Reads and verifies what Pagadito sends.

    Attributes:
        base_url: The simulator that stands for Pagadito, if one does.
    """

    signatures: Signatures
    base_url: str | None

    def read(self, body: bytes) -> Notification:
        """Return what the body says.

        Raises:
            NotANotification: It is none.
        """
        delivery_id, event_type, resource = read_envelope(body)
        news: News | None = None
        if event_type == _STATUS_CHANGE:
            news = PaymentNews(
                order_id=word(resource.get("token")), reference_number=word(resource.get("ern"))
            )
        return Notification(
            delivery_id=delivery_id,
            event_type=event_type,
            payment_id=payment_of(resource.get("ern")),
            news=news,
        )

    async def verify(
        self, headers: Mapping[str, str], body: bytes, credentials: ProviderCredentials
    ) -> datetime | None:
        """Make sure that Pagadito sent it to the account of these credentials, and return when.

        Raises:
            SignatureRefused: It did not.
            VerificationUnavailable: That could not be found out.
        """
        assert isinstance(credentials, PagaditoCredentialsVO), "credentials of this provider"
        notification_id = header(headers, "pagadito-notification-id")
        sent_at = header(headers, "pagadito-notification-timestamp")
        signature = header(headers, "pagadito-signature")
        url = header(headers, "pagadito-cert-url")
        if header(headers, "pagadito-auth-algo").lower() not in _ALGORITHMS:
            raise SignatureRefused("only RSA with SHA-256 is known")
        if self.base_url is not None:
            check_same_origin(url, self.base_url)
        else:
            check_provider_url(url, SANDBOX if credentials.sandbox else LIVE)
        named = (notification_id, sent_at, raw_id(body), str(checksum(body)))
        text = "|".join((*named, credentials.wsk.reveal()))
        await self.signatures.check(SignedText(text=text, signature=signature), url=url)
        return read_time(sent_at)
