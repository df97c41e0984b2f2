"""The REST interface as other doors of this process use it: the dashboard, GraphQL.

A request goes through all that one from outside goes through: its key, its limits, its idempotency key, its
validation. So what is allowed, and how it is refused, is written down once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

# Longer than a request to a provider takes.
ANSWER_WITHIN_S: Final = 45.0
BASE_URL: Final = "http://in-process"  # names nothing: no socket is opened
WAIT: Final = "wait=3"

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command answered, and the token by which a query shows it."""

    body: Answer
    token: str | None


class ApiRefused(Exception):
    """The REST interface said no.

    Attributes:
        status: Of the answer.
        code: Stable, as documented.
        param: The field that is at fault, where one is.
        detail: In words, for a person.
        problem: The whole answer, problem details.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", "refused"))
        self.param: str | None = problem.get("param")
        self.detail = str(problem.get("detail", "the request was refused"))
        super().__init__(self.detail)

    @property
    def told(self) -> str:
        """What a person is told: the field, the words, the code."""
        return f"{f'{self.param}: ' if self.param else ''}{self.detail} ({self.code})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Asks as somebody.

    Attributes:
        app: The whole application, as from outside.
        key: Whose requests these are.
        client: The address that they came from, for limits by address.
        token: The ``Consistency-Token`` of what they have just done; queries show at least that.
        headers: Further headers of every request: its id, its trace.
    """

    app: ASGIApp
    key: str
    client: tuple[str, int]
    token: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def get(self, path: str, **query: str | None) -> Answer:
        """Return what a query answers.

        Raises:
            ApiRefused: It did not answer 2xx.
        """
        given = {name: value for name, value in query.items() if value}
        headers = {"Consistency-Token": self.token, "Prefer": WAIT} if self.token else {}
        return _body(await self._send("GET", path, params=given, headers=headers))

    async def etag(self, path: str) -> str | None:
        """Return what changes when the answer does; ``None`` where that is not told.

        Raises:
            ApiRefused: It did not answer 2xx.
        """
        answer = await self._send("GET", path)
        _body(answer)
        etag: str | None = answer.headers.get("ETag")
        return etag

    async def post(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Done:
        """Have something done.

        Raises:
            ApiRefused: It did not answer 2xx.
        """
        return await self._command("POST", path, idempotency_key, json=dict(body))

    async def patch(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Done:
        """Have something changed; raises as ``post`` does."""
        return await self._command("PATCH", path, idempotency_key, json=dict(body))

    async def delete(
        self, path: str, *, idempotency_key: str | None = None, **query: str | None
    ) -> Done:
        """Have something ended; raises as ``post`` does."""
        given = {name: value for name, value in query.items() if value}
        return await self._command("DELETE", path, idempotency_key, params=given)

    async def _command(
        self, method: str, path: str, idempotency_key: str | None, **request: Any
    ) -> Done:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = await self._send(method, path, headers=headers, **request)
        return Done(body=_body(answer), token=answer.headers.get("Consistency-Token"))

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=self.client)
        named = {"Authorization": f"Bearer {self.key}", **self.headers}
        headers = {**named, **request.pop("headers", {})}
        async with (
            asyncio.timeout(ANSWER_WITHIN_S),
            httpx.AsyncClient(transport=transport, base_url=BASE_URL, trust_env=False) as client,
        ):
            return await client.request(method, f"/api/v1{path}", headers=headers, **request)


def _body(answer: httpx.Response) -> Answer:
    content = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
    if answer.is_success:
        body: Answer = content
        return body
    raise ApiRefused(answer.status_code, content)
