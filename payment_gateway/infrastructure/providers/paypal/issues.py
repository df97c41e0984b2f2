"""What PayPal's refusals mean: every issue once, whichever call it answers.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (v2.13) and ``payments_payment_v2.json`` (v2.5),
``responses`` of the calls used here; "Handle funding failures" for what sends the payer back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from payment_gateway.infrastructure.providers.wording import word


class IssueClass(IntEnum):
    """What an issue says about the money; where an answer has several, the highest counts."""

    REFUSED = 1  # the request or the account is at fault; nothing happened
    PAYERS_TURN = 2  # nothing was taken; the payer may approve, or choose another means
    DECLINED = 3  # nothing was taken, and with this order nothing will be
    GONE = 4  # there is no such resource, or no longer
    DONE_BEFORE = 5  # an earlier request did it: look at the resource
    UNCLEAR = 6  # something may be under way, or done under this id: ask


# fmt: off
_ISSUES_BY_CLASS: Final[dict[IssueClass, tuple[str, ...]]] = {
    IssueClass.REFUSED: (
        # the form of a request, HTTP 400
        "INVALID_ARRAY_MAX_ITEMS", "INVALID_ARRAY_MIN_ITEMS", "INVALID_PARAMETER_SYNTAX",
        "INVALID_PARAMETER_VALUE", "INVALID_REQUEST", "INVALID_STRING_LENGTH",
        "MALFORMED_REQUEST_JSON", "MISSING_REQUIRED_PARAMETER", "NOT_SUPPORTED",
        "PAYPAL_REQUEST_ID_REQUIRED", "UNSUPPORTED_MEDIA_TYPE",
        # amounts and currencies
        "AMOUNT_MISMATCH", "CANNOT_BE_NEGATIVE", "CANNOT_BE_ZERO_OR_NEGATIVE",
        "CURRENCY_MISMATCH", "DECIMALS_NOT_SUPPORTED", "DECIMAL_PRECISION",
        "INVALID_CURRENCY_CODE", "ITEM_TOTAL_MISMATCH", "ITEM_TOTAL_REQUIRED",
        "MAX_VALUE_EXCEEDED", "MULTI_CURRENCY_ORDER", "TAX_TOTAL_MISMATCH", "TAX_TOTAL_REQUIRED",
        # the shape of an order
        "ACTION_DOES_NOT_MATCH_INTENT", "DUPLICATE_REFERENCE_ID", "REFERENCE_ID_REQUIRED",
        "UNSUPPORTED_INTENT",
        # the merchant's account
        "AUTHENTICATION_FAILURE", "CONSENT_NEEDED", "INVALID_ACCOUNT_STATUS", "NOT_AUTHORIZED",
        "PAYEE_ACCOUNT_INVALID", "PAYEE_ACCOUNT_LOCKED_OR_CLOSED", "PAYEE_ACCOUNT_RESTRICTED",
        "PERMISSION_DENIED",
        # refunds
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED", "PARTIAL_REFUND_NOT_ALLOWED", "PENDING_CAPTURE",
        "REFUND_AMOUNT_EXCEEDED", "REFUND_AMOUNT_TOO_LOW", "REFUND_CAPTURE_CURRENCY_MISMATCH",
        "REFUND_FAILED_INSUFFICIENT_FUNDS", "REFUND_IS_RESTRICTED", "REFUND_NOT_ALLOWED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", "REFUND_TIME_LIMIT_EXCEEDED",
        "TRANSACTION_DISPUTED",
    ),
    IssueClass.PAYERS_TURN: (
        "INSTRUMENT_DECLINED", "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    ),
    IssueClass.DECLINED: (
        "COMPLIANCE_VIOLATION", "DOMESTIC_TRANSACTION_REQUIRED",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "PAYEE_BLOCKED_TRANSACTION",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "PAYER_ACCOUNT_RESTRICTED", "PAYER_CANNOT_PAY",
        "TRANSACTION_BLOCKED_BY_PAYEE", "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_RECEIVING_LIMIT_EXCEEDED", "TRANSACTION_REFUSED",
    ),
    IssueClass.GONE: ("INVALID_RESOURCE_ID", "ORDER_EXPIRED", "RESOURCE_NOT_FOUND"),
    IssueClass.DONE_BEFORE: (
        "CAPTURE_FULLY_REFUNDED", "ORDER_ALREADY_CAPTURED", "ORDER_COMPLETED_OR_VOIDED",
    ),
    IssueClass.UNCLEAR: (
        # the id of the request, or of the payment, was seen before in another connection
        "DUPLICATE_INVOICE_ID", "DUPLICATE_REQUEST_ID", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED",
        "ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT",
        "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE",
    ),
}
# fmt: on

ISSUES: Final[Mapping[str, IssueClass]] = {
    issue: kind for kind, issues in _ISSUES_BY_CLASS.items() for issue in issues
}
IN_PROGRESS: Final = "PREVIOUS_REQUEST_IN_PROGRESS"
_DETAILS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """PayPal's no.

    Attributes:
        issue: PayPal's own code.
        kind: ``None`` for an issue that is not in the table.
    """

    issue: str
    kind: IssueClass | None


def read_refusal(document: Mapping[str, Any] | None) -> Refusal | None:
    """Return what an error document says; ``None`` if it is no error document of PayPal.

    An issue that is not in the table outweighs all others, then the class that claims least.
    Where there are no details, the document's name is the issue.
    """
    if document is None or word(document.get("name")) is None:
        return None
    refusals = [
        Refusal(issue=issue, kind=ISSUES.get(issue))
        for issue in _issues(document.get("details")) or [document["name"]]
    ]
    return max(refusals, key=lambda refusal: refusal.kind or len(IssueClass) + 1)


def _issues(details: Any) -> list[str]:
    if not isinstance(details, list):
        return []
    issues = (
        word(detail.get("issue")) for detail in details[:_DETAILS_MAX] if isinstance(detail, dict)
    )
    return [issue for issue in issues if issue is not None]
