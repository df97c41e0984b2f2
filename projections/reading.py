"""A query under way: whose data, and a state of a read model that its answer shows at least.

Annotations are evaluated here, not postponed: those of the dependency name what it was given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Response
from starlette.datastructures import MutableHeaders

from payment_gateway.domain.errors import InvalidValue, NotYet
from payment_gateway.domain.value_objects.preferred_wait import WAIT_S_DEFAULT, preferred_wait_s
from payment_gateway.infrastructure.persistence.mongodb import Collection, Database
from projections.generations import Generation
from projections.positions import Reached
from projections.query_context import Dependency, Queries, Viewer
from projections.read_model import ReadModel

TOKEN_HEADER: Final = "Consistency-Token"  # noqa: S105 - a name

Token = Annotated[
    str | None,
    Header(
        alias=TOKEN_HEADER, description="Of an earlier answer: this one shows at least as much."
    ),
]
Prefer = Annotated[str | None, Header(description="`wait=SECONDS`, 30 at most.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A build of a read model, and how far it had come when this began.

    Attributes:
        state: Another text as soon as any part of it has moved on.
    """

    database: Database
    generation: Generation
    state: str

    def collection(self, part: str = "") -> Collection:
        """Return a part of it."""
        return self.database[self.generation.collection(part)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks, and what they have been told.

    Attributes:
        source: All that there is to read from.
        tenant_id: Whose data may be shown.
        told: Up to where in the log they have been told; ``None`` where they do not say.
        wait_s: How long they wait for it to show; ``None`` where they do not say.
        headers: Of the answer.
    """

    source: Queries
    tenant_id: str
    told: int | None
    wait_s: int | None
    headers: MutableHeaders

    async def read(self, model: ReadModel, *, payment_id: str | None = None) -> Reading:
        """Begin to read a read model once it shows what they have been told of.

        Args:
            model: Which one.
            payment_id: The one payment that is asked for; then only its partition has to be that far.

        Raises:
            NotYet: It does not show it within the time that they wait.
            NotBuilt: There is no generation of it to be shown.
        """
        generation = await self.source.shown.generation(model)
        positions = self.source.positions
        if self.told is None:
            reached: Reached | None = await positions.of(generation, payment_id=payment_id)
        else:
            within_s = WAIT_S_DEFAULT if self.wait_s is None else self.wait_s
            reached = await positions.reach(
                generation, self.told, within_s=within_s, payment_id=payment_id
            )
            if self.wait_s is not None:
                self.headers["Preference-Applied"] = f"wait={self.wait_s}"
        if reached is None:
            raise NotYet
        self.shows(reached.position)
        return Reading(database=self.source.database, generation=generation, state=reached.state)

    def shows(self, position: int) -> None:
        """Give the answer a token: it shows what happened up to there."""
        self.headers[TOKEN_HEADER] = self.source.encode_token(self.tenant_id, position)


def asking(*, viewer: Dependency, queries: Dependency) -> Callable[..., Asked]:
    """Return the dependency of every query.

    It raises:
        InvalidValue: What they say that they have been told is no token of theirs.
    """

    def ask(
        *,
        response: Response,
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        token: Token = None,
        prefer: Prefer = None,
    ) -> Asked:
        told = None if token is None else source.decode_token(who.speaks_for, token)
        if token is not None and told is None:
            raise InvalidValue("not a token that this gateway gave out", param=TOKEN_HEADER)
        return Asked(
            source=source,
            tenant_id=who.tenant_id,
            told=told,
            wait_s=preferred_wait_s(prefer),
            headers=response.headers,
        )

    return ask
