"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

OWNER_ONLY = 0o600


def write_private_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object so that a reader sees the old file or the new one, never half of one.

    Raises:
        OSError: The folder cannot be written; the old file is as it was.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
