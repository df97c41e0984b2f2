"""Which port each part listens on, the same one after a restart as long as it is free."""

from __future__ import annotations

import json
import os
import random
import socket
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

from sandbox.errors import PortTaken
from sandbox.private_file import write_private_json

LOOPBACK = "127.0.0.1"
# Below the range that Linux takes the ports of outgoing connections from (32768 on, ip(7)): a port
# chosen here is not lost to a passing connection between two runs.
PORTS = range(20_000, 32_768)
TRIES_MAX = 200
# So many of the ports that this process chose stay its own; an installation has ten.
KEPT_MAX = 256

# Between the choice of a port and the program that listens there, another installation could choose it too.
# Nobody else takes the same number of UDP, so whoever holds that one (by its descriptor) has chosen the
# port; the system lets go of it when the process ends, however it ends.
_kept: OrderedDict[tuple[str, int], int] = OrderedDict()


def why_taken(host: str, port: int) -> str | None:
    """Why nothing can listen on the port, or ``None`` where something can."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        # As the servers do: a connection of the last run that is still closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return None


def free_port(host: str = LOOPBACK, *, except_for: Collection[int] = ()) -> int:
    """A port that nothing listens on now, and that no other process is given as long as this one runs.

    Raises:
        PortTaken: None found in ``TRIES_MAX`` tries; the host is probably not one of this machine.
    """
    reason, port = "no free port found", 0
    # Two installations that start together must not try the same ports in the same order.
    for port in random.SystemRandom().sample(PORTS, TRIES_MAX):
        if port in except_for or (host, port) in _kept:
            continue
        taken = why_taken(host, port) or _why_not_kept(host, port)
        if taken is None:
            return port
        reason = taken
    raise PortTaken(host, port, reason)


def _why_not_kept(host: str, port: int) -> str | None:
    """Keep others from choosing the port; why that cannot be, or ``None`` where it is so."""
    if (host, port) in _kept:
        return None
    mark = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        mark.bind((host, port))
    except (OSError, OverflowError):
        mark.close()
        return "another installation has chosen it"
    _kept[host, port] = mark.detach()
    if len(_kept) > KEPT_MAX:
        _, oldest = _kept.popitem(last=False)
        os.close(oldest)
    return None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def http_url(host: str, port: int) -> str:
    """An HTTP address without a path."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class PortBook:
    """The ports of one installation, by the part's name, kept in a file between runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = _read(path)
        self._now: dict[str, int] = {}

    def port(self, name: str, *, host: str = LOOPBACK) -> int:
        """The port the part had last time if it is free, otherwise another free one."""
        port = self._last.get(name)
        if (
            port is None
            or port in self._now.values()
            or why_taken(host, port)
            or _why_not_kept(host, port)
        ):
            port = free_port(host, except_for={*self._now.values(), *self._last.values()})
        self._now[name] = port
        return port

    def reserve(self, name: str) -> int:
        """The port the name had last time even if it is taken now: others were told of it."""
        if name not in self._last:
            return self.port(name)
        self._now[name] = self._last[name]
        return self._now[name]

    def claim(self, name: str, port: int, *, host: str) -> int:
        """Take exactly this port.

        Raises:
            PortTaken: Something else listens there.
        """
        reason = why_taken(host, port)
        if reason:
            raise PortTaken(host, port, reason)
        _why_not_kept(host, port)  # who says which port it is to be may have its UDP in use
        self._now[name] = port
        return port

    def save(self) -> None:
        """Remember the ports; those of parts that did not run this time are kept."""
        write_private_json(self._path, {**self._last, **self._now})


def _read(path: Path) -> dict[str, int]:
    """The remembered ports; a file that cannot be understood only costs the memory of them."""
    try:
        stored = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(stored, dict):
        return {}
    return {
        name: port for name, port in stored.items() if isinstance(port, int) and 0 < port < 65536
    }
