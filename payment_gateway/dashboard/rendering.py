"""Pages from templates: escaped, framed alike, under a policy that lets nothing in from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import jinja2
from fastapi.responses import HTMLResponse

from payment_gateway.dashboard.session import FLASH_COOKIE
from payment_gateway.dashboard.visitor import ROOT, Visitor, segment

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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the navigation.

    Attributes:
        roles: Whom it is for: whoever has one of these.
        of_all_tenants: It shows what belongs to no tenant alone, so it takes a key of all.
    """

    path: str
    title: str
    roles: tuple[str, ...]
    of_all_tenants: bool = False


PAGES: Final = (
    Page("", "Overview", ("viewer",)),
    Page("/payments", "Payments", ("viewer",)),
    Page("/providers", "Providers", ("viewer", "operator", "admin")),
    Page("/projections", "Projections", ("operator",)),
    Page("/dead-letters", "Dead letters", ("operator",), of_all_tenants=True),
    Page("/deliveries", "Deliveries", ("admin",)),
    Page("/api-keys", "API keys", ("admin",)),
    Page("/tenants", "Tenants", ("admin",)),
    Page("/audit", "Audit log", ("auditor",)),
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
    "DELIVERED": "good",
    "PARKED": "bad",
    "ACTIVE": "good",
    "REVOKED": "quiet",
    "SUSPENDED": "warn",
    "DELETED": "quiet",
    "active": "good",
    "previous": "quiet",
    "failed": "bad",
    "done": "good",
    "never": "quiet",
}

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def pages_of(visitor: Visitor) -> list[Page]:
    """Return the pages that a visitor may see."""
    return [
        one
        for one in PAGES
        if visitor.may(*one.roles) and not (one.of_all_tenants and visitor.has_tenant)
    ]


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
            (f"{ROOT}{one.path}", one.title) for one in (pages_of(visitor) if visitor else [])
        ],
        tones=TONES,
        code=code,
        # Of each form that is shown: sent twice, it does its work once.
        new_key=lambda: str(uuid4()),
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
    return "\u2013" if share is None else f"{100 * share:.1f} %"


def _age(seconds: float | None) -> str:
    """Return a span of seconds as a person reads it: "0.4 s", "12 min"."""
    if seconds is None:
        return "unknown"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


_TEMPLATES.filters["words"] = _words
_TEMPLATES.filters["age"] = _age
_TEMPLATES.filters["segment"] = segment
_TEMPLATES.filters["percent"] = _percent
