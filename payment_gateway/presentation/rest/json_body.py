"""JSON read exactly: numbers as decimals, never through a float; nothing ambiguous."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

BODY_BYTES_MAX: Final = 256 * 1024
NESTING_MAX: Final = 32  # objects and lists inside each other
_NUMBER_LENGTH_MAX: Final = 64


class NotJson(Exception):
    """The body is not JSON that can be read without doubt; the message says why."""


class ExactJsonRequest(Request):
    """A request whose numbers are ``int`` or ``Decimal``."""

    async def json(self) -> Any:
        """Return the body.

        Raises:
            NotJson: Not JSON, a key twice in one object, NaN, or nested too deep.
        """
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class ExactJsonRoute(APIRoute):
    """A route whose JSON bodies are read exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given a request that reads numbers exactly."""
        handle = super().get_route_handler()
        field = self.body_field
        may_be_empty = field is not None and not field.field_info.is_required()

        async def handle_exactly(request: Request) -> Response:
            if request.method in {"POST", "PUT", "PATCH"}:
                exact = ExactJsonRequest(request.scope, request.receive)
                if may_be_empty and not await exact.body():
                    return await handle(exact)
                content_type = request.headers.get("content-type", "").partition(";")[0].strip()
                if content_type.lower() != "application/json":
                    raise NotJson("send the body as application/json")
                await exact.json()  # what is no JSON is refused before anything else is looked at
                return await handle(exact)
            return await handle(request)

        return handle_exactly


class OptionalJsonRoute(ExactJsonRoute):
    """The same, where a request may also have no body at all."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler; a request without a body goes past the reading of JSON."""
        handle_body = super().get_route_handler()
        handle_none = APIRoute.get_route_handler(self)

        async def handle(request: Request) -> Response:
            headers = request.headers
            if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
                return await handle_none(request)
            return await handle_body(request)

        return handle


def read_json(raw: bytes) -> Any:
    """Return what the bytes say.

    Raises:
        NotJson: Not JSON, a key twice in one object, NaN, half a character, or nested too deep.
    """
    try:
        read = json.loads(
            raw,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotJson("the body is not JSON") from error
    except RecursionError as error:
        raise NotJson("the body is nested too deep") from error
    _check(read)
    return read


def _check(read: object) -> None:
    """Refuse what later steps could not copy, store or answer again."""
    left = [(read, 0)]
    while left:  # ends: a body of bounded length has so many values
        value, depth = left.pop()
        if depth > NESTING_MAX:
            raise NotJson("the body is nested too deep")
        match value:
            case dict():
                left.extend((part, depth + 1) for pair in value.items() for part in pair)
            case list():
                left.extend((part, depth + 1) for part in value)
            case str() if not _is_unicode(value):
                raise NotJson("the body has half a character, a surrogate without its other half")


def _is_unicode(text: str) -> bool:
    """Whether every character is one: RFC 8259, section 8.2, warns of escapes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decimal(text: str) -> Decimal:
    if len(text) > _NUMBER_LENGTH_MAX:
        raise NotJson("the body has a number with too many digits")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise NotJson("the body has a number out of all bounds") from error


def _integer(text: str) -> int:
    if len(text) > _NUMBER_LENGTH_MAX:
        raise NotJson("the body has a number with too many digits")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise NotJson("the body has a key twice in one object")
    return read
