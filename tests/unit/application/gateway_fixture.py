"""A gateway over the in-memory event store and a provider with faults on demand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from payment_gateway.application.commands.initiate_payment import (
    PaymentRequest,
    initiate_payment,
)
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.api_key_directory import ApiKeyDirectory
from payment_gateway.application.services.api_key_service import ApiKeyService
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.idempotency_service import IdempotencyService
from payment_gateway.application.services.payment_service import ExecutedPayment, PaymentService
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.provider_service import ProviderService
from payment_gateway.application.services.split_service import SplitService
from payment_gateway.application.services.subject_service import SubjectService
from payment_gateway.application.services.tenant_service import TenantService
from payment_gateway.application.services.webhook_delivery_service import WebhookDeliveryService
from payment_gateway.application.services.webhook_endpoint_service import WebhookEndpointService
from payment_gateway.application.services.webhook_service import WebhookService
from payment_gateway.application.webhook_deliveries import WebhookSender
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.persistence.event_types import PAYMENT_EVENT_NAMES
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.security.api_keys import HashedSecrets
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeSubjectCipher,
    EnvelopeWebhookSecretCipher,
    MasterKey,
)
from tests.fake_deliveries import FakeDeliveryRecords, FakeReceiver
from tests.fake_provider import FakeProvider, FakeProviderFactory, FakeProviderHealth

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
IDEMPOTENCY_LEASE = timedelta(seconds=60)
PRICE = PaymentAmountVO(19_99, "USD")


@dataclass
class Shop:
    """A tenant with accounts at two of three providers, and a clock that tests set."""

    store: InMemoryEventStore = field(default_factory=InMemoryEventStore)
    provider: FakeProvider = field(default_factory=FakeProvider)
    direct: FakeProvider = field(default_factory=lambda: FakeProvider(captures_on_approval=True))
    spare: FakeProvider = field(default_factory=FakeProvider)
    deliveries: FakeDeliveryRecords = field(default_factory=FakeDeliveryRecords)
    receiver: WebhookSender = field(default_factory=FakeReceiver)
    now: datetime = NOON
    dropped_answers: list[str] = field(default_factory=list)

    async def _drop_answers(self, tenant_id: str) -> None:
        self.dropped_answers.append(tenant_id)

    def __post_init__(self) -> None:
        self.gateway = self.restarted()

    def restarted(self) -> Gateway:
        """Return a gateway that remembers nothing but what the store does."""
        master = MasterKey(b"k" * 32)
        personal_data = PersonalDataService(self.store, EnvelopeSubjectCipher(master))
        factory = FakeProviderFactory(
            {"PAYPAL": self.provider, "PAGADITO": self.direct, "SPARE": self.spare}
        )
        numbers = ExternalReferenceService(lambda: 1_700_000_000_000_000_000)
        self.gateway = Gateway(
            payments=PaymentService(self.store, lambda: self.now),
            splits=SplitService(self.store),
            credentials=CredentialService(
                store=self.store,
                cipher=EnvelopeCredentialCipher(master),
                factory=factory,
                monotonic=lambda: 0.0,
            ),
            providers=ProviderService(store=self.store, factory=factory, monotonic=lambda: 0.0),
            tenants=TenantService(store=self.store, monotonic=lambda: 0.0),
            api_keys=ApiKeyService(
                store=self.store,
                directory=ApiKeyDirectory(),
                secrets=HashedSecrets(b"k" * 32, live=False),
                new_id=lambda: str(uuid4()),
            ),
            personal_data=personal_data,
            subjects=SubjectService(
                store=self.store,
                streams=self.store,
                fingerprint=master.fingerprint,
                drop_answers=self._drop_answers,
            ),
            webhooks=WebhookService(self.store, {}),
            idempotency=IdempotencyService(
                self.store,
                seal=master,
                fingerprint=master.fingerprint,
                numbers=numbers,
                lease=IDEMPOTENCY_LEASE,
            ),
            webhook_endpoints=WebhookEndpointService(
                store=self.store,
                cipher=EnvelopeWebhookSecretCipher(master),
                records=self.deliveries,
                known_types=PAYMENT_EVENT_NAMES,
                allow_plain=False,
            ),
            webhook_deliveries=WebhookDeliveryService(
                store=self.store, records=self.deliveries, personal_data=personal_data
            ),
            webhook_sender=self.receiver,
            external_references=numbers,
            provider_factory=factory,
            provider_health=FakeProviderHealth(),
            fingerprint=master.fingerprint,
            public_url="https://gateway.example",
            amount_max=Decimal(1000),
            now=lambda: self.now,
        )
        return self.gateway

    @property
    def context(self) -> CommandContext:
        return CommandContext(tenant_id="demo", actor="test", correlation_id="c", at=self.now)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    async def initiate(
        self, provider: str = "PAYPAL", *fallbacks: str, number: str = "ERN-1"
    ) -> ExecutedPayment:
        asked = replace(
            request(provider, number),
            fallback_providers=tuple(ProviderTypeVO(one) for one in fallbacks),
        )
        return await initiate_payment(asked, self.context, self.gateway)

    async def open_account(self, provider: str) -> None:
        await self.gateway.credentials.save(provider, {"secret": "planted"}, self.context)

    async def payment(self, payment_id: PaymentIdVO) -> Payment:
        return (await self.gateway.payments.find(payment_id, tenant_id="demo")).payment

    async def history(self, payment_id: PaymentIdVO) -> list[str]:
        recorded = (await self.store.read(f"payment-{payment_id}")).events
        return [event.type for event in recorded]


async def open_shop() -> Shop:
    shop = Shop()
    await shop.gateway.tenants.create(
        TenantIdVO("demo"), name=None, return_urls=("https://shop.example",), context=shop.context
    )
    for provider in ("PAYPAL", "PAGADITO"):
        await shop.open_account(provider)
    return shop


def request(provider: str = "PAYPAL", number: str | None = "ERN-1") -> PaymentRequest:
    return PaymentRequest(
        tenant_id=TenantIdVO("demo"),
        provider=ProviderTypeVO(provider),
        details=PaymentDetailsVO.whole(PRICE, "Coffee"),
        order_id="order-1",
        external_reference=ExternalReferenceNumberVO(number) if number else None,
        fallback_providers=(),
        allow_pending=False,
        return_url="https://shop.example/thanks",
        cancel_url=None,
        custom_params=None,
        customer=None,
    )
