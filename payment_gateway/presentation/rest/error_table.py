"""All error codes in one table: the page that each code's ``type`` leads to."""

from __future__ import annotations

import html
import inspect
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from payment_gateway.presentation.rest import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One code: its HTTP status, whether the same request may succeed later, and what it means."""

    code: str
    status: int
    retryable: bool
    meaning: str


def rows() -> list[ErrorRow]:
    """Return every code there is, by name."""
    refusals = [
        *errors.OTHER.values(),
        *errors.HTTP.values(),
        *errors.LIMITED.values(),
        errors.NOT_YET,
        errors.TOO_MANY_STREAMS,
        errors.TOO_MANY_FAILURES,
        errors.ISSUER_UNAVAILABLE,
        errors.READ_MODELS_UNAVAILABLE,
        errors.DEAD_LETTER_NOT_FOUND,
        errors.DEAD_LETTER_NOT_REPLAYED,
        errors.NEEDS_ALL_TENANTS,
        errors.READ_MODEL_NOT_FOUND,
        errors.READ_MODEL_STATE_CONFLICT,
        errors.EVENT_STORE_REFUSED,
        errors.EVENT_NOT_READABLE,
        errors.INVALID_QUERY,
        errors.QUERY_TOO_COSTLY,
        errors.OUTCOME_UNKNOWN,
        errors.INTERNAL,
    ]
    table = {
        refusal.code: ErrorRow(
            code=refusal.code,
            status=refusal.status,
            retryable=refusal.retryable,
            meaning=refusal.detail or "The body is not JSON that can be read without doubt.",
        )
        for refusal in refusals
    }
    for error_type, status in errors.DOMAIN_STATUS.items():
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
