"""Everything an entry point may use, in one frozen object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from payment_gateway.application.ports import Fingerprint, ProviderFactory, ProviderHealth
from payment_gateway.application.services.api_key_service import ApiKeyService
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.idempotency_service import IdempotencyService
from payment_gateway.application.services.payment_service import PaymentService
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.provider_service import ProviderService
from payment_gateway.application.services.split_service import SplitService
from payment_gateway.application.services.subject_service import SubjectService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.application.services.webhook_delivery_service import WebhookDeliveryService
from payment_gateway.application.services.webhook_endpoint_service import WebhookEndpointService
from payment_gateway.application.services.webhook_service import WebhookService
from payment_gateway.application.webhook_deliveries import WebhookSender


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Built by ``bootstrap.open_gateway`` in production and by hand in tests.

    Attributes:
        public_url: Where payers' browsers reach this gateway, without a slash at the end.
        amount_max: The largest amount of one payment, in major units of its currency.
    """

    payments: PaymentService
    splits: SplitService
    credentials: CredentialService
    providers: ProviderService
    tenants: TenantService
    api_keys: ApiKeyService
    personal_data: PersonalDataService
    subjects: SubjectService
    webhooks: WebhookService
    idempotency: IdempotencyService
    webhook_endpoints: WebhookEndpointService
    webhook_deliveries: WebhookDeliveryService
    webhook_sender: WebhookSender
    external_references: ExternalReferenceService
    provider_factory: ProviderFactory
    provider_health: ProviderHealth
    fingerprint: Fingerprint
    public_url: str
    amount_max: Decimal
    now: Callable[[], datetime]
