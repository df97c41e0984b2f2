"""What stands in front of the API processes: haproxy as it is deployed, where it is installed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sandbox.ports import free_port
from tests.integration.lifecycle.programs import Program, answers_200
from tests.markdown_pages import REPOSITORY

CONFIGURATION = REPOSITORY / "deploy" / "proxy" / "haproxy.cfg"


def proxy(folder: Path, port: int, api_ports: list[int]) -> Program:
    """Return a proxy that listens on a port and spreads requests over the APIs."""
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        argv = [sys.executable, "-m", "tests.integration.lifecycle.tcp_proxy", str(port)]
        argv += [str(one) for one in api_ports]
    else:
        file = folder / "haproxy.cfg"
        file.write_text(_adapted(CONFIGURATION.read_text(), port, api_ports))
        argv = [haproxy, "-db", "-f", str(file)]
    return Program(
        argv=argv,
        log=folder / "proxy.log",
        is_ready=lambda: answers_200(f"http://127.0.0.1:{port}/readyz"),
    )


def _adapted(text: str, port: int, api_ports: list[int]) -> str:
    """Return the deployed configuration with addresses of this machine.

    Names are not resolved, and the processes are named one by one.
    """
    servers = "\n".join(
        f"    server api{number} 127.0.0.1:{one} check" for number, one in enumerate(api_ports)
    )
    for pattern, instead in (
        (r"resolvers docker\n(?:    .*\n)+", ""),
        (r"bind :8000", f"bind 127.0.0.1:{port}"),
        (r"bind 127.0.0.1:8404", f"bind 127.0.0.1:{free_port()}"),
        (r" resolvers docker init-addr none", ""),
        (r"    server-template .*", servers),
    ):
        text, count = re.subn(pattern, instead, text)
        assert count == 1, pattern
    return text
