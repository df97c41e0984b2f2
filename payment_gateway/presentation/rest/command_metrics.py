"""Counts commands by what they are called and how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException

from payment_gateway.domain.errors import DomainError, ProviderUnavailableError
from payment_gateway.presentation.rest.access import AccessRefused
from payment_gateway.presentation.rest.command_context import CommandSide
from payment_gateway.presentation.rest.openapi_operations import OPERATION_IDS
from payment_gateway.telemetry.metrics import COMMANDS

DONE: Final = "done"
ACCEPTED: Final = "accepted"
REPLAYED: Final = "replayed"
REFUSED: Final = "refused"
FAILED: Final = "failed"


@dataclass(slots=True)
class Ending:
    """How a command ended; whoever carries it out says so."""

    outcome: str = FAILED

    def answered(self, status: int, *, replayed: bool = False) -> None:
        """Take note of what it was answered with."""
        if replayed:
            self.outcome = REPLAYED
        else:
            self.outcome = ACCEPTED if status == HTTPStatus.ACCEPTED else DONE


@contextmanager
def counted(request: Request, side: CommandSide) -> Iterator[Ending]:
    """Count a command, whatever becomes of it in the block."""
    ending = Ending()
    try:
        yield ending
    except Exception as error:
        refusals = (DomainError, AccessRefused, HTTPException, *side.refusals)
        # Without its provider nobody refused it, and yet it was not done.
        if isinstance(error, refusals) and not isinstance(error, ProviderUnavailableError):
            ending.outcome = REFUSED
        raise
    finally:
        COMMANDS.labels(_name(request), ending.outcome).inc()


def _name(request: Request) -> str:
    route = request.scope["route"]
    return OPERATION_IDS[f"{request.method} {route.path}"]
