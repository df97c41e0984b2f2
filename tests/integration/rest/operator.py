"""The command line at work on the installation, and the read model that some of it reads."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from payment_gateway.application.commands.call_operator import call_operator
from payment_gateway.application.ports import CommandContext
from payment_gateway.bootstrap import open_gateway
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb, open_session
from projections import payment_details
from projections.document_writer import DocumentWriter
from projections.generations import install
from tests.command_line import run_command
from tests.integration.rest.installation import CLIENT_SECRET
from tests.integration.rest.shop import Shop


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        read: dict[str, Any] = json.loads(self.out)
        return read


@dataclass(frozen=True)
class Operator:
    """Runs commands on the shop's installation, with a database of its own for read models."""

    shop: Shop
    database: str

    async def run(self, *words: str, stdin: str = "") -> Ran:
        """Run ``payment-gateway`` to its end."""
        own = {"GATEWAY_MONGODB_DATABASE": self.database, "NO_COLOR": "1"}
        env = {**self.shop.installation.environment, **own}
        ran = await asyncio.to_thread(run_command, *words, env=env, given=stdin)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    async def project(self, *payment_ids: str) -> None:
        """Do what a projection worker does with all that happened to these payments."""
        settings = self.shop.installation.settings.model_copy(
            update={"mongodb_database": self.database}
        )
        async with open_mongodb(settings) as database:
            generation = await install(database, payment_details.MODEL)
            writer = DocumentWriter(database, payment_details.MODEL, generation)
            await writer.install()
            async with open_session(database) as session:
                for payment_id in payment_ids:
                    await writer(
                        (await self.shop.store.read(f"payment-{payment_id}")).events, session
                    )

    async def drop(self) -> None:
        async with open_mongodb(self.shop.installation.settings) as database:
            await database.client.drop_database(self.database)

    async def give_up(self, payment_id: str) -> None:
        """Do what the recovery does at the end of its schedule."""
        context = CommandContext(
            tenant_id="acme", actor="recovery", correlation_id=str(uuid4()), at=datetime.now(UTC)
        )
        async with open_gateway(self.shop.installation.settings) as opened:
            await call_operator(PaymentIdVO(payment_id), context, opened.gateway)

    async def refund_in_the_panel(self, payment_id: str, value: str) -> None:
        """Give money back as a merchant does in PayPal's own pages: the gateway is not told."""
        (capture,) = await self.shop.books("captures", payment_id)
        account = httpx.BasicAuth("acme", CLIENT_SECRET)
        grant = {"grant_type": "client_credentials"}
        token = await self.shop.paypal.post("/v1/oauth2/token", data=grant, auth=account)
        refunded = await self.shop.paypal.post(
            f"/v2/payments/captures/{capture['id']}/refund",
            json={"amount": {"currency_code": "USD", "value": value}},
            headers={"Authorization": f"Bearer {token.json()['access_token']}"},
        )
        assert refunded.status_code == 201, refunded.text
