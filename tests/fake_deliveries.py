"""A tenant without endpoints, and a receiver that takes everything; for tests of other things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from payment_gateway.application.webhook_deliveries import (
    Answered,
    DeliveryFilter,
    DeliveryRecord,
    EndpointRecord,
    Signed,
)


class FakeDeliveryRecords:
    """Nothing was ever sent."""

    async def endpoints(self, tenant_id: str) -> Sequence[EndpointRecord]:
        return ()

    async def endpoint(self, endpoint_id: str) -> EndpointRecord | None:
        return None

    async def deliveries(self, which: DeliveryFilter, *, limit: int) -> Sequence[DeliveryRecord]:
        return ()

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        return None


class FakeReceiver:
    """Takes everything."""

    async def send(self, signed: Signed) -> Answered:
        return Answered(status=204, error=None, duration_ms=1, retry_after_s=None, excerpt="")

    def preview(self, signed: Signed) -> Mapping[str, Any]:
        return {"url": signed.url, "headers": {}, "body": {}}
