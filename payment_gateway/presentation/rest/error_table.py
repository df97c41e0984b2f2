"""All error codes in one table: the page that each code's ``type`` leads to."""

from __future__ import annotations

import html
import inspect
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from payment_gateway.presentation.rest import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One code: its HTTP status, whether the same request may succeed later, and what it means."""

    code: str
    status: int
    retryable: bool
    meaning: str


def rows() -> list[ErrorRow]:
    """Return every code there is, by name."""
    told = [
        *refusals.OTHER.values(),
        *refusals.HTTP.values(),
        *refusals.LIMITED.values(),
        refusals.TOO_MANY_STREAMS,
        refusals.TOO_MANY_FAILURES,
        refusals.ISSUER_UNAVAILABLE,
        refusals.READ_MODELS_UNAVAILABLE,
        refusals.DEAD_LETTER_NOT_FOUND,
        refusals.DEAD_LETTER_NOT_REPLAYED,
        refusals.NEEDS_ALL_TENANTS,
        refusals.READ_MODEL_NOT_FOUND,
        refusals.READ_MODEL_STATE_CONFLICT,
        refusals.EVENT_STORE_REFUSED,
        refusals.EVENT_NOT_READABLE,
        refusals.INVALID_QUERY,
        refusals.QUERY_TOO_COSTLY,
        refusals.OUTCOME_UNKNOWN,
        refusals.INTERNAL,
    ]
    table = {
        refusal.code: ErrorRow(
            code=refusal.code,
            status=refusal.status,
            retryable=refusal.retryable,
            meaning=refusal.detail or "The body is not JSON that can be read without doubt.",
        )
        for refusal in told
    }
    for error_type, status in refusals.DOMAIN_STATUS.items():
        meaning = (inspect.getdoc(error_type) or "").splitlines()[0]
        table[error_type.code] = ErrorRow(
            code=error_type.code,
            status=status,
            retryable=error_type.retryable,
            meaning=meaning,
        )
    return [table[code] for code in sorted(table)]


router = APIRouter(tags=["errors"])


@router.get("/docs/errors", response_class=HTMLResponse)
async def show() -> str:
    """Show the table of all error codes."""
    lines = "".join(
        f"<tr id={row.code}><td><code>{row.code}</code><td>{row.status}"
        f"<td>{'yes' if row.retryable else 'no'}<td>{html.escape(row.meaning)}"
        for row in rows()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Error codes</title>"
        "<h1>Error codes</h1><table><tr><th>code<th>status<th>retry<th>meaning"
        f"{lines}</table></html>"
    )
