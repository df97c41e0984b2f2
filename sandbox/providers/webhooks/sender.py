"""Sending one notification over HTTP."""

import asyncio

import httpx

from sandbox.providers.webhooks.loopback import is_loopback_url

ANSWER_WITHIN_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024


class NotSent(Exception):
    """The merchant did not answer; the sentence says why."""


class Sender:
    """Posts to merchants on this machine."""

    def __init__(self) -> None:
        self._http: httpx.AsyncClient | None = None  # made when there is something to send

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Send the body and return the status of the answer; redirects are not followed.

        Raises:
            NotSent: No answer within ``ANSWER_WITHIN_S``, no connection, or not a URL of this machine.
        """
        if not is_loopback_url(url):
            raise NotSent("a simulator calls this machine only")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._post(url, body, headers)
        except TimeoutError as error:
            raise NotSent(f"no answer within {ANSWER_WITHIN_S:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_S)
        async with self._http.stream("POST", url, content=body, headers=headers) as answer:
            received = 0
            async for (
                piece
            ) in answer.aiter_raw():  # to the end, so that the connection can be used again
                received += len(piece)
                if received > ANSWER_BYTES_MAX:
                    break
            return answer.status_code

    async def close(self) -> None:
        """Close the connections; the next :meth:`post` opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()
