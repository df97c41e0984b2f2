"""An address that takes a tenant's events: what can be done with it, and which secrets sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from payment_gateway.domain.aggregates.webhook_endpoint import (
    SIGNING_SECRETS_MAX,
    ChangeWebhookEndpoint,
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    DisableWebhookEndpoint,
    RequestWebhookTest,
    RotateWebhookSecret,
    WebhookEndpoint,
    WebhookEndpointCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import WebhookEndpointNotFound
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointChangedEvent,
    WebhookEndpointCreatedEvent,
    WebhookEndpointDeletedEvent,
    WebhookEndpointDisabledEvent,
    WebhookEndpointEnabledEvent,
    WebhookEndpointEvent,
    WebhookEndpointPausedEvent,
    WebhookSecretRewrappedEvent,
    WebhookSecretRotatedEvent,
)

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
OWNER = {"tenant_id": "demo", "endpoint_id": "e-1"}
URL = "https://shop.example/hooks"
CREATE = CreateWebhookEndpoint(**OWNER, url=URL, types=(), enabled=True, envelope="sealed-1")
CREATED = WebhookEndpointCreatedEvent(**OWNER, url=URL, types=(), enabled=True, envelope="sealed-1")
PAUSED = WebhookEndpointPausedEvent(**OWNER)
ENABLED = WebhookEndpointEnabledEvent(**OWNER)
DISABLED = WebhookEndpointDisabledEvent(**OWNER, reason="gone", failing_since=None)
DELETED = WebhookEndpointDeletedEvent(**OWNER)


def endpoint_after(*history: WebhookEndpointEvent) -> WebhookEndpoint | None:
    endpoint = None
    for event in history:
        endpoint = evolve(endpoint, event)
    return endpoint


def decided(
    command: WebhookEndpointCommand, *history: WebhookEndpointEvent
) -> list[WebhookEndpointEvent]:
    return decide(command, endpoint_after(*history))


def change(**fields: Any) -> ChangeWebhookEndpoint:
    return ChangeWebhookEndpoint(**{"url": None, "types": None, "enabled": None} | fields)


def rotated(version: int, until: datetime) -> WebhookSecretRotatedEvent:
    return WebhookSecretRotatedEvent(
        **OWNER, version=version, envelope=f"sealed-{version}", previous_until=until
    )


class TestChanging:
    def test_a_new_endpoint(self) -> None:
        assert decided(CREATE) == [CREATED]

    def test_the_same_endpoint_created_twice(self) -> None:
        assert decided(CREATE, CREATED) == []

    def test_another_address_keeps_the_types(self) -> None:
        typed = evolve(None, CREATED)
        assert decide(change(url="https://shop.example/2"), typed) == [
            WebhookEndpointChangedEvent(**OWNER, url="https://shop.example/2", types=())
        ]

    def test_what_it_is_already_changes_nothing(self) -> None:
        assert decided(change(url=URL, types=(), enabled=True), CREATED) == []

    def test_pausing_and_enabling(self) -> None:
        assert decided(change(enabled=False), CREATED) == [PAUSED]
        assert decided(change(enabled=True), CREATED, PAUSED) == [ENABLED]

    def test_what_the_gateway_disabled_can_be_enabled_and_then_has_no_reason(self) -> None:
        assert decided(change(enabled=True), CREATED, DISABLED) == [ENABLED]
        after = endpoint_after(CREATED, DISABLED, ENABLED)
        assert after is not None
        assert (after.enabled, after.disabled_reason) == (True, None)

    def test_disabling_what_a_person_has_paused_changes_nothing(self) -> None:
        command = DisableWebhookEndpoint(reason="failing", failing_since=NOW)
        assert decided(command, CREATED, PAUSED) == []

    def test_deleting_twice(self) -> None:
        assert decided(DeleteWebhookEndpoint(), CREATED) == [DELETED]
        assert decided(DeleteWebhookEndpoint(), CREATED, DELETED) == []

    @pytest.mark.parametrize(
        "command",
        [
            change(enabled=True),
            RotateWebhookSecret(version=2, envelope="sealed-2", previous_until=NOW),
            DisableWebhookEndpoint(reason="gone", failing_since=None),
            RequestWebhookTest(test_id="t"),
        ],
    )
    def test_nothing_else_is_done_with_a_deleted_or_unknown_one(
        self, command: WebhookEndpointCommand
    ) -> None:
        for history in ((), (CREATED, DELETED)):
            with pytest.raises(WebhookEndpointNotFound):
                decided(command, *history)


class TestSecrets:
    def test_both_sign_while_they_overlap_the_newest_first(self) -> None:
        endpoint = endpoint_after(CREATED, rotated(2, NOW + timedelta(hours=1)))
        assert endpoint is not None
        assert [one.version for one in endpoint.signing_secrets(NOW)] == [2, 1]
        assert [one.version for one in endpoint.signing_secrets(NOW + timedelta(hours=1))] == [2]

    def test_a_secret_that_leaked_ends_at_once_even_within_an_overlap(self) -> None:
        endpoint = endpoint_after(CREATED, rotated(2, NOW + timedelta(hours=9)), rotated(3, NOW))
        assert endpoint is not None
        assert [one.version for one in endpoint.signing_secrets(NOW)] == [3]

    def test_rewrapping_changes_one_envelope_alone(self) -> None:
        rewrapped = WebhookSecretRewrappedEvent(**OWNER, version=1, envelope="again-1")
        endpoint = endpoint_after(CREATED, rotated(2, NOW), rewrapped)
        assert endpoint is not None
        assert [one.envelope for one in endpoint.secrets] == ["again-1", "sealed-2"]

    @for_any(st.lists(st.integers(0, 7 * 86_400), max_size=8), st.integers(-86_400, 8 * 86_400))
    def test_the_newest_always_signs_and_never_too_many(
        self, overlaps_s: list[int], later_s: int
    ) -> None:
        history = [
            rotated(version, NOW + timedelta(seconds=overlap))
            for version, overlap in enumerate(overlaps_s, start=2)
        ]
        endpoint = endpoint_after(CREATED, *history)
        assert endpoint is not None
        signing = endpoint.signing_secrets(NOW + timedelta(seconds=later_s))

        assert signing[0].version == len(overlaps_s) + 1
        assert len(signing) <= SIGNING_SECRETS_MAX
        assert sorted({one.version for one in signing}, reverse=True) == [
            one.version for one in signing
        ]
