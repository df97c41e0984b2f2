"""One step that an operator takes with what belongs to no tenant."""

from __future__ import annotations

from dataclasses import dataclass

from payment_gateway.application.ports import CommandContext


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStep:
    """A step, and who takes it and why.

    Attributes:
        id: A UUID, the same each time that the same step is taken: of its event, and of what is noted of it.
    """

    id: str
    context: CommandContext
