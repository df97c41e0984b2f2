"""What can have happened. Past tense, primitives only, kept forever."""

from payment_gateway.domain.events.api_key import ApiKeyEvent
from payment_gateway.domain.events.canary import CanaryEvent
from payment_gateway.domain.events.credential import CredentialEvent
from payment_gateway.domain.events.dead_letter import DeadLetterEvent
from payment_gateway.domain.events.erasure import ErasureEvent
from payment_gateway.domain.events.idempotency import IdempotencyEvent
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.events.provider import ProviderEvent
from payment_gateway.domain.events.read_model import ReadModelEvent
from payment_gateway.domain.events.split import SplitEvent
from payment_gateway.domain.events.subject import SubjectEvent
from payment_gateway.domain.events.tenant import TenantEvent
from payment_gateway.domain.events.webhook import WebhookEvent
from payment_gateway.domain.events.webhook_delivery import WebhookDeliveryEvent
from payment_gateway.domain.events.webhook_endpoint import WebhookEndpointEvent

DomainEvent = (
    PaymentEvent
    | SplitEvent
    | WebhookEvent
    | WebhookEndpointEvent
    | WebhookDeliveryEvent
    | CredentialEvent
    | ProviderEvent
    | TenantEvent
    | ApiKeyEvent
    | SubjectEvent
    | ErasureEvent
    | CanaryEvent
    | IdempotencyEvent
    | DeadLetterEvent
    | ReadModelEvent
)
