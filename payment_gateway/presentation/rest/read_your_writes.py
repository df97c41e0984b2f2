"""Administrative queries that show what their caller has been told of, or say that they do not yet.

Those of payments do so where the read models are, in ``projections.reading``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response

from payment_gateway.domain.errors import InvalidValue, NotYet
from payment_gateway.domain.value_objects.preferred_wait import WAIT_S_DEFAULT, preferred_wait_s
from payment_gateway.presentation.rest.access import caller_of
from payment_gateway.presentation.rest.command_context import (
    CommandSide,
    FollowsLog,
    command_side_of,
    stamp_position,
)

TOKEN_HEADER: Final = "Consistency-Token"  # noqa: S105 - a name

Token = Annotated[
    str | None,
    Header(
        alias=TOKEN_HEADER, description="Of an earlier answer: this one shows at least as much."
    ),
]
Prefer = Annotated[str | None, Header(description="`wait=SECONDS`, 30 at most.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody who asks has been told before.

    Attributes:
        told: Up to where in the log; 0 where they do not say.
        wait_s: How long they wait for it to show; ``None`` where they do not say.
    """

    side: CommandSide
    response: Response
    told: int
    wait_s: int | None

    async def shown_by(self, source: FollowsLog, *, tenant_id: str) -> None:
        """Wait until a source shows what they have been told of, and tell them what it shows.

        Args:
            source: What the answer is made from.
            tenant_id: Whose data it shows, ``*`` for that of all.

        Raises:
            NotYet: It does not show it within the time that they wait.
        """
        within_s = WAIT_S_DEFAULT if self.wait_s is None else self.wait_s
        reached = await source.reach(self.told, within_s=within_s)
        if self.told and self.wait_s is not None:
            self.response.headers["Preference-Applied"] = f"wait={self.wait_s}"
        if reached is None:
            raise NotYet
        stamp_position(self.response, self.side, tenant_id, reached)


def asked_of(
    *, request: Request, response: Response, token: Token = None, prefer: Prefer = None
) -> Asked:
    """Return what the caller of a query has been told before.

    What is read from the log itself is never behind it, and needs no more than this.

    Raises:
        AccessRefused: Nobody we know.
        InvalidValue: What they say that they have been told is no token of their tenant.
    """
    side, caller = command_side_of(request), caller_of(request)
    told = 0 if token is None else side.decode_token(caller.tenant_id, token)
    if told is None:
        raise InvalidValue("not a token that this gateway gave out", param=TOKEN_HEADER)
    return Asked(side=side, response=response, told=told, wait_s=preferred_wait_s(prefer))


Asking = Annotated[Asked, Depends(asked_of)]
