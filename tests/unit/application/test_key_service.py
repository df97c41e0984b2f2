"""Rewrapping: everything ends under the current key, nothing stops opening meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from payment_gateway.application.ports import (
    CommandContext,
    EventStoreUnavailable,
    RecordedEvent,
)
from payment_gateway.application.services.credential_service import CredentialService
from payment_gateway.application.services.key_service import KeyService, WrappedCount
from payment_gateway.application.services.personal_data_service import PersonalDataService
from payment_gateway.application.services.webhook_endpoint_service import WebhookEndpointService
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.subject import SubjectKeyCreatedEvent
from payment_gateway.infrastructure.persistence.log_history import LogHistory
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.security.envelope import (
    EnvelopeCredentialCipher,
    EnvelopeRewrapper,
    EnvelopeSubjectCipher,
    EnvelopeWebhookSecretCipher,
    MasterKey,
)
from payment_gateway.infrastructure.security.key_encryption import FileKey, KeyNotFound
from payment_gateway.infrastructure.security.key_file import KeyFile
from payment_gateway.infrastructure.security.key_ring import FileKeyRing
from tests.fake_deliveries import FakeDeliveryRecords
from tests.fake_provider import FakeProvider, FakeProviderFactory
from tests.unit.application.gateway_fixture import NOON

SECRET, NEW = b"s" * 32, b"n" * 32
OLD_ID, NEW_ID = FileKey(SECRET).key_id, FileKey(NEW).key_id
ONLY_OLD = MasterKey(SECRET)
BOTH = MasterKey(SECRET, FileKeyRing(KeyFile(secret=SECRET, keys=(NEW, SECRET))))
ONLY_NEW = MasterKey(SECRET, FileKeyRing(KeyFile(secret=SECRET, keys=(NEW,))))


def context(tenant_id: str = "demo") -> CommandContext:
    return CommandContext(tenant_id=tenant_id, actor="test", correlation_id="c", at=NOON)


def credentials(store: InMemoryEventStore, master: MasterKey) -> CredentialService:
    return CredentialService(
        store=store,
        cipher=EnvelopeCredentialCipher(master),
        factory=FakeProviderFactory({"PAYPAL": FakeProvider()}),
        monotonic=lambda: 0.0,
    )


def personal(store: InMemoryEventStore, master: MasterKey) -> PersonalDataService:
    return PersonalDataService(store, EnvelopeSubjectCipher(master))


def endpoints(store: InMemoryEventStore, master: MasterKey) -> WebhookEndpointService:
    return WebhookEndpointService(
        store=store,
        cipher=EnvelopeWebhookSecretCipher(master),
        records=FakeDeliveryRecords(),
        known_types=frozenset(),
        allow_plain=False,
    )


async def signing_secrets(store: InMemoryEventStore, master: MasterKey) -> list[bytes]:
    async for recorded in LogHistory(store).every("endpoint-.*"):
        service = endpoints(store, master)
        endpoint_id = recorded.stream.removeprefix("endpoint-")
        return service.signing_secrets(await service.find(endpoint_id, tenant_id="demo"), NOON)
    raise AssertionError("there is an endpoint")


def keys(store: InMemoryEventStore, master: MasterKey = BOTH) -> KeyService:
    return KeyService(
        store=store,
        history=LogHistory(store),
        rewrapper=EnvelopeRewrapper(master.ring),
        context_for=context,
    )


@pytest.fixture
async def store() -> InMemoryEventStore:
    """Two versions of one tenant's credentials, and the data of 20 persons, under the old key."""
    store = InMemoryEventStore()
    for secret in ("first", "second"):
        await credentials(store, ONLY_OLD).save("PAYPAL", {"secret": secret}, context())
    for number in range(20):
        await personal(store, ONLY_OLD).seal({}, subject_id=f"s-{number}", context=context())
    created = await endpoints(store, ONLY_OLD).create(
        url="https://shop.example/hooks", types=(), enabled=True, context=context()
    )
    endpoint_id = created.executed.state.endpoint_id
    await endpoints(store, ONLY_OLD).rotate(endpoint_id, overlap_s=60, context=context())
    return store


async def test_says_what_is_wrapped_by_which_key(store: InMemoryEventStore) -> None:
    assert await keys(store).counts() == [
        WrappedCount(key_id=NEW_ID, credentials=0, subjects=0, webhook_secrets=0),
        WrappedCount(key_id=OLD_ID, credentials=2, subjects=20, webhook_secrets=2),
    ]


async def test_brings_everything_under_the_current_key(store: InMemoryEventStore) -> None:
    sealed = await personal(store, BOTH).seal({"n": 1}, subject_id="s-1", context=context())
    before = await credentials(store, ONLY_OLD).reveal("PAYPAL", tenant_id="demo")
    signing = await signing_secrets(store, ONLY_OLD)

    rewrapped = await keys(store).rewrap()

    assert (rewrapped.done, rewrapped.unreadable) == (24, 0)
    counts = await keys(store).counts()
    assert counts == [WrappedCount(key_id=NEW_ID, credentials=2, subjects=20, webhook_secrets=2)]
    alone = credentials(store, ONLY_NEW)
    assert await alone.reveal("PAYPAL", tenant_id="demo") == before
    assert await signing_secrets(store, ONLY_NEW) == signing
    assert len(signing) == 2
    opened = await personal(store, ONLY_NEW).open(sealed, tenant_id="demo", subject_id="s-1")
    assert opened == {"n": 1}


async def test_run_again_it_has_nothing_left_to_do(store: InMemoryEventStore) -> None:
    await keys(store).rewrap()
    head = await store.head()
    assert (await keys(store).rewrap()).done == 0
    assert await store.head() == head


class Interrupted(InMemoryEventStore):
    """Answers a number of appends, and then no more."""

    appends_left = 1000

    async def append(self, *args: object, **kwargs: object) -> object:  # type: ignore[override] # hands everything on
        if self.appends_left == 0:
            raise EventStoreUnavailable("gone")
        self.appends_left -= 1
        return await super().append(*args, **kwargs)  # type: ignore[arg-type] # as above


async def test_stopped_half_way_it_goes_on_and_both_keys_open_meanwhile() -> None:
    store = Interrupted()
    sealed = {}
    for number in range(20):
        subject = f"s-{number}"
        sealed[subject] = await personal(store, ONLY_OLD).seal(
            {"n": number}, subject_id=subject, context=context()
        )
    store.appends_left = 7
    with pytest.raises(EventStoreUnavailable):
        await keys(store).rewrap()
    for subject, text in sealed.items():
        assert await personal(store, BOTH).open(text, tenant_id="demo", subject_id=subject)
    store.appends_left = 1000
    assert (await keys(store).rewrap()).done == 13


async def test_what_is_wrapped_by_the_old_key_meanwhile_is_found_as_well(
    store: InMemoryEventStore,
) -> None:
    class Late(LogHistory):
        """Between its passes, a process that has not read the new key yet makes another one."""

        late = 3

        async def every(self, streams: str) -> AsyncGenerator[RecordedEvent, None]:
            async for recorded in super().every(streams):
                yield recorded
            if self.late:
                self.late -= 1
                subject = f"late-{self.late}"
                await personal(store, ONLY_OLD).seal({}, subject_id=subject, context=context())

    service = KeyService(
        store=store,
        history=Late(store),
        rewrapper=EnvelopeRewrapper(BOTH.ring),
        context_for=context,
    )
    assert (await service.rewrap()).done == 26
    assert (await keys(store).rewrap()).done == 1


async def test_what_no_key_opens_stays_as_it_is_and_is_told(store: InMemoryEventStore) -> None:
    stranger = MasterKey(b"x" * 32)
    await personal(store, stranger).seal({}, subject_id="lost", context=context())
    rewrapped = await keys(store).rewrap()
    assert (rewrapped.done, rewrapped.unreadable) == (24, 1)
    assert rewrapped.unreadable_streams == ("subject-lost",)
    with pytest.raises(KeyNotFound):
        await personal(store, BOTH).seal({}, subject_id="lost", context=context())


async def test_what_is_no_envelope_is_told_too(store: InMemoryEventStore) -> None:
    broken = SubjectKeyCreatedEvent(tenant_id="demo", subject_id="b", wrapped_key="v9.x.y")
    await store.append("subject-b", [broken], expected=None, context=context())
    assert (await keys(store).rewrap()).unreadable_streams == ("subject-b",)


async def test_a_new_version_after_a_rotation_is_under_the_new_key(
    store: InMemoryEventStore,
) -> None:
    await keys(store).rewrap()
    await credentials(store, BOTH).save("PAYPAL", {"secret": "third"}, context())
    assert (await keys(store).counts())[0].credentials == 3
    opened = await credentials(store, ONLY_NEW).reveal("PAYPAL", tenant_id="demo", version=1)
    assert opened == await credentials(store, ONLY_NEW).reveal("PAYPAL", tenant_id="demo")


async def test_who_was_forgotten_has_no_key_left_to_count_or_rewrap(
    store: InMemoryEventStore,
) -> None:
    """The log may show the streams that were destroyed until the event store scavenges them."""
    forgotten = SubjectForgottenEvent(tenant_id="demo", subject_id="s-1")
    await store.append("erasure-s-1", [forgotten], expected=None, context=context())
    await store.destroy("subject-s-1")

    rewrapped = await keys(store).rewrap()

    assert rewrapped.unreadable == 0
    counts = [one for one in await keys(store).counts() if one.total]
    assert [(one.key_id, one.subjects) for one in counts] == [(NEW_ID, 19)]
