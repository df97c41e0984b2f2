"""Read a split together with its payments."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.services.stream_service import Loaded
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.aggregates.split_state import Split
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitView:
    """A split and its payments.

    Attributes:
        payments: By their ids, in the order of the parts.
        position: Where the newest event of all of these streams is in the whole log.
    """

    split: Split
    loaded: Loaded[Split]
    payments: Mapping[str, Payment]
    position: int


async def show_split(split_id: SplitIdVO, *, tenant_id: str, gateway: Gateway) -> SplitView:
    """Return a split of this tenant as the event store has it.

    Raises:
        SplitNotFound: There is none, or it is another tenant's.
        EventStoreUnavailable: The event store gave no answer.
    """
    found = await gateway.splits.find(split_id, tenant_id=tenant_id)
    ids = [part.payment_id for part in found.split.parts]
    read = await asyncio.gather(
        *(gateway.payments.find(PaymentIdVO(one), tenant_id=tenant_id) for one in ids)
    )
    return SplitView(
        split=found.split,
        loaded=found.loaded,
        payments={one: part.payment for one, part in zip(ids, read, strict=True)},
        position=max(found.loaded.position, *(part.loaded.position for part in read)),
    )
