"""The rules of an API key: who may call, as what, with which secrets, until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates.api_key import (
    SECRETS_MAX,
    ApiKey,
    ApiKeyCommand,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    decide,
    evolve,
)
from payment_gateway.domain.errors import ApiKeyEnded, ApiKeyNotFound, InvalidValue
from payment_gateway.domain.events.api_key import (
    ApiKeyCreatedEvent,
    ApiKeyEvent,
    ApiKeyRevokedEvent,
    ApiKeyRotatedEvent,
)
from payment_gateway.domain.value_objects.grant import GrantVO, RoleVO

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GRANT = GrantVO("acme", frozenset({RoleVO.VIEWER, RoleVO.ORDER_SERVICE}))
CREATE = CreateApiKey(
    grant=GRANT, name="Shop", prefix="gw_test_aaaaaa", key_hash="a", at=NOON, expires_at=None
)


def key_after(*commands: ApiKeyCommand) -> ApiKey:
    key: ApiKey | None = None
    for command in commands:
        for event in decide("key-1", command, key):
            key = evolve(key, event)
    assert key is not None
    return key


def rotation(key_hash: str, *, at: datetime = NOON, overlap: timedelta = DAY) -> RotateApiKey:
    return RotateApiKey(prefix="gw_test_bbbbbb", key_hash=key_hash, at=at, overlap=overlap)


class TestGrant:
    @pytest.mark.parametrize("role", ["order-service", "viewer"])
    def test_money_is_moved_and_seen_for_one_tenant_only(self, role: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            GrantVO.parse("*", [role, "admin"])
        assert refusal.value.param == "roles"

    @pytest.mark.parametrize("role", ["operator", "admin", "auditor"])
    def test_the_others_may_be_held_for_all(self, role: str) -> None:
        assert GrantVO.parse("*", [role]).role_names == (role,)

    @pytest.mark.parametrize("roles", [[], ["root"], ["admin", "root"], ["Admin"]])
    def test_has_roles_that_there_are(self, roles: list[str]) -> None:
        with pytest.raises(InvalidValue) as refusal:
            GrantVO.parse("acme", roles)
        assert refusal.value.param == "roles"

    @pytest.mark.parametrize("tenant_id", ["", "**", "Acme", "a b", "acme*"])
    def test_is_for_a_tenant(self, tenant_id: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            GrantVO.parse(tenant_id, ["viewer"])
        assert refusal.value.param == "tenantId"


class TestCreate:
    def test_a_key_is_accepted_from_now_on(self) -> None:
        assert decide("key-1", CREATE, None) == [
            ApiKeyCreatedEvent(
                api_key_id="key-1",
                tenant_id="acme",
                roles=("order-service", "viewer"),
                name="Shop",
                prefix="gw_test_aaaaaa",
                key_hash="a",
                created_at=NOON,
                expires_at=None,
            )
        ]
        assert key_after(CREATE).accepts("a", NOON)
        assert not key_after(CREATE).accepts("b", NOON)

    def test_a_key_that_would_have_ended_is_refused(self) -> None:
        ended = CreateApiKey(
            grant=GRANT, name=None, prefix="p", key_hash="a", at=NOON, expires_at=NOON
        )
        with pytest.raises(InvalidValue) as refusal:
            decide("key-1", ended, None)
        assert refusal.value.param == "expiresAt"

    def test_again_replaces_the_secret_that_nobody_was_told(self) -> None:
        again = replace(CREATE, prefix="gw_test_cccccc", key_hash="c")
        key = key_after(CREATE, again)
        assert [key.accepts(one, NOON) for one in "ac"] == [False, True]
        assert decide("key-1", again, key) == []

    def test_a_key_ends_at_its_time_and_not_before(self) -> None:
        key = key_after(
            CreateApiKey(
                grant=GRANT, name=None, prefix="p", key_hash="a", at=NOON, expires_at=NOON + DAY
            )
        )
        assert key.accepts("a", NOON + DAY - timedelta(microseconds=1))
        assert not key.accepts("a", NOON + DAY)
        assert key.status(NOON + DAY) == "EXPIRED"


class TestRotate:
    def test_both_secrets_are_accepted_during_the_overlap(self) -> None:
        key = key_after(CREATE, rotation("b"))
        assert key.accepts("a", NOON)
        assert key.accepts("b", NOON)
        assert not key.accepts("a", NOON + DAY)
        assert key.accepts("b", NOON + DAY)

    def test_without_an_overlap_the_secret_before_ends_at_once(self) -> None:
        key = key_after(CREATE, rotation("b", overlap=timedelta(0)))
        assert not key.accepts("a", NOON)

    def test_once_more_leaves_those_before_the_time_that_they_were_given(self) -> None:
        """As after a crash, whose secret nobody was told: callers still have the first one."""
        key = key_after(CREATE, rotation("b"), rotation("c", at=NOON + DAY / 2))
        assert [key.accepts(one, NOON + DAY / 2) for one in "abc"] == [True, True, True]
        assert [key.accepts(one, NOON + DAY) for one in "abc"] == [False, True, True]

    def test_without_an_overlap_all_before_end_at_once(self) -> None:
        key = key_after(CREATE, rotation("b"), rotation("c", overlap=timedelta(0)))
        assert [key.accepts(one, NOON) for one in "abc"] == [False, False, True]

    def test_no_more_than_some_secrets_are_ever_accepted(self) -> None:
        key = key_after(CREATE, *(rotation(one) for one in "bcdef"))
        assert [key.accepts(one, NOON) for one in "abcdef"] == [False] * 2 + [True] * SECRETS_MAX

    def test_with_the_same_secret_changes_nothing(self) -> None:
        assert decide("key-1", rotation("b"), key_after(CREATE, rotation("b"))) == []

    @pytest.mark.parametrize("command", [rotation("b"), RevokeApiKey(at=NOON)])
    def test_a_key_that_never_was(self, command: ApiKeyCommand) -> None:
        with pytest.raises(ApiKeyNotFound):
            decide("key-1", command, None)

    def test_a_key_that_ended_stays_ended(self) -> None:
        with pytest.raises(ApiKeyEnded):
            decide("key-1", rotation("b"), key_after(CREATE, RevokeApiKey(at=NOON)))


class TestRevoke:
    def test_no_secret_is_accepted_any_more(self) -> None:
        key = key_after(CREATE, rotation("b"), RevokeApiKey(at=NOON))
        assert not key.accepts("a", NOON)
        assert not key.accepts("b", NOON)
        assert key.status(NOON) == "REVOKED"

    def test_again_changes_nothing(self) -> None:
        key = key_after(CREATE, RevokeApiKey(at=NOON))
        assert decide("key-1", RevokeApiKey(at=NOON + DAY), key) == []


COMMANDS = st.lists(
    st.one_of(
        st.builds(rotation, st.sampled_from("bcde"), at=st.just(NOON)),
        st.just(RevokeApiKey(at=NOON)),
    ),
    max_size=8,
)


@given(COMMANDS)
def test_whatever_is_commanded_a_revoked_key_accepts_nothing_and_others_some_secrets(
    commands: list[ApiKeyCommand],
) -> None:
    key = key_after(CREATE)
    revoked = False
    events: list[ApiKeyEvent] = []
    for command in commands:
        try:
            events = decide("key-1", command, key)
        except ApiKeyEnded:
            assert revoked
            continue
        for event in events:
            assert isinstance(event, ApiKeyRotatedEvent | ApiKeyRevokedEvent)
            key = evolve(key, event)
        revoked = revoked or isinstance(command, RevokeApiKey)
        assert decide("key-1", command, key) == []
    accepted = [one for one in "abcde" if key.accepts(one, NOON)]
    assert len(accepted) == 0 if revoked else 1 <= len(accepted) <= SECRETS_MAX
