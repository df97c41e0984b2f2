"""Calls to Pagadito's APIPG on behalf of one account.

Source: Pagadito's PHP library 1.5.2, ``call`` and the operations it sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import urlencode

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.domain.value_objects.provider_credentials import PagaditoCredentialsVO
from payment_gateway.infrastructure.providers.http import HttpEndpoint
from payment_gateway.infrastructure.providers.pagadito.codes import CODES, CONNECTED, CodeClass
from payment_gateway.infrastructure.providers.wording import word

CHARGES_PATH: Final = "/apipg/charges.php"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Operation(Enum):
    """The operations, by the keys that Pagadito's PHP library 1.5.2 names them with."""

    CONNECT = "f3f191ce3326905ff4403bb05b0de150"
    EXEC_TRANS = "41216f8caf94aaa598db137e36d4673e"
    GET_STATUS = "0b50820c65b0de71ce78f6221a5cf876"
    GET_EXCHANGE_RATE = "da6b597cfcd0daf129287758b3c73b76"


class AccountRefused(Exception):
    """Pagadito does not open a session for this account. Nothing happened."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Pagadito's answer.

    Attributes:
        code: ``PG1001`` and so on; the only thing in an answer that decides.
        kind: ``None`` for a code that is not known here.
        value: What the operation gives.
    """

    code: str
    kind: CodeClass | None
    value: Any


class PagaditoApi:
    """Speaks for one account at one host."""

    def __init__(self, http: HttpEndpoint, credentials: PagaditoCredentialsVO) -> None:
        self._http = http
        self._credentials = credentials

    async def connect(self) -> str:
        """Open a session and return its token.

        Raises:
            AccountRefused: Pagadito does not know the account, or has switched it off.
            ProviderUnavailable: No session. Opening one moves no money, so whatever went wrong:
                nothing happened.
        """
        account = {"uid": self._credentials.uid, "wsk": self._credentials.wsk.reveal()}
        try:
            result = await self.call(Operation.CONNECT, account)
        except ProviderOutcomeUnknown as error:
            raise ProviderUnavailable(error.reason) from error
        token = word(result.value)
        if result.code == CONNECTED and token is not None:
            return token
        if result.kind is CodeClass.REFUSED:
            raise AccountRefused(result.code)
        raise ProviderUnavailable(f"connect: {result.code}")

    async def call(self, operation: Operation, fields: Mapping[str, str]) -> Result:
        """Send one operation.

        Raises:
            ProviderUnavailable: Not sent, or told to slow down; nothing happened.
            ProviderOutcomeUnknown: No answer, or none in Pagadito's form. Pagadito answers with
                status 200 whatever the result.
        """
        name = operation.name.lower()
        form = {"operation": operation.value, **fields, "format_return": "json"}
        answer = await self._http.send(
            name, CHARGES_PATH, headers=_FORM, content=urlencode(form).encode()
        )
        document = answer.document() if answer.status == 200 else None
        code = word(document.get("code")) if document is not None else None
        if document is None or code is None:
            raise ProviderOutcomeUnknown(f"{name}: {answer.status} without a code")
        return Result(code=code, kind=CODES.get(code), value=document.get("value"))
