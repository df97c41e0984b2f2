"""PayPal's notifications: how they are signed, and checked.

Source: PayPal, "Webhooks guide", headers and "Verify webhook signatures manually".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from payment_gateway.application.webhooks import Notification, SignatureRefused
from payment_gateway.domain.value_objects.provider_credentials import (
    PayPalCredentialsVO,
    ProviderCredentials,
)
from payment_gateway.infrastructure.webhooks.certificate_url import (
    Hosts,
    check_provider_url,
    check_same_origin,
)
from payment_gateway.infrastructure.webhooks.notification_body import read_envelope
from payment_gateway.infrastructure.webhooks.paypal_events import read_news
from payment_gateway.infrastructure.webhooks.signature import (
    checksum,
    header,
    read_time,
)
from payment_gateway.infrastructure.webhooks.signed_text import Signatures, SignedText

DOMAIN: Final = "paypal.com"
LIVE: Final = Hosts(exactly=frozenset({"api.paypal.com", "api-m.paypal.com"}))
SANDBOX: Final = Hosts(exactly=frozenset({"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}))
CERTIFICATE_PATH: Final = "/v1/notifications/certs/"
ALGORITHM: Final = "SHA256withRSA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """One sending of a notification, as its headers name it.

    Attributes:
        sent_at: As it is written in the header, because it is signed like that.
        certificate_url: At an address of PayPal's: that has been checked.
        body: The bytes as they came.
    """

    transmission_id: str
    sent_at: str
    signature: str
    certificate_url: str
    body: bytes


class TransmissionCheck(Protocol):
    """A way to find out whether PayPal has signed a transmission."""

    async def check(self, transmission: Transmission, credentials: PayPalCredentialsVO) -> None:
        """Make sure that PayPal sent it to the webhook of these credentials.

        Raises:
            SignatureRefused: It did not.
            VerificationUnavailable: That could not be found out.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCheck:
    """Checks the signature here, with the certificate that PayPal has at an address of its own."""

    signatures: Signatures

    async def check(self, transmission: Transmission, credentials: PayPalCredentialsVO) -> None:
        """Make sure that PayPal sent it; see ``TransmissionCheck``."""
        parts = (
            transmission.transmission_id,
            transmission.sent_at,
            credentials.webhook_id,
            str(checksum(transmission.body)),
        )
        signed = SignedText(text="|".join(parts), signature=transmission.signature)
        await self.signatures.check(signed, url=transmission.certificate_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalWebhooks:
    """Reads and verifies what PayPal sends.

    Attributes:
        transmissions: How a signature is checked.
        base_url: The simulator that stands for PayPal, if one does.
    """

    transmissions: TransmissionCheck
    base_url: str | None

    def read(self, body: bytes) -> Notification:
        """Return what the body says.

        Raises:
            NotANotification: It is none.
        """
        delivery_id, event_type, resource = read_envelope(body)
        payment_id, news = read_news(event_type, resource)
        return Notification(
            delivery_id=delivery_id, event_type=event_type, payment_id=payment_id, news=news
        )

    async def verify(
        self, headers: Mapping[str, str], body: bytes, credentials: ProviderCredentials
    ) -> datetime | None:
        """Make sure that PayPal sent it to the webhook of these credentials, and return when.

        Raises:
            SignatureRefused: It did not.
            VerificationUnavailable: That could not be found out.
        """
        assert isinstance(credentials, PayPalCredentialsVO), "credentials of this provider"
        transmission = Transmission(
            transmission_id=header(headers, "paypal-transmission-id"),
            sent_at=header(headers, "paypal-transmission-time"),
            signature=header(headers, "paypal-transmission-sig"),
            certificate_url=header(headers, "paypal-cert-url"),
            body=body,
        )
        if header(headers, "paypal-auth-algo").lower() != ALGORITHM.lower():
            raise SignatureRefused(f"only {ALGORITHM} is known")
        if self.base_url is not None:
            check_same_origin(transmission.certificate_url, self.base_url)
        else:
            hosts = SANDBOX if credentials.sandbox else LIVE
            check_provider_url(transmission.certificate_url, hosts, path=CERTIFICATE_PATH)
        await self.transmissions.check(transmission, credentials)
        return read_time(transmission.sent_at)
