"""Pages from templates: escaped, framed alike, under a policy that lets nothing in from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import jinja2
from fastapi.responses import HTMLResponse

from payment_gateway.dashboard.session import FLASH_COOKIE
from payment_gateway.dashboard.visitor import ROOT, Visitor

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
# Content Security Policy, level 3: scripts, styles and everything else come from here alone.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# What each page is called, and whom it is for.
PAGES: Final = (
    ("", "Overview", ("viewer",)),
    ("/payments", "Payments", ("viewer",)),
    ("/providers", "Providers", ("viewer", "operator", "admin", "order-service")),
    ("/projections", "Projections", ("operator",)),
    ("/dead-letters", "Dead letters", ("operator",)),
    ("/deliveries", "Deliveries", ("admin",)),
    ("/audit", "Audit log", ("auditor",)),
)
# A status is told by its word; the colour only helps to find it.
TONES: Final = {
    "COMPLETED": "good",
    "REFUNDED": "quiet",
    "PARTIALLY_REFUNDED": "quiet",
    "CANCELLED": "quiet",
    "EXPIRED": "quiet",
    "FAILED": "bad",
    "DISPUTED": "bad",
    "UNKNOWN": "warn",
    "NEEDS_OPERATOR": "warn",
}

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, visitor: Visitor | None, *, code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Args:
        template: The name of its file.
        visitor: Who looks; ``None`` where nobody is logged in.
        code: The status of the answer.
        values: What the template shows.
    """
    text = _TEMPLATES.get_template(template).render(
        root=ROOT,
        visitor=visitor,
        navigation=[
            (f"{ROOT}{path}", title)
            for path, title, roles in PAGES
            if visitor and visitor.may(*roles)
        ],
        tones=TONES,
        # Of each form that is shown: sent twice, it does its work once.
        new_key=lambda: str(uuid4()),
        now=datetime.now(UTC),
        **values,
    )
    response = HTMLResponse(text, status_code=code, headers=HEADERS)
    if visitor is not None and visitor.flash is not None:
        response.delete_cookie(FLASH_COOKIE, path=ROOT)
    return response


def _words(status: str) -> str:
    """Return a status as words: ``PARTIALLY_REFUNDED`` is "partially refunded"."""
    return status.replace("_", " ").lower()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


_TEMPLATES.filters["words"] = _words
_TEMPLATES.filters["percent"] = _percent
