"""What was done, step by step, for a person to read: each request with its answer and its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.errors import SandboxError

Json = Any
ANSWER_WITHIN_S = 60.0
ANSWER_TEXT_MAX = 600


class StepFailed(SandboxError):
    """A step did not come out right; ``part`` is whose log may tell more, if it is known."""

    def __init__(self, step: str, why: str, *, part: str | None = None) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why
        self.part = part


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request and its answer."""

    title: str
    method: str
    url: str
    sent: Json
    status: int
    answer: Json
    seconds: float


@dataclass(slots=True)
class Caller:
    """Makes requests as one user does, and keeps each as a step.

    Attributes:
        http: Sends them; follows no redirects.
        part: Whose process answers.
        on_step: Told of each step as it is done.
    """

    http: httpx.AsyncClient
    part: str
    on_step: Callable[[Step], None]
    headers: Mapping[str, str] = field(default_factory=dict)

    async def call(
        self,
        title: str,
        method: str,
        url: str,
        *,
        json: Json = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: frozenset[int],
    ) -> httpx.Response:
        """Send a request.

        Raises:
            StepFailed: No answer came, or one whose status is not in ``expect``.
        """
        began = time.monotonic()
        try:
            response = await self.http.request(
                method, url, json=json, data=form, headers={**self.headers, **(headers or {})}
            )
        except httpx.TransportError as error:
            raise StepFailed(title, f"{method} {url}: {error!r}", part=self.part) from error
        self.on_step(
            Step(
                title=title,
                method=method,
                url=url,
                sent=json if form is None else dict(form),
                status=response.status_code,
                answer=_shown(response),
                seconds=time.monotonic() - began,
            )
        )
        if response.status_code not in expect:
            told = response.text[:ANSWER_TEXT_MAX]
            wanted = " or ".join(str(status) for status in sorted(expect))
            why = f"{method} {url} answered {response.status_code}, not {wanted}: {told}"
            raise StepFailed(title, why, part=self.part)
        return response


def _shown(response: httpx.Response) -> Json:
    """The answer as a reader wants it: JSON as such, a redirect's target, a page's kind and size."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind.endswith("json") and response.content:
        return response.json()
    if response.is_redirect:
        return f"to {response.headers['location']}"
    return f"{kind or 'no content'}, {len(response.content)} bytes"


def expect_equal(step: str, what: str, found: object, wanted: object, *, part: str) -> None:
    """Compare one fact.

    Raises:
        StepFailed: They differ.
    """
    if found != wanted:
        raise StepFailed(step, f"{what} is {found!r}, not {wanted!r}", part=part)
