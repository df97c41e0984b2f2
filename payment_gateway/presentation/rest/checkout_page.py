"""The plain page where a payer comes back to and the order names no place to go on."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import Final

from fastapi.responses import HTMLResponse

from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

_UNDER_WAY: Final = "It is being confirmed. Do not pay again; the shop will tell you."
# What each status means to whoever pays; no word of it says more than is known.
MEANINGS: Final = {
    PaymentStatusVO.CREATED: _UNDER_WAY,
    PaymentStatusVO.AWAITING_PAYER: "You have not paid yet. Go back to the shop to try again.",
    PaymentStatusVO.PROCESSING: _UNDER_WAY,
    PaymentStatusVO.PENDING: _UNDER_WAY,
    PaymentStatusVO.COMPLETED: "Your payment was taken.",
    PaymentStatusVO.PARTIALLY_REFUNDED: "A part of your payment was given back.",
    PaymentStatusVO.REFUNDED: "Your payment was given back.",
    PaymentStatusVO.DISPUTED: "Your payment was taken, and is being disputed.",
    PaymentStatusVO.FAILED: "No payment was taken. Go back to the shop to try again.",
    PaymentStatusVO.CANCELLED: "No payment was taken.",
    PaymentStatusVO.EXPIRED: "No payment was taken: it took too long. Go back to the shop to try again.",
    PaymentStatusVO.UNKNOWN: _UNDER_WAY,
    PaymentStatusVO.NEEDS_OPERATOR: _UNDER_WAY,
}
# Contrast of text is at least 4.5 to 1 in both schemes (WCAG 2.2, 1.4.3).
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{margin:0;font:1.125rem/1.5 system-ui,sans-serif;background:#f4f6f8;color:#1a2027}"
    "main{max-width:32rem;margin:15vh auto 0;padding:1.5rem;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#0e1216;color:#e8edf2}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# Content Security Policy, level 3: this one style, and nothing else.
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)


def checkout_page(status: PaymentStatusVO, order_id: str) -> HTMLResponse:
    """Return what is told to a payer who comes back: how it stands, and what to do."""
    title = f"Payment {status.lower().replace('_', ' ')}"
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1><p>{MEANINGS[status]}</p>"
        f"<p>Order: {html.escape(order_id)}</p><p>You can close this page.</p></main></body></html>"
    )
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return HTMLResponse(page, headers=headers)
