"""A command that is sent again under its key acts once: after an answer, a refusal, a crash, in a race."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from payment_gateway.application.ports import (
    Appended,
    CommandContext,
    EventStoreUnavailable,
    SealBroken,
    StreamMoved,
)
from payment_gateway.application.services import idempotency_service
from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)
from payment_gateway.application.services.idempotency_service import (
    LOOKS_AGAIN_AFTER_S,
    Claim,
    CommandAnswer,
    IdempotencyService,
    KeyedRequest,
)
from payment_gateway.domain.errors import (
    DomainError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    PaymentNotFound,
    ProviderUnavailableError,
)
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.idempotency import CommandAnsweredEvent
from payment_gateway.domain.value_objects.idempotency_key import IdempotencyKeyVO
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.security.envelope import MasterKey
from tests.unit.application.gateway_fixture import NOON

LEASE = timedelta(seconds=60)
CONTEXT = CommandContext(tenant_id="demo", actor="test", correlation_id="c", at=NOON)
LATER = replace(CONTEXT, at=NOON + LEASE)
REQUEST = KeyedRequest(key=IdempotencyKeyVO("order-1"), owner="demo", content=b"body")
DONE = CommandAnswer(status=201, headers={"etag": '"2"'}, body='{"paymentId": "p"}')


class FailingStore(InMemoryEventStore):
    """Gives no answer where an answer is to be kept, as long as it fails."""

    fails = False

    async def append(
        self,
        stream: str,
        events: Sequence[DomainEvent],
        *,
        expected: int | None,
        context: CommandContext,
    ) -> Appended:
        if self.fails and isinstance(events[0], CommandAnsweredEvent):
            raise EventStoreUnavailable(stream)
        return await super().append(stream, events, expected=expected, context=context)


def service(store: InMemoryEventStore, master: bytes = b"k" * 32) -> IdempotencyService:
    key = MasterKey(master)
    return IdempotencyService(
        store,
        seal=key,
        fingerprint=MasterKey(b"k" * 32).fingerprint,
        numbers=ExternalReferenceService(lambda: 1),
        lease=LEASE,
    )


async def answered(
    store: InMemoryEventStore,
    context: CommandContext = CONTEXT,
    command: Command | None = None,
    request: KeyedRequest = REQUEST,
) -> tuple[CommandAnswer, bool]:
    """Have a command answered by a process that ends well: what it answered is kept."""
    process = service(store)
    answer = await process.answer_once(request, context, command or Command())
    await process.settled()
    return answer


class Command:
    """Counts how often it is carried out and for which numbers."""

    def __init__(self, outcome: CommandAnswer | BaseException = DONE) -> None:
        self.outcome = outcome
        self.claims: list[Claim] = []

    async def __call__(self, claim: Claim) -> CommandAnswer:
        self.claims.append(claim)
        await asyncio.sleep(0)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


class TestRepetition:
    async def test_the_first_answer_comes_again_and_nothing_is_carried_out(
        self, store: FailingStore
    ) -> None:
        command = Command()
        assert await answered(store, command=command) == (DONE, False)
        assert await answered(store, LATER, command) == (DONE, True)
        assert len(command.claims) == 1

    async def test_another_request_with_the_key_is_refused(self, store: FailingStore) -> None:
        command = Command()
        await service(store).answer_once(REQUEST, CONTEXT, command)
        with pytest.raises(IdempotencyKeyReused):
            await service(store).answer_once(replace(REQUEST, content=b"x"), LATER, command)

    @pytest.mark.parametrize(
        ("request_", "context"),
        [
            (replace(REQUEST, key=IdempotencyKeyVO("order-2")), CONTEXT),
            (replace(REQUEST, owner="*"), CONTEXT),
            (REQUEST, replace(CONTEXT, tenant_id="rival")),
        ],
        ids=["another key", "another owner", "another tenant"],
    )
    async def test_keys_of_others_are_other_keys(
        self, store: FailingStore, request_: KeyedRequest, context: CommandContext
    ) -> None:
        command = Command()
        await service(store).answer_once(REQUEST, CONTEXT, command)
        assert await service(store).answer_once(request_, context, command) == (DONE, False)

    async def test_of_twenty_at_once_one_is_carried_out(self, store: FailingStore) -> None:
        command = Command()
        answers = await asyncio.gather(
            *(service(store).answer_once(REQUEST, CONTEXT, command) for _ in range(20)),
            return_exceptions=True,
        )
        assert len(command.claims) == 1
        assert answers.count((DONE, False)) == 1
        others = [one for one in answers if one not in [(DONE, False), (DONE, True)]]
        assert all(isinstance(one, IdempotencyKeyInUse) for one in others)


class SlowStore(FailingStore):
    """Keeps an answer once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_keep = asyncio.Event()

    async def append(
        self,
        stream: str,
        events: Sequence[DomainEvent],
        *,
        expected: int | None,
        context: CommandContext,
    ) -> Appended:
        if isinstance(events[0], CommandAnsweredEvent):
            await self.may_keep.wait()
        return await super().append(stream, events, expected=expected, context=context)


class TestAnAnswerThatIsBeingKept:
    async def test_is_given_meanwhile_and_waited_for_by_whoever_asks_the_same_process(self) -> None:
        store = SlowStore()
        process, command = service(store), Command()
        assert await process.answer_once(REQUEST, CONTEXT, command) == (DONE, False)
        again = asyncio.create_task(process.answer_once(REQUEST, CONTEXT, command))
        await asyncio.sleep(sum(LOOKS_AGAIN_AFTER_S) * 2)
        assert not again.done(), "the key is in use by its own answer"
        store.may_keep.set()
        assert await again == (DONE, True)
        assert len(command.claims) == 1

    async def test_is_looked_for_again_by_another_process_before_it_refuses(self) -> None:
        store = SlowStore()
        await service(store).answer_once(REQUEST, CONTEXT, Command())
        with pytest.raises(IdempotencyKeyInUse):
            await service(store).answer_once(REQUEST, CONTEXT, Command())
        again = asyncio.create_task(service(store).answer_once(REQUEST, CONTEXT, Command()))
        await asyncio.sleep(LOOKS_AGAIN_AFTER_S[0] / 2)
        store.may_keep.set()
        assert await again == (DONE, True)

    async def test_is_kept_before_the_process_ends(self) -> None:
        store = SlowStore()
        process = service(store)
        await process.answer_once(REQUEST, CONTEXT, Command())
        ending = asyncio.create_task(process.settled())
        await asyncio.sleep(0)
        assert not ending.done()
        store.may_keep.set()
        await ending
        assert [one.type for one in store._log] == ["IdempotencyKeyClaimed", "CommandAnswered"]

    async def test_is_kept_before_it_is_given_where_too_many_are(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(idempotency_service, "KEEPING_MAX", 1)
        store = SlowStore()
        process = service(store)
        await process.answer_once(REQUEST, CONTEXT, Command())
        other = replace(REQUEST, key=IdempotencyKeyVO("order-2"))
        second = asyncio.create_task(process.answer_once(other, CONTEXT, Command()))
        await asyncio.sleep(0.01)
        assert not second.done()
        store.may_keep.set()
        assert await second == (DONE, False)
        await process.settled()


class TestRefusal:
    async def test_a_refused_command_leaves_the_key_free_for_another(
        self, store: FailingStore
    ) -> None:
        refused = Command(PaymentNotFound("p"))
        with pytest.raises(PaymentNotFound):
            await service(store).answer_once(REQUEST, CONTEXT, refused)
        other = Command()
        changed = replace(REQUEST, content=b"corrected")
        assert await service(store).answer_once(changed, CONTEXT, other) == (DONE, False)
        assert other.claims[0].number != refused.claims[0].number

    async def test_refusals_of_the_caller_count_too(self, store: FailingStore) -> None:
        class Refused(Exception):
            pass

        with pytest.raises(Refused):
            await service(store).answer_once(
                REQUEST, CONTEXT, Command(Refused()), refusals=(Refused,)
            )
        changed = replace(REQUEST, content=b"corrected")
        assert await service(store).answer_once(changed, CONTEXT, Command()) == (DONE, False)


@pytest.mark.parametrize(
    "doubt",
    [ProviderUnavailableError("PAYPAL"), EventStoreUnavailable("s"), StreamMoved("s"), OSError()],
    ids=lambda error: type(error).__name__,
)
class TestDoubt:
    async def test_the_same_command_goes_on_at_once_with_the_same_number(
        self, store: FailingStore, doubt: Exception
    ) -> None:
        command = Command(doubt)
        with pytest.raises(type(doubt)):
            await service(store).answer_once(REQUEST, CONTEXT, command)
        command.outcome = DONE
        assert await service(store).answer_once(REQUEST, CONTEXT, command) == (DONE, False)
        first, second = command.claims
        assert (first.number, first.derive("refund")) == (second.number, second.derive("refund"))
        assert first.claim_id != second.claim_id

    async def test_another_command_does_not_get_the_key(
        self, store: FailingStore, doubt: Exception
    ) -> None:
        with pytest.raises(type(doubt)):
            await service(store).answer_once(REQUEST, CONTEXT, Command(doubt))
        changed = replace(REQUEST, content=b"other")
        with pytest.raises(IdempotencyKeyReused):
            await service(store).answer_once(changed, LATER, Command())


class TestCrash:
    async def test_whoever_comes_after_the_lease_goes_on_with_the_same_number(
        self, store: FailingStore
    ) -> None:
        command = Command(asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            await service(store).answer_once(REQUEST, CONTEXT, command)
        command.outcome = DONE
        with pytest.raises(IdempotencyKeyInUse):
            await service(store).answer_once(REQUEST, CONTEXT, command)
        assert await service(store).answer_once(REQUEST, LATER, command) == (DONE, False)
        assert len({claim.number for claim in command.claims}) == 1

    async def test_an_answer_that_could_not_be_kept_is_given_all_the_same(
        self, store: FailingStore
    ) -> None:
        command = Command()
        store.fails = True
        assert await answered(store, command=command) == (DONE, False)
        store.fails = False
        assert await service(store).answer_once(REQUEST, LATER, command) == (DONE, False)
        assert await service(store).answer_once(REQUEST, LATER, command) == (DONE, True)
        assert len({claim.number for claim in command.claims}) == 1

    async def test_of_two_that_carry_it_out_the_first_answer_stays(
        self, store: FailingStore
    ) -> None:
        other = CommandAnswer(status=200, headers={}, body="{}")

        async def slow(claim: Claim) -> CommandAnswer:
            assert await service(store).answer_once(REQUEST, LATER, Command(other)) == (
                other,
                False,
            )
            return DONE

        assert await service(store).answer_once(REQUEST, CONTEXT, slow) == (DONE, False)
        assert await service(store).answer_once(REQUEST, LATER, Command()) == (other, True)


class TestWhatIsKept:
    async def test_neither_key_nor_body_nor_answer_is_readable_in_the_log(
        self, store: FailingStore
    ) -> None:
        await answered(store)
        assert [one.type for one in store._log] == ["IdempotencyKeyClaimed", "CommandAnswered"]
        for stored in store._log:
            text = stored.stream.encode() + stored.data
            for secret in (b"order-1", b"body", b"paymentId"):
                assert secret not in text

    async def test_what_is_shown_once_is_not_kept(self, store: FailingStore) -> None:
        shown = CommandAnswer(status=201, headers={}, body='{"id": "k1", "key": "gw_live_x"}')
        assert await service(store).answer_once(REQUEST, CONTEXT, Command(shown)) == (shown, False)
        again, replayed = await service(store).answer_once(REQUEST, CONTEXT, Command(shown))
        assert (again.body, replayed) == ('{"id": "k1", "key": null}', True)

    async def test_an_answer_of_another_installation_does_not_open(
        self, store: FailingStore
    ) -> None:
        await service(store).answer_once(REQUEST, CONTEXT, Command())
        with pytest.raises(SealBroken):
            await service(store, b"j" * 32).answer_once(REQUEST, CONTEXT, Command())

    async def test_a_key_whose_stream_was_removed_begins_anew(self, store: FailingStore) -> None:
        await answered(store)
        stream = store._log[0].stream
        revision = (await store.read(stream)).revision
        assert revision is not None
        await store.remove(stream, expected=revision)
        assert await service(store).answer_once(REQUEST, LATER, Command()) == (DONE, False)
        assert await service(store).answer_once(REQUEST, LATER, Command()) == (DONE, True)


def test_refusals_say_what_they_are_about() -> None:
    errors: list[DomainError] = [IdempotencyKeyReused(), IdempotencyKeyInUse(lapses_in_s=0.2)]
    assert {error.param for error in errors} == {"Idempotency-Key"}
