"""Every metric there is, each in one place: its name, its unit, its labels.

Names and base units follow Prometheus (prometheus.io, "Metric and label naming"). A label has only values that
the code knows beforehand: never a payment, a tenant, an address as it was asked for, or a text.
Process-wide, as processes are what is scraped.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

__all__ = ["CONTENT_TYPE_LATEST"]

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# Seconds. Calls to our own servers take milliseconds, those to providers up to a minute.
_SERVER_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PROVIDER_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)

HTTP_REQUESTS: Final = Counter(
    "gateway_http_requests",
    "Requests answered, by route as it is written down, and by status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
COMMANDS: Final = Counter(
    "gateway_commands",
    "Commands over REST, GraphQL and the dashboard from callers who may give them, by the name that the interface's description gives them: done, accepted (202: not finished), replayed from their idempotency key, refused (nothing was done), or failed.",
    ["command", "outcome"],
    registry=REGISTRY,
)
HTTP_REQUEST_DURATION: Final = Histogram(
    "gateway_http_request_duration_seconds",
    "From the first byte of a request to the last of its answer.",
    ["method", "route"],
    buckets=_SERVER_S,
    registry=REGISTRY,
)
HTTP_REQUESTS_IN_PROGRESS: Final = Gauge(
    "gateway_http_requests_in_progress", "Requests under way.", registry=REGISTRY
)
EVENTS_APPENDED: Final = Counter(
    "gateway_events_appended",
    "Events that commands caused, by their stored name: what was initiated, completed, failed, left unknown.",
    ["type"],
    registry=REGISTRY,
)
EVENT_STORE_CALL_DURATION: Final = Histogram(
    "gateway_event_store_call_duration_seconds",
    "Appends and reads, those included that failed.",
    ["call"],
    buckets=_SERVER_S,
    registry=REGISTRY,
)
EVENT_STORE_FAILURES: Final = Counter(
    "gateway_event_store_failures",
    "Calls that got no answer or a refusal; a lost race for a stream is none.",
    ["call"],
    registry=REGISTRY,
)
MONGODB_COMMAND_DURATION: Final = Histogram(
    "gateway_mongodb_command_duration_seconds",
    "Commands as the driver sends them.",
    ["command"],
    buckets=_SERVER_S,
    registry=REGISTRY,
)
MONGODB_FAILURES: Final = Counter(
    "gateway_mongodb_failures", "Commands that failed.", ["command"], registry=REGISTRY
)
PROVIDER_CALLS: Final = Counter(
    "gateway_provider_calls",
    "Calls to providers that were made: answered, unavailable (nothing happened) or unknown.",
    ["provider", "operation", "outcome"],
    registry=REGISTRY,
)
PROVIDER_CALL_DURATION: Final = Histogram(
    "gateway_provider_call_duration_seconds",
    "Calls to providers.",
    ["provider", "operation"],
    buckets=_PROVIDER_S,
    registry=REGISTRY,
)
PROVIDER_RETRIES: Final = Counter(
    "gateway_provider_retries", "Calls to providers that were tried again.", registry=REGISTRY
)
WEBHOOK_ATTEMPTS: Final = Counter(
    "gateway_webhook_attempts",
    "Events sent to tenants' endpoints, by what came of it: delivered, refused (another status) or unanswered.",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_ATTEMPT_DURATION: Final = Histogram(
    "gateway_webhook_attempt_duration_seconds",
    "From looking an endpoint's address up to its answer, or to giving it up.",
    buckets=_PROVIDER_S,
    registry=REGISTRY,
)
CIRCUIT_CHANGES: Final = Counter(
    "gateway_circuit_changes",
    "Times that the circuit of a provider's endpoint changed, by the state that it took.",
    ["provider", "state"],
    registry=REGISTRY,
)
CIRCUIT_REFUSALS: Final = Counter(
    "gateway_circuit_refusals",
    "Calls that were not made since the circuit was open.",
    ["provider"],
    registry=REGISTRY,
)
DRAINING: Final = Gauge(
    "gateway_draining",
    "1 once this API process is told to stop: it still serves, and is to be sent nothing new.",
    registry=REGISTRY,
)
SUBSCRIPTION_LAG: Final = Gauge(
    "gateway_subscription_lag_seconds",
    "The age of the newest mark in the log that a subscription has worked off; for those that this process holds.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_EVENTS: Final = Counter(
    "gateway_subscription_events",
    "Events that subscriptions worked off.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_PARKED: Final = Counter(
    "gateway_subscription_parked",
    "Events that were set aside, with those that wait behind them.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_UNKNOWN: Final = Counter(
    "gateway_subscription_unknown",
    "Events that were passed over since this release has never heard of their type.",
    ["subscription"],
    registry=REGISTRY,
)


SUBSCRIPTION_LIVE: Final = Gauge(
    "gateway_subscription_live",
    "Whether a subscription that this process holds follows the log live: 1, or 0.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_LAG_EVENTS: Final = Gauge(
    "gateway_subscription_lag_events",
    "Events that a subscription has still to take; counted to 1,000 and not longer than two seconds, where there may be more. 0 for one that was at the end of the log when that was last asked.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_LAG_POSITIONS: Final = Gauge(
    "gateway_subscription_lag_positions",
    "How far a subscription is behind the end of the log, in positions, which an EventStoreDB counts in bytes.",
    ["subscription"],
    registry=REGISTRY,
)
SUBSCRIPTION_FAILURES: Final = Gauge(
    "gateway_subscription_failures",
    "Connections lost since this process holds a subscription.",
    ["subscription"],
    registry=REGISTRY,
)
REBUILD_PROGRESS: Final = Gauge(
    "gateway_rebuild_progress_ratio",
    "How much of the log a rebuild under way has read, from 0 to 1; nothing for a read model without one.",
    ["model"],
    registry=REGISTRY,
)
REBUILD_POSITION: Final = Gauge(
    "gateway_rebuild_position",
    "The position in the log up to which all partitions of a rebuild under way have come.",
    ["model"],
    registry=REGISTRY,
)
REBUILD_VERIFIED: Final = Gauge(
    "gateway_rebuild_verified",
    "Documents read and events folded by the verification of a rebuild under way; nothing while there is none.",
    ["model"],
    registry=REGISTRY,
)
REBUILD_STATE: Final = Gauge(
    "gateway_rebuild_state",
    "1 for the state of a rebuild under way: building, paused, verifying, or failed where it did not pass its verification.",
    ["model", "state"],
    registry=REGISTRY,
)
QUEUE_DEPTH: Final = Gauge(
    "gateway_queue_depth", "Things that wait in a queue, due or not.", ["queue"], registry=REGISTRY
)
QUEUE_DUE: Final = Gauge(
    "gateway_queue_due", "Things that are due now.", ["queue"], registry=REGISTRY
)
QUEUE_OLDEST_DUE_SECONDS: Final = Gauge(
    "gateway_queue_oldest_due_seconds",
    "For how long the oldest thing has been due; 0 where nothing is.",
    ["queue"],
    registry=REGISTRY,
)
DEAD_LETTERS: Final = Gauge(
    "gateway_dead_letters", "Events that are parked.", ["subscription"], registry=REGISTRY
)
DEAD_LETTERS_OLDEST_SECONDS: Final = Gauge(
    "gateway_dead_letters_oldest_seconds",
    "For how long the oldest one has been parked.",
    ["subscription"],
    registry=REGISTRY,
)
QUESTIONS: Final = Gauge(
    "gateway_operator_questions", "Payments that wait for a person.", registry=REGISTRY
)
UNKNOWN_PAYMENTS: Final = Gauge(
    "gateway_unknown_payments",
    "Payments whose outcome is not known.",
    registry=REGISTRY,
)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format, ``CONTENT_TYPE_LATEST``."""
    return generate_latest(REGISTRY)
