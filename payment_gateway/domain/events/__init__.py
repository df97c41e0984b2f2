"""What can have happened. Past tense, primitives only, kept forever."""

from payment_gateway.domain.events.credential import CredentialEvent
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.events.subject import SubjectEvent
from payment_gateway.domain.events.tenant import TenantEvent

DomainEvent = PaymentEvent | CredentialEvent | TenantEvent | SubjectEvent
