"""A mail server on this machine that keeps what it is handed; as much of SMTP as a client needs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message


class SmtpReceiver:
    """What was handed over, and how many of the next mails are refused for now."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[Message] = []
        self.refusals = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mail.example ready")
        while line := await reader.readline():
            match line.split()[0].upper():
                case b"QUIT":
                    say("221 bye")
                    break
                case b"DATA":
                    say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    self.mails.append(message_from_bytes(raw[:-3]))
                    say("250 taken")
                case b"MAIL" if self.refusals:
                    self.refusals -= 1
                    say("451 not now")
                case _:
                    say("250 fine")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def smtp_receiver(tls: ssl.SSLContext | None = None) -> AsyncGenerator[SmtpReceiver, None]:
    """Listen on a free port of this machine."""
    receiver = SmtpReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
