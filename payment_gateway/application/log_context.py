"""Which ids stand in the log lines of what is going on, whoever writes them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars

from payment_gateway.application.ports import CommandContext


def logged_for(context: CommandContext, **ids: str | None) -> AbstractContextManager[object]:
    """Have each line in the block say for whom and on account of what it happens.

    Args:
        context: Whose tenant, correlation and causation these are.
        ids: What it is about, as ``payment_id``; those that are not known are left out.
    """
    told = {
        "tenant_id": context.tenant_id,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
        **ids,
    }
    return bound_contextvars(**{name: one for name, one in told.items() if one is not None})
