"""``python -m sandbox.eventstore``: the event store as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.eventstore.server import run


def main() -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.eventstore", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds the log")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=2113, help="0 chooses a free one")
    parser.add_argument("--advertised-host", help="address that clients are told, if not --host")
    arguments = parser.parse_args()
    return run(
        arguments.data_dir,
        arguments.host,
        arguments.port,
        advertised_host=arguments.advertised_host,
    )


if __name__ == "__main__":
    sys.exit(main())
