"""A mail server on this machine that keeps what it is handed; as much of SMTP as a client needs."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

from tests.listening import listening


@dataclass
class SmtpReceiver:
    """What was handed over, and how.

    Attributes:
        starttls: What the rest is said under once a client asks for that; offered only where it is given.
        accounts: Passwords by user; logging in is offered only where there are some.
        refusals: How many of the next mails are refused for now.
        in_clear: All that was said before anything was encrypted.
    """

    starttls: ssl.SSLContext | None = None
    accounts: dict[str, str] = field(default_factory=dict)
    port: int = 0
    mails: list[Message] = field(default_factory=list)
    refusals: int = 0
    users: list[str] = field(default_factory=list)
    in_clear: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client; one that does not like our certificate hangs up."""
        with suppress(ssl.SSLError, ConnectionError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mail.example ready")
        while line := await reader.readline():
            is_clear = writer.get_extra_info("sslcontext") is None
            if is_clear:
                self.in_clear.append(line)
            match line.split():
                case [verb, *_] if verb.upper() == b"QUIT":
                    say("221 bye")
                    break
                case [verb, *_] if verb.upper() == b"EHLO":
                    for extension in ("mail.example", *self._extensions(is_clear=is_clear)):
                        say(f"250-{extension}")
                    say("250 fine")
                case [verb, *_] if verb.upper() == b"STARTTLS" and self.starttls:
                    say("220 go on")
                    await writer.drain()
                    await writer.start_tls(self.starttls)
                case [verb, _, given] if verb.upper() == b"AUTH":
                    say("235 welcome" if self._knows(given) else "535 who are you")
                case [verb, *_] if verb.upper() == b"DATA":
                    say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    self.mails.append(message_from_bytes(raw[:-3]))
                    say("250 taken")
                case [verb, *_] if verb.upper() == b"MAIL" and self.refusals:
                    self.refusals -= 1
                    say("451 not now")
                case _:
                    say("250 fine")
        await writer.drain()

    def _extensions(self, *, is_clear: bool) -> list[str]:
        offered = ["STARTTLS"] if self.starttls and is_clear else []
        return offered + (["AUTH PLAIN"] if self.accounts else [])

    def _knows(self, given: bytes) -> bool:
        """Return whether somebody is who they say: RFC 4616, user and password after a zero each."""
        _, user, password = base64.b64decode(given).decode().split("\0")
        if self.accounts.get(user) != password:
            return False
        self.users.append(user)
        return True


@asynccontextmanager
async def smtp_receiver(
    tls: ssl.SSLContext | None = None,
    *,
    starttls: ssl.SSLContext | None = None,
    accounts: dict[str, str] | None = None,
) -> AsyncGenerator[SmtpReceiver, None]:
    """Listen on a free port of this machine; under ``tls`` from the first byte where that is given."""
    receiver = SmtpReceiver(starttls=starttls, accounts=accounts or {})
    async with listening(receiver.serve, tls=tls) as receiver.port:
        yield receiver
