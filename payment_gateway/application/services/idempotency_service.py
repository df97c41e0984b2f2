"""Sees to it that a command which is sent again under the same key acts once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, get_args
from uuid import UUID, uuid5

import structlog
from uuid_utils.compat import uuid7

from payment_gateway.application.ports import (
    CommandContext,
    EventStore,
    EventStoreUnavailable,
    Fingerprint,
    SharedSeal,
    StreamMoved,
)
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.stream_service import Executed, Loaded, StreamService
from payment_gateway.domain.aggregates.idempotency import (
    ClaimKey,
    IdempotencyCommand,
    IdempotencyKey,
    KeepAnswer,
    ReleaseKey,
    YieldKey,
    decide,
    evolve,
)
from payment_gateway.domain.errors import (
    DomainError,
    IdempotencyKeyInUse,
    ProviderUnavailableError,
)
from payment_gateway.domain.events.idempotency import IdempotencyEvent
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.idempotency_key import IdempotencyKeyVO

CATEGORY: Final = "idempotency"
# An answer is kept while it is on its way to the caller. Whoever asks again sooner than that waits for so
# long, before it is told that the command is under way.
LOOKS_AGAIN_AFTER_S: Final = (0.02, 0.05, 0.1)
# So many answers at most are given before they are kept; with more, the event store is what all wait for.
KEEPING_MAX: Final = 256
# Members of an answer that are shown once and kept nowhere.
SECRET_MEMBERS: Final = frozenset({"key", "secret"})
# The same command goes on where these left it.
_NO_REFUSALS: Final = (ProviderUnavailableError,)
_NEVER_WRITTEN: Final[Loaded[IdempotencyKey]] = Loaded(state=None, revision=None, position=0)
# Never changes within the time that keys are kept.
_IDS: Final = UUID("5b0f2c1e-3d0a-5a5e-8f67-1f3f0b6a9c2d")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """What a command is answered with: status, headers and body as the caller gets them."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to carry a command out, and what is set aside for it.

    Attributes:
        number: For the payment or the split that the command makes; the same each time that the
            same command is carried out.
    """

    claim_id: str
    number: ExternalReferenceNumberVO

    def derive(self, purpose: str) -> str:
        """Return an id for something else that the command makes, the same each time."""
        return str(uuid5(_IDS, f"{self.number}|{purpose}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A command with the key it was sent under.

    Attributes:
        owner: The tenant of whoever sends it, ``*`` for one that speaks for all.
        content: All that makes the request what it is; kept only as a keyed digest.
    """

    key: IdempotencyKeyVO
    owner: str
    content: bytes


class IdempotencyService:
    """Claims keys before their commands have any effect, and keeps answers.

    An answer is kept while it is given: the caller does not wait for that. A process that dies before it has
    kept one leaves what one leaves that dies before its answer.

    A command that crashed is carried out again by whoever sends it next, once its claim has lapsed:
    with the same numbers, so that it makes the same payment.

    Args:
        store: Where keys are, each in a stream of its own.
        seal: Seals the answers.
        fingerprint: Makes names of streams and digests of requests.
        numbers: Where the numbers that are set aside come from.
        lease: How long a claim holds. A command may take longer: carried out twice it acts once.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        seal: SharedSeal,
        fingerprint: Fingerprint,
        numbers: ExternalReferenceService,
        lease: timedelta,
    ) -> None:
        self._streams: StreamService[IdempotencyKey, IdempotencyEvent] = StreamService(
            store=store, category=CATEGORY, event_types=get_args(IdempotencyEvent), evolve=evolve
        )
        self._seal = seal
        self._fingerprint = fingerprint
        self._numbers = numbers
        self._lease = lease
        self._keeping: dict[str, asyncio.Task[None]] = {}

    async def answer_once(
        self,
        request: KeyedRequest,
        context: CommandContext,
        execute: Callable[[Claim], Awaitable[CommandAnswer]],
        *,
        refusals: tuple[type[Exception], ...] = (),
    ) -> tuple[CommandAnswer, bool]:
        """Carry a command out, or return what it was answered with before.

        Args:
            request: The command as it was sent.
            context: Who sends it.
            execute: Carries it out. It may be called again for the same claim's number after a crash.
            refusals: What it raises, beside ``DomainError``, where it refuses and has done nothing.

        Returns:
            The answer, and whether it is that of an earlier time.

        Raises:
            IdempotencyKeyReused: The key has another command.
            IdempotencyKeyInUse: It is being carried out.
            EventStoreUnavailable: No answer; nothing was carried out.
            SealBroken: The kept answer was sealed by another installation.
        """
        stream_id = self._stream_id(request, context.tenant_id)
        claim_id = str(uuid7())
        command = ClaimKey(
            claim_id=claim_id,
            fingerprint=self._fingerprint(b"idempotent-request|" + request.content),
            external_reference=self._numbers.next(),
            at=context.at,
            expires_at=context.at + self._lease,
        )
        claimed = await self._claimed(stream_id, command, context)
        if claimed.state.answer is not None:
            return self._opened(claimed.state.answer, stream_id), True
        number = claimed.state.external_reference
        assert number is not None, "what is claimed has a number"
        claim = Claim(claim_id=claim_id, number=ExternalReferenceNumberVO(number))
        try:
            answer = await execute(claim)
        except Exception as error:
            given_up = _giving_up(error, claim_id, refusals)
            await self._try(stream_id, given_up, context, after=claimed.loaded)
            raise
        await self._keep(stream_id, command, answer, context, after=claimed.loaded)
        return answer, False

    async def settled(self) -> None:
        """Wait until every answer that was given is kept, or could not be; each append has a deadline."""
        while self._keeping:  # ends: nobody gives answers any more
            await asyncio.wait(list(self._keeping.values()))

    async def _claimed(
        self, stream_id: str, command: ClaimKey, context: CommandContext
    ) -> Executed[IdempotencyKey, IdempotencyEvent]:
        """Claim a key, or find its answer; one that is just being kept is waited for."""
        if (keeping := self._keeping.get(stream_id)) is not None:
            await asyncio.wait([keeping])
        after: Loaded[IdempotencyKey] | None = _NEVER_WRITTEN
        for wait_s in LOOKS_AGAIN_AFTER_S:
            try:
                return await self._execute(stream_id, command, context, after=after)
            except IdempotencyKeyInUse:
                after = None
                await asyncio.sleep(wait_s)
        return await self._execute(stream_id, command, context, after=after)

    async def _keep(
        self,
        stream_id: str,
        claimed: ClaimKey,
        answer: CommandAnswer,
        context: CommandContext,
        *,
        after: Loaded[IdempotencyKey],
    ) -> None:
        """Begin to keep an answer; wait for that only where too much is being kept."""

        async def keep() -> None:
            kept = KeepAnswer(
                claim_id=claimed.claim_id,
                fingerprint=claimed.fingerprint,
                answer=self._sealed(answer, stream_id),
            )
            await self._try(stream_id, kept, context, after=after)

        if len(self._keeping) >= KEEPING_MAX:
            await keep()
            return
        task = asyncio.create_task(keep())
        self._keeping[stream_id] = task

        def done(ended: asyncio.Task[None]) -> None:
            if self._keeping.get(stream_id) is ended:
                del self._keeping[stream_id]

        task.add_done_callback(done)

    async def _try(
        self,
        stream_id: str,
        command: KeepAnswer | ReleaseKey | YieldKey,
        context: CommandContext,
        *,
        after: Loaded[IdempotencyKey],
    ) -> None:
        """Record how the command ended; where that fails, the claim lapses by itself."""
        try:
            await self._execute(stream_id, command, context, after=after)
        except (EventStoreUnavailable, StreamMoved) as error:
            log.warning(
                "idempotency.not_recorded",
                tenant_id=context.tenant_id,
                claim_id=command.claim_id,
                error=type(error).__name__,
            )

    async def _execute(
        self,
        stream_id: str,
        command: IdempotencyCommand,
        context: CommandContext,
        *,
        after: Loaded[IdempotencyKey] | None,
    ) -> Executed[IdempotencyKey, IdempotencyEvent]:
        return await self._streams.execute(
            stream_id, lambda key: decide(command, key), context, after=after
        )

    def _stream_id(self, request: KeyedRequest, tenant_id: str) -> str:
        scope = json.dumps([request.owner, tenant_id, request.key.value])
        return self._fingerprint(b"idempotency-key|" + scope.encode())

    def _sealed(self, answer: CommandAnswer, stream_id: str) -> str:
        text = json.dumps(asdict(_without_secrets(answer))).encode()
        return base64.b64encode(self._seal.wrap(text, stream_id.encode())).decode()

    def _opened(self, sealed: str, stream_id: str) -> CommandAnswer:
        text = self._seal.unwrap(base64.b64decode(sealed), stream_id.encode())
        return CommandAnswer(**json.loads(text))


def _giving_up(
    error: Exception, claim_id: str, refusals: tuple[type[Exception], ...]
) -> ReleaseKey | YieldKey:
    """Return what becomes of the key: only a refusal leaves nothing behind that goes on."""
    if isinstance(error, (DomainError, *refusals)) and not isinstance(error, _NO_REFUSALS):
        return ReleaseKey(claim_id=claim_id)
    return YieldKey(claim_id=claim_id)


def _without_secrets(answer: CommandAnswer) -> CommandAnswer:
    """Return the answer with ``null`` in the place of what is shown once."""
    body = json.loads(answer.body) if answer.body else None
    if not isinstance(body, dict) or not SECRET_MEMBERS.intersection(body):
        return answer
    kept = {name: None if name in SECRET_MEMBERS else value for name, value in body.items()}
    return CommandAnswer(status=answer.status, headers=answer.headers, body=json.dumps(kept))
