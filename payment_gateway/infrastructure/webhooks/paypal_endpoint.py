"""Asks PayPal itself whether it has signed a notification.

Source: PayPal OpenAPI ``notifications_webhooks_v1.json``, ``POST /v1/notifications/verify-webhook-signature``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

import msgspec

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.application.webhooks import SignatureRefused, VerificationUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PayPalCredentialsVO
from payment_gateway.infrastructure.providers.answer import Answer
from payment_gateway.infrastructure.providers.paypal.access_token import CredentialsRefused
from payment_gateway.infrastructure.providers.paypal.api import Call, PayPalApi
from payment_gateway.infrastructure.providers.paypal.issues import read_refusal
from payment_gateway.infrastructure.webhooks.paypal import ALGORITHM, Transmission

ANSWER_WITHIN_S: Final = 10.0
# Whoever can reach the gateway can make it ask PayPal: not more at a time.
QUESTIONS_AT_ONCE_MAX: Final = 8
_PATH: Final = "/v1/notifications/verify-webhook-signature"
_OPERATION: Final = "verify_webhook"
_YES: Final = "SUCCESS"
_NO: Final = "FAILURE"
# The question itself is at fault: some header has a form that PayPal never gave it.
_NOT_UNDERSTOOD: Final = frozenset({400, 422})


class EndpointCheck:
    """Has PayPal check the signatures of its notifications, each by a request."""

    def __init__(self, api_for: Callable[[PayPalCredentialsVO], PayPalApi]) -> None:
        """Take the way to PayPal, by account: PayPal answers only about an account's own webhooks."""
        self._api_for = api_for
        self._places = asyncio.Semaphore(QUESTIONS_AT_ONCE_MAX)

    async def check(self, transmission: Transmission, credentials: PayPalCredentialsVO) -> None:
        """Make sure that PayPal sent it; see ``TransmissionCheck``."""
        call = _question(transmission, credentials.webhook_id)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._places:
                answer = await self._api_for(credentials).call(call)
        except TimeoutError as error:
            raise VerificationUnavailable("PayPal did not say in time") from error
        except CredentialsRefused as error:
            raise VerificationUnavailable(f"account not accepted: {error.reason}") from error
        except (ProviderUnavailable, ProviderOutcomeUnknown) as error:
            raise VerificationUnavailable(error.reason) from error
        _require_yes(answer)


def _question(transmission: Transmission, webhook_id: str) -> Call:
    _require_json(transmission.body)
    return Call(
        operation=_OPERATION,
        method="POST",
        path=_PATH,
        body={
            "auth_algo": ALGORITHM,
            "cert_url": transmission.certificate_url,
            "transmission_id": transmission.transmission_id,
            "transmission_sig": transmission.signature,
            "transmission_time": transmission.sent_at,
            "webhook_id": webhook_id,
            # The bytes themselves, within the question: written anew, `1.0` may become `1` and
            # `{}` something else, and the signature is over what PayPal wrote.
            "webhook_event": msgspec.Raw(transmission.body),
        },
    )


def _require_json(body: bytes) -> None:
    """Refuse bytes that would not stay one value within the question.

    A reader of JSON may guess UTF-16 or skip a byte order mark. These bytes become part of another
    document, in UTF-8, and whatever they are there is what PayPal is asked about.

    Raises:
        SignatureRefused: They are not one JSON object in UTF-8.
    """
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise SignatureRefused("the body is not JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise SignatureRefused("the body is no JSON object")


def _require_yes(answer: Answer) -> None:
    document = answer.document() or {}
    verdict = document.get("verification_status")
    if answer.ok and verdict == _YES:
        return
    if answer.ok and verdict == _NO:
        raise SignatureRefused("PayPal says that it did not sign this")
    refusal = read_refusal(document)
    if answer.status in _NOT_UNDERSTOOD and refusal is not None:
        raise SignatureRefused(f"PayPal could not read the signature: {refusal.issue}")
    raise VerificationUnavailable(f"{_OPERATION}: {answer.status} without a verdict")
