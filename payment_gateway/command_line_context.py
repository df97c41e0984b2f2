"""Who a command line speaks for, in the metadata of what it causes."""

from __future__ import annotations

import getpass
from datetime import datetime
from uuid import uuid4

from payment_gateway.application.ports import CommandContext


def command_context(tenant_id: str, at: datetime) -> CommandContext:
    """Return the context of a command that a person at this machine gives."""
    return CommandContext(
        tenant_id=tenant_id, actor=f"operator:{_person()}", correlation_id=str(uuid4()), at=at
    )


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unnamed"
