"""The WebhookEndpoint aggregate: an address that takes a tenant's events, and what they are signed with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

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
    WebhookTestRequestedEvent,
)

# Who rotates again and again within one overlap signs with the newest of them.
SIGNING_SECRETS_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhookEndpoint:
    """Send a tenant's events to an address."""

    tenant_id: str
    endpoint_id: str
    url: str
    types: tuple[str, ...]
    enabled: bool
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhookEndpoint:
    """Change what is given; ``None`` leaves as it is."""

    url: str | None
    types: tuple[str, ...] | None
    enabled: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookSecret:
    """Sign with a new secret; the one in use before signs beside it until a time."""

    version: int
    envelope: str
    previous_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableWebhookEndpoint:
    """Stop sending, because of how the endpoint answers."""

    reason: str
    failing_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWebhookTest:
    """Deliver an event that says nothing but that it arrived."""

    test_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebhookEndpoint:
    """Stop sending for good."""


WebhookEndpointCommand = (
    CreateWebhookEndpoint
    | ChangeWebhookEndpoint
    | RotateWebhookSecret
    | DisableWebhookEndpoint
    | RequestWebhookTest
    | DeleteWebhookEndpoint
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """A sealed secret; ``until`` is ``None`` for the newest, which signs as long as there is no newer."""

    version: int
    envelope: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An endpoint and its secrets, oldest first.

    Attributes:
        types: Stored names of the events that are wanted; empty for all.
        enabled: Whether events are sent to it.
        disabled_reason: Why the gateway stopped sending; ``None`` where it was not the gateway.
    """

    tenant_id: str
    endpoint_id: str
    url: str
    types: tuple[str, ...]
    enabled: bool
    secrets: tuple[WebhookSecret, ...]
    disabled_reason: str | None = None
    deleted: bool = False

    @property
    def version(self) -> int:
        """The number of the newest secret; counts from 1."""
        return self.secrets[-1].version

    def signing_secrets(self, at: datetime) -> tuple[WebhookSecret, ...]:
        """Return the secrets that sign at a time, the newest first, ``SIGNING_SECRETS_MAX`` at most."""
        signing = [one for one in reversed(self.secrets) if one.until is None or one.until > at]
        return tuple(signing[:SIGNING_SECRETS_MAX])


def decide(
    command: WebhookEndpointCommand, endpoint: WebhookEndpoint | None
) -> list[WebhookEndpointEvent]:
    """Return what a command causes: nothing where the endpoint is that already.

    Raises:
        WebhookEndpointNotFound: It was never created, or was deleted; deleting it again is no matter.
    """
    if isinstance(command, CreateWebhookEndpoint):
        return [] if endpoint is not None else [_created(command)]
    if endpoint is None:
        raise WebhookEndpointNotFound
    if isinstance(command, DeleteWebhookEndpoint):
        return [] if endpoint.deleted else [WebhookEndpointDeletedEvent(**_owner(endpoint))]
    if endpoint.deleted:
        raise WebhookEndpointNotFound
    match command:
        case ChangeWebhookEndpoint():
            return _change(command, endpoint)
        case RotateWebhookSecret():
            return _rotate(command, endpoint)
        case DisableWebhookEndpoint():
            return _disable(command, endpoint)
        case RequestWebhookTest():
            return [WebhookTestRequestedEvent(**_owner(endpoint), test_id=command.test_id)]
        case _:
            assert_never(command)


def evolve(endpoint: WebhookEndpoint | None, event: WebhookEndpointEvent) -> WebhookEndpoint:
    """Return the endpoint after an event."""
    if isinstance(event, WebhookEndpointCreatedEvent):
        return WebhookEndpoint(
            tenant_id=event.tenant_id,
            endpoint_id=event.endpoint_id,
            url=event.url,
            types=event.types,
            enabled=event.enabled,
            secrets=(WebhookSecret(version=1, envelope=event.envelope),),
        )
    assert endpoint is not None, "an endpoint begins with WebhookEndpointCreated"
    match event:
        case WebhookEndpointChangedEvent():
            return replace(endpoint, url=event.url, types=event.types)
        case WebhookEndpointPausedEvent():
            return replace(endpoint, enabled=False)
        case WebhookEndpointEnabledEvent():
            return replace(endpoint, enabled=True, disabled_reason=None)
        case WebhookEndpointDisabledEvent():
            return replace(endpoint, enabled=False, disabled_reason=event.reason)
        case WebhookSecretRotatedEvent():
            return replace(endpoint, secrets=_with_rotated(endpoint.secrets, event))
        case WebhookSecretRewrappedEvent():
            secrets = tuple(
                replace(one, envelope=event.envelope) if one.version == event.version else one
                for one in endpoint.secrets
            )
            return replace(endpoint, secrets=secrets)
        case WebhookTestRequestedEvent():
            return endpoint
        case WebhookEndpointDeletedEvent():
            return replace(endpoint, enabled=False, deleted=True)
        case _:
            assert_never(event)


def _created(command: CreateWebhookEndpoint) -> WebhookEndpointCreatedEvent:
    return WebhookEndpointCreatedEvent(
        tenant_id=command.tenant_id,
        endpoint_id=command.endpoint_id,
        url=command.url,
        types=command.types,
        enabled=command.enabled,
        envelope=command.envelope,
    )


def _change(
    command: ChangeWebhookEndpoint, endpoint: WebhookEndpoint
) -> list[WebhookEndpointEvent]:
    events: list[WebhookEndpointEvent] = []
    url = endpoint.url if command.url is None else command.url
    types = endpoint.types if command.types is None else command.types
    if (url, types) != (endpoint.url, endpoint.types):
        events.append(WebhookEndpointChangedEvent(**_owner(endpoint), url=url, types=types))
    if command.enabled is True and not endpoint.enabled:
        events.append(WebhookEndpointEnabledEvent(**_owner(endpoint)))
    if command.enabled is False and endpoint.enabled:
        events.append(WebhookEndpointPausedEvent(**_owner(endpoint)))
    return events


def _rotate(command: RotateWebhookSecret, endpoint: WebhookEndpoint) -> list[WebhookEndpointEvent]:
    assert command.version == endpoint.version + 1, "the envelope was sealed for another version"
    return [
        WebhookSecretRotatedEvent(
            **_owner(endpoint),
            version=command.version,
            envelope=command.envelope,
            previous_until=command.previous_until,
        )
    ]


def _disable(
    command: DisableWebhookEndpoint, endpoint: WebhookEndpoint
) -> list[WebhookEndpointEvent]:
    if not endpoint.enabled:
        return []
    return [
        WebhookEndpointDisabledEvent(
            **_owner(endpoint), reason=command.reason, failing_since=command.failing_since
        )
    ]


def _with_rotated(
    secrets: tuple[WebhookSecret, ...], event: WebhookSecretRotatedEvent
) -> tuple[WebhookSecret, ...]:
    """Return the secrets with a new one; none of those before outlives the end that is set now."""
    until = event.previous_until
    ended = tuple(
        replace(one, until=until if one.until is None else min(one.until, until)) for one in secrets
    )
    return (*ended, WebhookSecret(version=event.version, envelope=event.envelope))


def _owner(endpoint: WebhookEndpoint) -> dict[str, str]:
    return {"tenant_id": endpoint.tenant_id, "endpoint_id": endpoint.endpoint_id}
