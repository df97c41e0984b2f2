"""Ports: chosen by one installation, and by no other until it has ended."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from sandbox.ports import PortBook, free_port, why_taken

# Another installation that would choose from these ports only.
ANOTHER: Final = """
import sys
from sandbox import ports
ports.PORTS, ports.TRIES_MAX = [int(port) for port in sys.argv[1:]], len(sys.argv) - 1
print(ports.free_port())
"""


def another(*ports: int) -> str:
    argv = [sys.executable, "-c", ANOTHER, *map(str, ports)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or done.stderr.splitlines()[-1]


def test_a_port_that_was_chosen_is_given_to_no_other_process(tmp_path: Path) -> None:
    chosen = free_port()
    booked = PortBook(tmp_path / "ports.json").port("api")

    assert chosen != booked
    assert "another installation has chosen it" in another(chosen, booked)
    assert why_taken("127.0.0.1", chosen) is None, "a program can listen there"


def test_another_process_takes_what_is_left() -> None:
    chosen = free_port()
    with socket.create_server(("127.0.0.1", 0)) as closed_at_once:
        left: int = closed_at_once.getsockname()[1]

    assert another(chosen, left) == str(left)


def test_a_port_is_an_installations_own_again_after_a_restart(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    ports = {name: book.port(name) for name in ("api", "mongodb")}
    book.save()

    again = PortBook(tmp_path / "ports.json")

    assert {name: again.port(name) for name in ports} == ports
