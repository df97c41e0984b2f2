"""A tenant whose every secret and every personal word is planted, and what it does all day."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

TENANT: Final = "planted"


def plant(name: str) -> str:
    """Return a text that occurs nowhere else."""
    return f"planted-{name}-{uuid4().hex[:20]}"


def _plants(*names: str) -> dict[str, str]:
    return {name: plant(name) for name in names}


@dataclass
class Shop:
    """The tenant's people, and all that they were ever answered.

    Attributes:
        secrets: What only its owner and the provider may know.
        personal: What its own tenant may read, and nobody else.
        visible: Put beside them, to see that the search finds what is not protected.
        shown_once: Secrets of the gateway's making, which the answer that makes them shows.
    """

    addresses: dict[str, str]
    http: httpx.AsyncClient
    answers: list[httpx.Response] = field(default_factory=list)
    secrets: dict[str, str] = field(
        default_factory=lambda: _plants(
            "client-secret", "newer-client-secret", "wsk", "guessed-key", "pin", "password", "card"
        )
    )
    personal: dict[str, str] = field(
        default_factory=lambda: _plants("name", "email", "phone", "param", "locker-pin")
    )
    shown_once: dict[str, str] = field(default_factory=dict)
    visible: str = field(default_factory=lambda: plant("order"))
    key: str = ""

    async def ask(
        self, method: str, path: str, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send a request to the gateway and keep what it answers."""
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        headers |= more.pop("headers", {})
        if key == "":
            del headers["Authorization"]
        answer = await self.http.request(
            method, f"{self.addresses['api']}{path}", headers=headers, **more
        )
        self.answers.append(answer)
        return answer

    async def administer(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Idempotency-Key": uuid4().hex}
        answer = await self.ask(
            "POST", f"/api/v1{path}", key=self.addresses["adminKey"], json=body, headers=headers
        )
        assert answer.is_success, answer.text
        return answer.json()

    async def open(self, receiver_url: str) -> None:
        """Become a tenant with accounts at both providers, a key and an endpoint for deliveries."""
        await self.administer("/tenants", {"tenantId": TENANT})
        await self._account("paypal", clientId=TENANT, clientSecret="", webhookId="WH-planted")
        await self._account("pagadito", uid=TENANT, wsk="")
        roles = ["order-service", "viewer"]
        made = await self.administer("/apikeys", {"tenantId": TENANT, "roles": roles})
        newer = await self.administer(f"/apikeys/{made['id']}/rotate", {"overlapSeconds": 3600})
        endpoint = await self.administer(
            "/webhook-endpoints", {"tenantId": TENANT, "url": receiver_url}
        )
        self.shown_once = {
            "api key": made["key"],
            "newer api key": newer["key"],
            "endpoint secret": endpoint["secret"],
        }
        self.key = newer["key"]

    async def _account(self, provider: str, **account: str) -> None:
        """Open an account at a simulator, let it notify the gateway, and store the credentials."""
        webhook = f"{self.addresses['api']}/api/v1/webhooks/{provider}/{TENANT}"
        names = ["client-secret", "newer-client-secret"] if provider == "paypal" else ["wsk"]
        secret_field = "clientSecret" if provider == "paypal" else "wsk"
        merchants = f"{self.addresses[provider]}/_control/merchants"
        back = f"{self.addresses['api']}/checkout/return/pagadito?token={{value}}&ern={{ern_value}}"
        template = {} if provider == "paypal" else {"returnUrlTemplate": back}
        for name in names:  # the second takes the place of the first
            fields = {**account, secret_field: self.secrets[name]}
            merchant = {**fields, **template, "webhookUrl": webhook}
            (await self.http.post(merchants, json=merchant)).raise_for_status()
            stored = {"credentials": {**fields, "sandbox": True}, "tenantId": TENANT}
            await self.administer(
                "/providers/credentials", {**stored, "providerType": provider.upper()}
            )

    def order(self, provider: str = "PAYPAL", **changes: object) -> dict[str, Any]:
        """Return an order with everything personal in it."""
        person = {name: self.personal[name] for name in ("name", "email", "phone")}
        return {
            "tenantId": TENANT,
            "providerType": provider,
            "amount": "19.99",
            "currency": "USD",
            "orderId": self.visible,
            "customer": {"reference": self.personal["name"], **person},
            "customParams": {"note": self.personal["param"], "pin": self.personal["locker-pin"]},
            **changes,
        }

    async def initiate(self, **changes: Any) -> httpx.Response:
        return await self.ask("POST", "/api/v1/payments/initiate", json=self.order(**changes))

    async def pay(self, provider: str) -> str:
        """Take a payment whole, with an idempotency key; return its id."""
        answer = await self.ask(
            "POST",
            "/api/v1/payments/initiate",
            json=self.order(provider),
            headers={"Idempotency-Key": uuid4().hex},
        )
        assert answer.status_code == 201, answer.text
        opened = answer.json()
        (token,) = parse_qs(urlsplit(opened["checkoutUrl"]).query)["token"]
        approve, form = ("/checkoutnow/approve", {"funding": "instant"})
        if provider == "PAGADITO":
            approve, form = ("/comercios/pay", {"action": "pay"})
        paid = await self.http.post(
            f"{self.addresses[provider.lower()]}{approve}", data={"token": token, **form}
        )
        assert paid.status_code == 303, paid.text
        self.answers.append(await self.http.get(paid.headers["location"]))
        payment = {"tenantId": TENANT, "paymentId": opened["paymentId"]}
        completed = await self.ask(
            "POST", "/api/v1/payments/complete", json={**payment, "providerType": provider}
        )
        assert completed.json()["status"] == "COMPLETED", completed.text
        return str(opened["paymentId"])

    async def refund(self, payment_id: str, amount: str) -> httpx.Response:
        body = {"tenantId": TENANT, "paymentId": payment_id, "amount": amount}
        return await self.ask("POST", "/api/v1/payments/refund", json=body)

    async def look_around(self, payment_id: str) -> None:
        """Ask for everything that there is to read, in all three ways."""
        for path in (
            f"/payments/{payment_id}",
            f"/payments/{payment_id}/events",
            "/payments",
            "/providers/status",
        ):
            answer = await self.ask("GET", f"/api/v1{path}")
            assert answer.status_code == 200, (path, answer.text)
        for path in ("/tenants", "/apikeys", f"/webhook-endpoints?tenantId={TENANT}"):
            answer = await self.ask("GET", f"/api/v1{path}", key=self.addresses["adminKey"])
            assert answer.status_code == 200, (path, answer.text)
        for path in ("/metrics", "/openapi.json", "/readyz"):
            assert (await self.ask("GET", path, key="")).status_code == 200, path
        query = f'{{ payment(paymentId: "{payment_id}") {{ paymentId status }} }}'
        found = await self.ask("POST", "/graphql", json={"query": query})
        assert found.json()["data"]["payment"]["paymentId"] == payment_id, found.text

    async def visit_the_dashboard(self) -> None:
        """Log in with the wrong key, then with the right one, and look at the pages."""
        for key, status in ((self.secrets["guessed-key"], 401), (self.key, 303)):
            answer = await self.ask("POST", "/dashboard/login", key="", data={"key": key})
            assert answer.status_code == status, answer.text
        for page in ("", "/payments", "/providers"):
            answer = await self.ask("GET", f"/dashboard{page}", key="")
            assert answer.status_code == 200, (page, answer.headers)
            assert "Log out" in answer.text

    async def be_refused(self, payment_id: str) -> None:
        """Do everything wrong, with a secret in each place where one may be put by mistake."""
        secrets = self.secrets
        broken = json.dumps(self.order(password=secrets["password"])).replace("{", "{{", 1)
        refused = [
            await self.initiate(cardNumber=secrets["card"]),
            await self.initiate(amount=secrets["card"]),
            await self.initiate(currency=secrets["card"]),
            await self.initiate(customer=secrets["password"]),
            await self.initiate(customParams=[secrets["pin"]]),
            await self.initiate(details=[{"quantity": secrets["pin"]}]),
            await self.refund(payment_id, "5000.00"),
            await self.ask(
                "POST",
                "/api/v1/payments/initiate",
                content=broken,
                headers={"Content-Type": "application/json"},
            ),
            await self.ask("GET", "/api/v1/payments", key=secrets["guessed-key"]),
            await self.ask(
                "GET", f"/api/v1/payments?apiKey={self.key}&password={secrets['password']}", key=""
            ),
            await self.ask("GET", f"/api/v1/payments?limit={secrets['password']}"),
            await self.ask(
                "POST",
                "/api/v1/providers/credentials",
                key=self.addresses["adminKey"],
                json={
                    "tenantId": TENANT,
                    "providerType": "PAGADITO",
                    "credentials": {"uid": TENANT, "clientSecret": secrets["password"]},
                },
            ),
            *[
                await self.ask(
                    "POST",
                    f"/api/v1/webhooks/{provider}/{TENANT}",
                    key="",
                    json={"id": "WH-1", "payer": self.personal["email"], "pin": secrets["pin"]},
                )
                for provider in ("paypal", "pagadito")
            ],
        ]
        assert [answer.is_client_error for answer in refused] == [True] * len(refused), refused
        for query in (
            f"{{ {secrets['password'].replace('-', '_')} ",
            f'{{ a(b: "{secrets["pin"]}") }}',
        ):
            answer = await self.ask("POST", "/graphql", json={"query": query})
            assert "errors" in answer.json(), answer.text
