"""A program ``payment-gateway`` for shell scripts that is at work at once: a fork of what has imported the gateway."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Final

from tests.child_process import STOP_WITHIN_S
from tests.fork_server import Fork

_BYTES_MAX: Final = 64 * 1024  # of a command's words and environment
_PROGRAM: Final = """\
#!{python} -IS
import json, os, socket, sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
    door.connect({door!r})
    what = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(door, [what], [0, 1, 2])
    sys.exit(int(door.recv(16) or b"255"))
"""


@contextmanager
def command_door(folder: Path) -> Generator[Path, None, None]:
    """Write the program into the folder, for ``PATH``; it works for the length of the block.

    It has the words, the environment, the folder and the streams that it is called with, and ends as the command
    does; the command is told to stop when the program is.
    """
    address = folder / "door"
    program = folder / "payment-gateway"
    program.write_text(_PROGRAM.format(python=sys.executable, door=str(address)))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(address))
        door.listen()
        Thread(target=_serve, args=(door,), daemon=True).start()
        try:
            yield folder
        finally:
            door.shutdown(socket.SHUT_RDWR)


def _serve(door: socket.socket) -> None:
    while True:
        try:
            caller, _ = door.accept()
        except OSError:  # the door is shut
            return
        Thread(target=_run, args=(caller,), daemon=True).start()


def _run(caller: socket.socket) -> None:
    with caller:
        what, descriptors, _, _ = socket.recv_fds(caller, _BYTES_MAX, 3)
        words, env, cwd = json.loads(what)
        command = Fork(
            "payment_gateway",
            words,
            env=env,
            cwd=cwd,
            stdin=descriptors[0],
            stdout=descriptors[1],
            stderr=descriptors[2],
        )
        for descriptor in descriptors:
            os.close(descriptor)
        wait(
            [caller, command.sentinel]
        )  # the caller says nothing more; it is readable when it has gone
        command.terminate()
        caller.sendall(str(command.wait(STOP_WITHIN_S)).encode())
