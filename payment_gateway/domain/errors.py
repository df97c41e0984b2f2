"""Every way the domain can refuse a command.

DomainError
├── InvalidValue                 a value object would not hold what it was given
│   ├── InvalidAmountError       an amount that is no amount of that currency, or out of bounds
│   ├── DetailsDoNotAddUp        the items' total is not the amount
│   └── PartsDoNotAddUp          the parts' total is not the amount
├── UnsupportedProviderError     no adapter for this provider type
├── ProviderNotConfigured        the tenant has stored no credentials for it
├── CredentialRevoked            its credentials must not be used any more
├── ProviderDisabled             the tenant takes no new payments with it
├── TenantNotFound               no such tenant
├── TenantExists                 a tenant of that id was created before
├── TenantSuspended              the tenant can command nothing for now
├── TenantDeleted                the tenant can command nothing any more
├── ApiKeyNotFound               no such API key
├── ApiKeyEnded                  the API key is accepted no more
├── ApiKeyFixed                  the API key is one of the file, which no command changes
├── ReturnUrlNotAllowed          an address the tenant has not listed
├── WebhookEndpointNotFound      no such endpoint of this tenant, or it was deleted
├── WebhookEndpointLimit         the tenant has as many endpoints as it may have
├── WebhookDeliveryNotFound      no such delivery of this tenant
├── PaymentNotFound              nothing was ever recorded under this id
├── SplitNotFound                no order in parts was ever recorded under this id
├── SplitNotRefundable           more than one part could not be given back
├── ExternalReferenceInUse       the number names another payment
├── PaymentStateConflict         right command, wrong moment
│   ├── PaymentNotApproved       the payer has not approved yet
│   ├── PaymentDeclined          the payer's means of payment was declined
│   ├── PaymentCancelled         the payment was cancelled
│   ├── PaymentStillPayable      it cannot be called off, the provider may still take it
│   └── PaymentExpired           the payer did not pay in time
├── PaymentFailedError           the provider will not take this payment
├── RefundExceedsCaptured        more was asked back than is left
├── RefundIdInUse                the refund id names another refund of this payment
├── RefundFailed                 the provider will not give this refund
├── RefundNotSupported           the provider cannot refund at all
├── ExchangeRateNotSupported     the provider names no exchange rates
├── IdempotencyKeyReused         the idempotency key was used for another command
├── IdempotencyKeyInUse          the idempotency key's command is being carried out
├── PreconditionFailed           what the command was meant for has changed
├── NotYet                       the query does not show what its caller knows of
└── ProviderUnavailableError     the provider was not reached; nothing happened there
"""

from __future__ import annotations

from typing import ClassVar, Final

# After so many seconds it is worth asking whether a command under way is done, or shows.
ASK_AGAIN_S: Final = 1.0


class DomainError(Exception):
    """A command was refused. What was recorded before it stays; nothing is half done.

    Attributes:
        code: The stable word for this refusal, the same in every interface.
        retryable: Whether the same command may succeed later without being changed.
        param: The field at fault where it is one field, in the wire's spelling.
    """

    code: ClassVar[str]
    retryable: ClassVar[bool] = False
    param: str | None = None


class InvalidValue(DomainError):
    """A value object would not hold what it was given."""

    code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidAmountError(InvalidValue):
    """Not an amount of that currency, or not within bounds."""

    code = "invalid_amount"

    def __init__(self, message: str, *, param: str | None = "amount") -> None:
        super().__init__(message, param=param)


class DetailsDoNotAddUp(InvalidValue):
    """The items' total is not the amount of the payment."""

    code = "details_do_not_add_up"

    def __init__(self, *, total: str, amount: str) -> None:
        super().__init__(f"the details add up to {total}, the amount is {amount}", param="details")


class PartsDoNotAddUp(InvalidValue):
    """The parts' total is not the amount of the order."""

    code = "parts_do_not_add_up"

    def __init__(self, *, total: str, amount: str) -> None:
        super().__init__(f"the parts add up to {total}, the amount is {amount}", param="parts")


class UnsupportedProviderError(DomainError):
    """There is no adapter for this provider type."""

    code = "unsupported_provider"
    param = "providerType"

    def __init__(self, provider_type: str, supported: tuple[str, ...] = ()) -> None:
        known = f"; supported: {', '.join(supported)}" if supported else ""
        super().__init__(f"provider {provider_type} is not supported{known}")
        self.provider_type = provider_type


class ProviderNotConfigured(DomainError):
    """The tenant has stored no credentials for this provider."""

    code = "provider_not_configured"
    param = "providerType"

    def __init__(self, provider_type: str) -> None:
        super().__init__(f"no credentials are stored for {provider_type}; an admin can store them")
        self.provider_type = provider_type


class CredentialRevoked(DomainError):
    """The tenant's credentials for this provider were revoked, and none stored since."""

    code = "credential_revoked"
    param = "providerType"

    def __init__(self, provider_type: str) -> None:
        super().__init__(
            f"the credentials for {provider_type} were revoked; an admin can store others"
        )
        self.provider_type = provider_type


class ProviderDisabled(DomainError):
    """The tenant takes no new payments with this provider."""

    code = "provider_disabled"
    param = "providerType"

    def __init__(self, provider_type: str) -> None:
        super().__init__(f"{provider_type} is disabled for new payments; an admin can enable it")
        self.provider_type = provider_type


class TenantNotFound(DomainError):
    """No tenant of that id was ever created."""

    code = "tenant_not_found"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"there is no tenant {tenant_id}")
        self.tenant_id = tenant_id


class TenantExists(DomainError):
    """A tenant of that id was created before, with other properties."""

    code = "tenant_exists"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"tenant {tenant_id} exists already")
        self.tenant_id = tenant_id


class TenantSuspended(DomainError):
    """The tenant is suspended: payments that are open are finished, no command is taken."""

    code = "tenant_suspended"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"the tenant {tenant_id} is suspended; ask the gateway's operator")


class TenantDeleted(DomainError):
    """The tenant is deleted: payments that are open are finished, no command is taken."""

    code = "tenant_deleted"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"the tenant {tenant_id} is deleted")


class ApiKeyNotFound(DomainError):
    """There is no API key of that id."""

    code = "api_key_not_found"

    def __init__(self, api_key_id: str) -> None:
        super().__init__(f"there is no API key {api_key_id}")


class ApiKeyEnded(DomainError):
    """The API key was revoked or has expired; make another one."""

    code = "api_key_ended"

    def __init__(self, api_key_id: str) -> None:
        super().__init__(f"the API key {api_key_id} was revoked or has expired; make another one")


class ApiKeyFixed(DomainError):
    """The API key stands in the file of fixed keys, which no command changes."""

    code = "api_key_fixed"

    def __init__(self, api_key_id: str) -> None:
        super().__init__(
            f"the API key {api_key_id} is one of the file of fixed keys; take it out of the file"
        )


class ReturnUrlNotAllowed(DomainError):
    """The payer would be sent to an origin that the tenant has not listed."""

    code = "return_url_not_allowed"

    def __init__(self, param: str) -> None:
        super().__init__(f"the origin of {param} is not in the tenant's returnUrls")
        self.param = param


class WebhookEndpointNotFound(DomainError):
    """The tenant has no webhook endpoint of that id, or has deleted it."""

    code = "webhook_endpoint_not_found"

    def __init__(self) -> None:
        super().__init__("there is no such webhook endpoint")


class WebhookEndpointLimit(DomainError):
    """The tenant has as many webhook endpoints as it may have; delete one first."""

    code = "webhook_endpoint_limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"a tenant has at most {limit} webhook endpoints; delete one first")


class WebhookDeliveryNotFound(DomainError):
    """The tenant has no delivery of that id."""

    code = "webhook_delivery_not_found"

    def __init__(self) -> None:
        super().__init__("there is no such delivery")


class PaymentNotFound(DomainError):
    """Nothing was ever recorded under this payment id, as far as the caller may know."""

    code = "payment_not_found"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"there is no payment {payment_id}")
        self.payment_id = payment_id


class SubjectNotFound(DomainError):
    """Nothing of a customer of that reference is kept for the tenant, nor ever was."""

    code = "subject_not_found"

    def __init__(self) -> None:
        super().__init__("nothing of that reference is kept for this tenant, nor ever was")


class SplitNotFound(DomainError):
    """Nothing was ever recorded under this split id, as far as the caller may know."""

    code = "split_not_found"

    def __init__(self) -> None:
        super().__init__("there is no such split")


class SplitNotRefundable(DomainError):
    """Only one part may be with a provider that cannot refund; two could not both be taken last."""

    code = "split_not_refundable"
    param = "parts"

    def __init__(self, providers: tuple[str, ...]) -> None:
        super().__init__(f"more than one part cannot be given back: {', '.join(providers)}")
        self.providers = providers


class ExternalReferenceInUse(DomainError):
    """The external reference number names another payment."""

    code = "external_reference_in_use"
    param = "externalReferenceNumber"

    def __init__(self) -> None:
        super().__init__("this external reference number is in use; choose another")


class PaymentStateConflict(DomainError):
    """The command is a legal one, but not while the payment is in this state."""

    code = "payment_state_conflict"

    def __init__(self, *, command: str, status: str) -> None:
        super().__init__(f"cannot {command} a payment that is {status}")
        self.command = command
        self.status = status


class PaymentNotApproved(PaymentStateConflict):
    """The payer has not approved the payment yet; try again once they have."""

    code = "payment_not_approved"
    retryable = True


class PaymentDeclined(PaymentStateConflict):
    """The payer's means of payment was declined."""

    code = "payment_declined"


class PaymentCancelled(PaymentStateConflict):
    """The payment was cancelled."""

    code = "payment_cancelled"


class PaymentStillPayable(PaymentStateConflict):
    """The provider may still take the money until its checkout expires, and cannot be told not to."""

    code = "payment_still_payable"


class PaymentExpired(PaymentStateConflict):
    """The payer did not pay in time."""

    code = "payment_expired"


class PaymentFailedError(DomainError):
    """The provider will not take this payment; it is final."""

    code = "payment_failed"

    def __init__(self, *, payment_id: str, reason: str) -> None:
        super().__init__(f"the provider refused the payment: {reason}")
        self.payment_id = payment_id
        self.reason = reason


class RefundExceedsCaptured(DomainError):
    """More money was asked back than is still held."""

    code = "refund_exceeds_captured"
    param = "amount"

    def __init__(self, *, requested: str, refundable: str) -> None:
        super().__init__(f"a refund of {requested} was asked for, {refundable} is left")
        self.requested = requested
        self.refundable = refundable


class RefundIdInUse(DomainError):
    """The refund id names another refund of this payment."""

    code = "refund_id_in_use"
    param = "refundId"

    def __init__(self, refund_id: str) -> None:
        super().__init__(f"refund {refund_id} was asked for before with another amount")
        self.refund_id = refund_id


class RefundFailed(DomainError):
    """The provider will not give this refund; the money can be asked back again."""

    code = "refund_failed"

    def __init__(self, *, refund_id: str, reason: str) -> None:
        super().__init__(f"the provider refused the refund: {reason}")
        self.refund_id = refund_id
        self.reason = reason


class RefundNotSupported(DomainError):
    """The provider has no refunds; one must be made by hand in its own panel."""

    code = "refund_not_supported"

    def __init__(self, provider_type: str) -> None:
        super().__init__(f"{provider_type} cannot refund through its interface")
        self.provider_type = provider_type


class ExchangeRateNotSupported(DomainError):
    """The provider names no exchange rates."""

    code = "exchange_rate_not_supported"
    param = "providerType"

    def __init__(self, provider_type: str) -> None:
        super().__init__(f"{provider_type} names no exchange rates")
        self.provider_type = provider_type


class ProviderUnavailableError(DomainError):
    """The provider was not reached, or told us to slow down: nothing happened there."""

    code = "provider_unavailable"
    retryable = True

    def __init__(self, provider_type: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{provider_type} cannot be reached at the moment")
        self.provider_type = provider_type
        self.retry_after_s = retry_after_s


class IdempotencyKeyReused(DomainError):
    """The same idempotency key was sent with another request before."""

    code = "idempotency_key_reused"
    param = "Idempotency-Key"

    def __init__(self) -> None:
        super().__init__("this key was sent with another request; use a new key for a new request")


class IdempotencyKeyInUse(DomainError):
    """The request with this idempotency key is still being carried out."""

    code = "idempotency_key_in_use"
    retryable = True
    param = "Idempotency-Key"

    def __init__(self, *, lapses_in_s: float) -> None:
        super().__init__("the request with this key is still being carried out; ask again")
        self.retry_after_s = min(lapses_in_s, ASK_AGAIN_S)


class NotYet(DomainError):
    """The answer does not show your last command yet; ask again."""

    code = "not_yet"
    retryable = True

    def __init__(self) -> None:
        super().__init__("the answer does not show your last command yet; ask again")
        self.retry_after_s = ASK_AGAIN_S


class PreconditionFailed(DomainError):
    """What ``If-Match`` names is not how things stand any more."""

    code = "precondition_failed"
    param = "If-Match"

    def __init__(self) -> None:
        super().__init__("it has changed since; look at it again and decide anew")
