"""An idempotency key belongs to one command, is carried out by one at a time, and has one answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    IdempotencyKeyReused,
    InvalidValue,
)
from payment_gateway.domain.events.idempotency import (
    CommandAnsweredEvent,
    IdempotencyEvent,
    IdempotencyKeyClaimedEvent,
    IdempotencyKeyReleasedEvent,
    IdempotencyKeyYieldedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.idempotency_key import IdempotencyKeyVO

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)


def claim(
    by: str = "one", request: str = "a", *, number: str = "ERN-1", after_s: int = 0
) -> ClaimKey:
    at = NOON + timedelta(seconds=after_s)
    return ClaimKey(
        claim_id=by,
        fingerprint=request,
        external_reference=ExternalReferenceNumberVO(number),
        at=at,
        expires_at=at + LEASE,
    )


def claimed(
    by: str = "one", request: str = "a", *, number: str = "ERN-1", after_s: int = 0
) -> IdempotencyKeyClaimedEvent:
    return IdempotencyKeyClaimedEvent(
        claim_id=by,
        fingerprint=request,
        external_reference=number,
        expires_at=NOON + timedelta(seconds=after_s) + LEASE,
    )


def keep(by: str = "one", request: str = "a", answer: str = "done") -> KeepAnswer:
    return KeepAnswer(claim_id=by, fingerprint=request, answer=answer)


ANSWERED = CommandAnsweredEvent(claim_id="one", fingerprint="a", sealed_answer="done")
RELEASED = IdempotencyKeyReleasedEvent(claim_id="one")
YIELDED = IdempotencyKeyYieldedEvent(claim_id="one")


def after(*history: IdempotencyEvent) -> IdempotencyKey | None:
    key = None
    for event in history:
        key = evolve(key, event)
    return key


class TestClaim:
    def test_a_new_key_is_claimed(self) -> None:
        assert decide(claim(), None) == [claimed()]

    def test_a_key_that_is_being_used_is_refused_and_says_when_to_ask_again(self) -> None:
        with pytest.raises(IdempotencyKeyInUse) as refused:
            decide(claim("two", after_s=59), after(claimed()))
        assert refused.value.retry_after_s == 1.0

    def test_a_claim_that_lapsed_is_taken_over_with_its_number(self) -> None:
        taken = decide(claim("two", number="ERN-2", after_s=60), after(claimed()))
        assert taken == [claimed("two", number="ERN-1", after_s=60)]

    def test_one_that_came_to_no_clear_end_is_taken_over_at_once_with_its_number(self) -> None:
        taken = decide(claim("two", number="ERN-2"), after(claimed(), YIELDED))
        assert taken == [claimed("two", number="ERN-1")]

    def test_one_that_was_refused_is_free_for_any_command_with_a_new_number(self) -> None:
        anew = decide(claim("two", "b", number="ERN-2"), after(claimed(), RELEASED))
        assert anew == [claimed("two", "b", number="ERN-2")]

    def test_an_answered_key_is_not_claimed_again(self) -> None:
        assert decide(claim("two"), after(claimed(), ANSWERED)) == []

    @pytest.mark.parametrize("history", [(), (YIELDED,), (ANSWERED,)])
    def test_another_command_is_refused(self, history: tuple[IdempotencyEvent, ...]) -> None:
        with pytest.raises(IdempotencyKeyReused):
            decide(claim("two", "b", after_s=3600), after(claimed(), *history))


class TestEnd:
    def test_the_answer_is_kept(self) -> None:
        assert decide(keep(), after(claimed())) == [ANSWERED]

    def test_the_first_answer_stays(self) -> None:
        assert decide(keep("two", answer="other"), after(claimed(), ANSWERED)) == []

    def test_whoever_was_taken_over_still_leaves_the_answer(self) -> None:
        assert decide(keep(), after(claimed(), claimed("two", after_s=60))) == [ANSWERED]

    def test_no_answer_to_another_command_is_left(self) -> None:
        history = after(claimed(), RELEASED, claimed("two", "b"))
        assert decide(keep(), history) == []

    def test_only_its_holder_gives_a_key_back(self) -> None:
        assert decide(ReleaseKey(claim_id="one"), after(claimed())) == [RELEASED]
        assert decide(YieldKey(claim_id="one"), after(claimed())) == [YIELDED]
        taken_over = after(claimed(), claimed("two", after_s=60))
        assert decide(ReleaseKey(claim_id="one"), taken_over) == []
        assert decide(YieldKey(claim_id="one"), taken_over) == []
        assert decide(ReleaseKey(claim_id="one"), after(claimed(), ANSWERED)) == []


COMMANDS: st.SearchStrategy[IdempotencyCommand] = st.one_of(
    st.builds(
        claim,
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["a", "b"]),
        number=st.integers(1, 9).map("ERN-{}".format),
        after_s=st.integers(0, 300),
    ),
    st.builds(
        keep, st.sampled_from(["one", "two"]), st.sampled_from(["a", "b"]), st.text(max_size=3)
    ),
    st.builds(ReleaseKey, claim_id=st.sampled_from(["one", "two"])),
    st.builds(YieldKey, claim_id=st.sampled_from(["one", "two"])),
)


@given(st.lists(COMMANDS, max_size=30))
def test_whatever_happens_an_answer_is_final_and_a_command_keeps_its_number(
    commands: list[IdempotencyCommand],
) -> None:
    key: IdempotencyKey | None = None
    for command in commands:
        before = key
        try:
            events = decide(command, key)
        except DomainError:
            continue
        for event in events:
            key = evolve(key, event)
        if before is None or key is None:
            continue
        if before.answer is not None:
            assert key == before
        if before.fingerprint is not None and isinstance(command, ClaimKey):
            assert key.fingerprint == before.fingerprint
            assert key.external_reference == before.external_reference


@pytest.mark.parametrize("text", ["", "x" * 256, "a\x00b", "tab\t"])
def test_a_key_is_1_to_255_printable_characters(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        IdempotencyKeyVO(text)
    assert refused.value.param == "Idempotency-Key"
    assert IdempotencyKeyVO("x" * 255).value
