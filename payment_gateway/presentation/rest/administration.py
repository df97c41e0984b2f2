"""What administrative routes share: who acts, for whom, and why."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Annotated

from fastapi import Query, Request

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.presentation.rest.access import Caller
from payment_gateway.presentation.rest.command_context import CommandSide, context_of
from payment_gateway.presentation.rest.limits import (
    ACT_REASON_LENGTH_MAX,
    CURSOR_LENGTH_MAX,
)

# Of a DELETE, which has no body.
Reason = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=ACT_REASON_LENGTH_MAX,
        description="Why; kept with it, for the audit.",
    ),
]
Cursor = Annotated[
    str | None, Query(max_length=CURSOR_LENGTH_MAX, description="`nextCursor` of the page before.")
]


def administration_context(
    request: Request, caller: Caller, tenant_id: str, side: CommandSide, *, reason: str | None
) -> CommandContext:
    """Return who asks and why, for the metadata of every event.

    Raises:
        AccessRefused: The caller does not speak for that tenant.
    """
    return replace(context_of(request, caller, tenant_id, side), reason=reason)


def encode_after(last_id: str) -> str:
    """Return the cursor of the page that begins after an id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def decode_after(cursor: str | None) -> str:
    """Return the id after which a page begins; the empty text, before all ids, for the first page.

    Raises:
        InvalidValue: Not a cursor.
    """
    try:
        return base64.b64decode((cursor or "").encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise InvalidValue("not a cursor that this gateway gave out", param="cursor") from error
