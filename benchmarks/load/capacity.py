"""From what one payment costs to what a number of payments a second needs: the arithmetic of ``docs/scaling.md``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from projections import (
    audit_log,
    daily_stats,
    event_feed,
    order_payments,
    payment_details,
    payment_list,
    provider_health,
)
from projections.generations import PARTITIONS_MAX

# Assumptions, named as such on the page.
BUSY_MAX: Final = 0.5  # of a core: the other half is for the loss of a machine and for peaks
LOG_EVENTS_PER_S: Final = 15_000  # that an EventStoreDB cluster takes on fast disks
SUBSCRIPTION_SHARE: Final = 0.25  # of the reactors' work that the busiest of their subscriptions is
# Each read model takes the same share of the work of `projections run`.
CORES_PER_MACHINE: Final = 16
MONGODB_CORES_PER_SHARD: Final = 16
# Facts of the code.
MODELS: Final = (
    *(payment_details.MODEL, payment_list.MODEL, order_payments.MODEL, daily_stats.MODEL),
    *(provider_health.MODEL, audit_log.MODEL, event_feed.MODEL),
)
READ_MODELS: Final = len(MODELS)
DIVIDED: Final = sum(model.partitionable for model in MODELS)
# Processes of `projections run` that have something to do.
UNITS_MAX: Final = READ_MODELS + DIVIDED * (PARTITIONS_MAX - 1)
CLUSTER: Final = 3  # nodes of an event store, members of a replica set


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Payments a second that one installation can take, by what gives out first.

    Attributes:
        log: Its one writer takes no more events.
        read_models: One of those that cannot be divided fills a core.
        reactors: The busiest subscription of the reactors, which is not divided, fills a core.
    """

    log: float
    read_models: float
    reactors: float

    @property
    def lowest(self) -> float:
        """What gives out first."""
        return min(self.log, self.read_models, self.reactors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a rate needs.

    Attributes:
        installations: Independent ones, each with tenants of its own.
        rate_each: Payments a second of one of them.
        api: Processes of one installation; so ``reactors`` and ``projections``.
        partitions: Of each read model that can be divided.
        events_per_s: That the log of one takes.
        shards: Of MongoDB in one.
        machines: In all: of the gateway's processes, event stores and MongoDB.
    """

    rate: float
    installations: int
    rate_each: float
    api: int
    reactors: int
    projections: int
    partitions: int
    events_per_s: float
    shards: int
    machines: int


def ceilings(cost_ms: Mapping[str, float], events_per_payment: float) -> Ceilings:
    """Return how far one installation goes.

    Args:
        cost_ms: CPU milliseconds that one payment costs each process.
        events_per_payment: That the log gets for one, in all streams.
    """
    core_ms = 1000 * BUSY_MAX
    return Ceilings(
        log=LOG_EVENTS_PER_S * BUSY_MAX / events_per_payment,
        read_models=core_ms / (cost_ms["projections"] / READ_MODELS),
        reactors=core_ms / (cost_ms["reactors"] * SUBSCRIPTION_SHARE),
    )


def need(
    rate: float, cost_ms: Mapping[str, float], limits: Ceilings, events_per_payment: float
) -> Need:
    """Return what so many payments a second need, none of the installations beyond its limits.

    Args:
        rate: Payments a second, of all installations together.
        cost_ms: CPU milliseconds that one payment costs each process.
        limits: Of one installation.
        events_per_payment: That the log gets for one, in all streams.
    """
    installations = math.ceil(rate / limits.lowest)
    each = rate / installations

    def cores(part: str) -> int:
        """Return the cores of one installation, each filled to ``BUSY_MAX``; one process fills one."""
        return max(2, math.ceil(each * cost_ms[part] / 1000 / BUSY_MAX))

    api, reactors, projections = cores("api"), cores("reactors"), cores("projections")
    shards = math.ceil(cores("mongodb") / MONGODB_CORES_PER_SHARD)
    servers = CLUSTER + CLUSTER * shards
    machines = math.ceil((api + reactors + projections) / CORES_PER_MACHINE)
    return Need(
        rate=rate,
        installations=installations,
        rate_each=each,
        api=api,
        reactors=reactors,
        projections=projections,
        partitions=_partitions(projections),
        events_per_s=each * events_per_payment,
        shards=shards,
        machines=installations * (max(2, machines) + servers),
    )


def _partitions(processes: int) -> int:
    """Return the power of two with which each process has something to keep.

    Read models that are not divided occupy one process each.
    """
    wanted = max(1, math.ceil((processes - (READ_MODELS - DIVIDED)) / DIVIDED))
    return min(PARTITIONS_MAX, 1 << (wanted - 1).bit_length())
