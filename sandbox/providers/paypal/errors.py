"""PayPal's refusals: an HTTP status with a name, and issues that say what is wrong.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` and ``payments_payment_v2.json``, ``responses``.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from sandbox.providers.bodies import json_response
from sandbox.providers.identifiers import hexadecimal

DEBUG_ID_LENGTH = 13

_NAMES = {
    400: (
        "INVALID_REQUEST",
        "Request is not well-formed, syntactically incorrect, or violates schema.",
    ),
    401: (
        "AUTHENTICATION_FAILURE",
        (
            "Authentication failed due to missing authorization header, "
            "or invalid authentication credentials."
        ),
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: (
        "UNSUPPORTED_MEDIA_TYPE",
        "The server does not support the request payload's media type.",
    ),
    422: (
        "UNPROCESSABLE_ENTITY",
        (
            "The requested action could not be performed, semantically incorrect, "
            "or failed business validation."
        ),
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error has occurred."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}

_DESCRIPTIONS_400 = {
    "MISSING_REQUIRED_PARAMETER": "A required field is missing.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not have the expected form.",
    "INVALID_PARAMETER_VALUE": "The value of a field is not one of the allowed ones.",
    "INVALID_STRING_LENGTH": "The value of a field is too short or too long.",
    "INVALID_ARRAY_MIN_ITEMS": "The array has fewer items than required.",
    "INVALID_ARRAY_MAX_ITEMS": "The array has more items than allowed.",
    "MALFORMED_REQUEST_JSON": "The request body is not valid JSON.",
    "NOT_SUPPORTED": "This field is not supported here.",
    "PAYPAL_REQUEST_ID_REQUIRED": "A PayPal-Request-Id is required for this payment source.",
    "DUPLICATE_REQUEST_ID": "This PayPal-Request-Id was used for another request.",
}
_DESCRIPTIONS_422 = {
    "ACTION_DOES_NOT_MATCH_INTENT": "The order was created with another intent.",
    "AMOUNT_MISMATCH": "Should equal item_total + tax_total + shipping + handling + insurance"
    " - shipping_discount - discount.",
    "CANNOT_BE_NEGATIVE": "Must be zero or more.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be more than zero.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded.",
    "COMPLIANCE_VIOLATION": "The transaction was declined for a compliance reason.",
    "CURRENCY_MISMATCH": "The currency differs from that of the transaction.",
    "DECIMALS_NOT_SUPPORTED": "This currency has no decimals.",
    "DECIMAL_PRECISION": "The value has more decimals than its currency allows.",
    "DOMESTIC_TRANSACTION_REQUIRED": "Payer and payee must be in the same country.",
    "DUPLICATE_INVOICE_ID": "The invoice id was already used.",
    "DUPLICATE_REFERENCE_ID": "Purchase units must have different reference ids.",
    "INSTRUMENT_DECLINED": "The instrument presented was declined; another one is needed.",
    "INVALID_CURRENCY_CODE": "The currency code is not supported.",
    "ITEM_TOTAL_MISMATCH": "Should equal the sum of unit_amount * quantity over all items.",
    "ITEM_TOTAL_REQUIRED": "Items are given, so breakdown.item_total is required.",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "Too many attempts; create a new order.",
    "MAX_NUMBER_OF_REFUNDS_EXCEEDED": "The capture has been refunded too many times.",
    "MAX_VALUE_EXCEEDED": "Should be less than or equal to 999999999999999.99.",
    "MULTI_CURRENCY_ORDER": "All amounts of an order must have the same currency.",
    "ORDER_ALREADY_CAPTURED": "The order was already captured.",
    "ORDER_COMPLETED_OR_VOIDED": "The order is completed or voided.",
    "ORDER_COMPLETION_IN_PROGRESS": "The order is being completed.",
    "ORDER_EXPIRED": "The order has expired.",
    "ORDER_NOT_APPROVED": "The payer has not approved the order.",
    "PARTIAL_REFUND_NOT_ALLOWED": "This capture can only be refunded as a whole.",
    "PAYEE_ACCOUNT_INVALID": "The payee's account is invalid.",
    "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": "The payee's account is locked or closed.",
    "PAYEE_ACCOUNT_RESTRICTED": "The payee's account is restricted.",
    "PAYEE_BLOCKED_TRANSACTION": "The payee's settings block this transaction.",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "The payer's account is locked or closed.",
    "PAYER_ACCOUNT_RESTRICTED": "The payer's account is restricted.",
    "PAYER_ACTION_REQUIRED": "The payer must take an action; send them to the link.",
    "PAYER_CANNOT_PAY": "The payer cannot pay with this instrument.",
    "PAYPAL_REQUEST_ID_PREVIOUSLY_USED": "This PayPal-Request-Id was used for another request.",
    "PENDING_CAPTURE": "The capture has not completed.",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": "The payer must choose another funding source.",
    "REFERENCE_ID_REQUIRED": "Several purchase units need a reference id each.",
    "REFUND_AMOUNT_EXCEEDED": "More than what is left of the capture.",
    "REFUND_AMOUNT_TOO_LOW": "The amount is zero after conversion.",
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "The refund must be in the currency of the capture.",
    "REFUND_FAILED_INSUFFICIENT_FUNDS": "The merchant's balance does not cover the refund.",
    "REFUND_IS_RESTRICTED": "Only the party that captured may refund.",
    "REFUND_NOT_ALLOWED": "This capture cannot be refunded.",
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": "A chargeback is open.",
    "REFUND_TIME_LIMIT_EXCEEDED": "The capture is too old to be refunded.",
    "TAX_TOTAL_MISMATCH": "Should equal the sum of tax * quantity over all items.",
    "TAX_TOTAL_REQUIRED": "Items have tax, so breakdown.tax_total is required.",
    "TRANSACTION_BLOCKED_BY_PAYEE": "The payee's fraud settings block this transaction.",
    "TRANSACTION_DISPUTED": "A case is open; only a full refund is possible.",
    "TRANSACTION_LIMIT_EXCEEDED": "The transaction exceeds the payer's limit.",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": "The transaction exceeds the payee's limit.",
    "TRANSACTION_REFUSED": "The transaction was refused.",
    "UNSUPPORTED_INTENT": "AUTHORIZE takes one purchase unit only.",
}
ISSUES: dict[str, tuple[int, str]] = {
    **{issue: (400, text) for issue, text in _DESCRIPTIONS_400.items()},
    "INVALID_ACCOUNT_STATUS": (401, "The account could not be validated."),
    "PERMISSION_DENIED": (403, "The caller has no permission for this resource."),
    "CONSENT_NEEDED": (403, "The payer's consent is missing."),
    "INVALID_RESOURCE_ID": (404, "There is no such resource, or it has expired."),
    "PREVIOUS_REQUEST_IN_PROGRESS": (409, "A request with this PayPal-Request-Id is running."),
    **{issue: (422, text) for issue, text in _DESCRIPTIONS_422.items()},
}
_SEND_PAYER_BACK = frozenset(
    {"INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"}
)
_CONDITIONS = {
    name: status for status, (name, _) in _NAMES.items() if status in {401, 415, 429, 500, 503}
}
CODES = frozenset({*ISSUES, *_CONDITIONS})


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request: the issue and, as a JSON pointer, where."""

    issue: str
    field: str | None = None
    value: str | None = None
    location: str = "body"


class PayPalRefusal(Exception):
    """A request that PayPal answers with its error document. All problems share the first one's status."""

    def __init__(self, *problems: Problem, checkout_url: str | None = None) -> None:
        super().__init__(", ".join(problem.issue for problem in problems))
        self.problems = problems
        self.checkout_url = checkout_url

    def response(self) -> Response:
        """Return the error document, with the way back for the payer where the issue has one."""
        status, _ = ISSUES[self.problems[0].issue]
        links = [
            _link(
                f"https://developer.paypal.com/docs/api/orders/v2/#error-{problem.issue}",
                "information_link",
            )
            for problem in self.problems
        ]
        if self.checkout_url and self.problems[0].issue in _SEND_PAYER_BACK:
            links.append(_link(self.checkout_url, "redirect"))
        return condition(
            status, details=[_detail(problem) for problem in self.problems], links=links
        )


def refuse(issue: str, field: str | None = None, value: str | None = None) -> PayPalRefusal:
    """Return the refusal for one problem."""
    return PayPalRefusal(Problem(issue=issue, field=field, value=value))


def condition(
    status: int,
    *,
    details: list[dict[str, str]] | None = None,
    links: list[dict[str, str]] | None = None,
) -> Response:
    """Return the error document of an HTTP status."""
    name, message = _NAMES[status]
    debug_id = hexadecimal(DEBUG_ID_LENGTH)
    body: dict[str, Any] = {"name": name, "message": message, "debug_id": debug_id}
    if details is not None:
        body["details"] = details
    body["links"] = links or []
    response = json_response(body, status)
    response.headers["Paypal-Debug-Id"] = debug_id
    return response


def refusal_by_code(code: str, *, checkout_url: str | None = None) -> Response:
    """Return the answer for one of ``CODES``; payers who must act are sent to ``checkout_url``."""
    if code in _CONDITIONS:
        return condition(_CONDITIONS[code])
    return PayPalRefusal(Problem(issue=code), checkout_url=checkout_url).response()


def _detail(problem: Problem) -> dict[str, str]:
    detail = {"issue": problem.issue, "description": ISSUES[problem.issue][1]}
    if problem.field is not None:
        detail |= {"field": problem.field, "location": problem.location}
    if problem.value is not None:
        detail["value"] = problem.value
    return detail


def _link(href: str, rel: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "method": "GET"}
