"""How the secrets of API keys are made and recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKeySecret:
    """A secret that was just made; ``text`` is shown to its owner once and kept nowhere."""

    text: str = field(repr=False)
    prefix: str
    key_hash: str


class ApiKeySecrets(Protocol):
    """Makes secrets, and digests them so that nothing but the digest is kept."""

    def new(self) -> NewApiKeySecret:
        """Return a secret that nobody can guess."""
        ...

    def digest(self, text: str) -> str | None:
        """Return under which digest a secret would be kept; ``None`` for what cannot be one."""
        ...
