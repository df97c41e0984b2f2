"""How calls about groups are refused.

Source: EventStoreDB 24.10 server, `RpcExceptions`.
"""

from __future__ import annotations

from grpc import StatusCode

from sandbox.eventstore.groups.definition import GroupKey
from sandbox.eventstore.refusals import Refusal


def _refusal(code: StatusCode, key: GroupKey, text: str, exception: str) -> Refusal:
    return Refusal(code, text, exception=exception, stream_name=key.source, group_name=key.name)


def does_not_exist(key: GroupKey) -> Refusal:
    """There is no such group."""
    text = f"Subscription group {key.name} on stream {key.source} does not exist."
    return _refusal(StatusCode.NOT_FOUND, key, text, "persistent-subscription-does-not-exist")


def exists(key: GroupKey) -> Refusal:
    """There is such a group already."""
    text = f"Subscription group {key.name} on stream {key.source} exists."
    return _refusal(StatusCode.ALREADY_EXISTS, key, text, "persistent-subscription-exists")


def failed(key: GroupKey, reason: str) -> Refusal:
    """The group cannot be as it is asked for."""
    text = f"Subscription group {key.name} on stream {key.source} failed: '{reason}'"
    return _refusal(StatusCode.INTERNAL, key, text, "persistent-subscription-failed")


def dropped(key: GroupKey) -> Refusal:
    """The group was deleted or changed under its consumers; they may join again."""
    text = f"Subscription group {key.name} on stream {key.source} was dropped."
    return _refusal(StatusCode.CANCELLED, key, text, "persistent-subscription-dropped")


def too_many_consumers(key: GroupKey) -> Refusal:
    """The group has as many consumers as it may have."""
    text = f"Maximum subscriptions reached for subscription group {key.name} on {key.source}."
    return _refusal(StatusCode.FAILED_PRECONDITION, key, text, "maximum-subscribers-reached")
