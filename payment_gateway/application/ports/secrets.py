"""What is sealed, and by which keys."""

from __future__ import annotations

from typing import Protocol


class CredentialCipher(Protocol):
    """Seals provider credentials, bound to whose they are."""

    def seal(self, plaintext: bytes, *, tenant_id: str, provider: str, version: int) -> str:
        """Return an envelope that opens only for the same tenant, provider and version."""
        ...

    def open(self, envelope: str, *, tenant_id: str, provider: str, version: int) -> bytes:
        """Return the clear text.

        Raises:
            SealBroken: Wrong key, another's envelope, or changed bytes.
        """
        ...

    def fingerprint(self, plaintext: bytes) -> str:
        """Return a short text that tells two secrets apart and reveals neither."""
        ...


class SubjectCipher(Protocol):
    """Seals one person's data under a key of its own."""

    def new_key(self, *, tenant_id: str, subject_id: str) -> str:
        """Return a new data key, wrapped."""
        ...

    def seal(self, plaintext: bytes, wrapped: str, *, tenant_id: str, subject_id: str) -> str:
        """Return the sealed text; raises ``SealBroken`` for another subject's key."""
        ...

    def open(self, sealed: str, wrapped: str, *, tenant_id: str, subject_id: str) -> bytes:
        """Return the clear text; raises ``SealBroken`` where key or text are not the right ones."""
        ...


class SharedSeal(Protocol):
    """Seals texts that are kept for a while, for all processes of one installation."""

    def wrap(self, text: bytes, bound_to: bytes) -> bytes:
        """Return the sealed text."""
        ...

    def unwrap(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return the text; raises ``SealBroken`` for another binding or installation."""
        ...


class KeyRewrapper(Protocol):
    """Wraps data keys by the current key encryption key instead of an older one."""

    @property
    def current_key_id(self) -> str:
        """The key that wraps now."""
        ...

    def key_id(self, envelope: str) -> str | None:
        """Return which key wrapped an envelope; ``None`` for one from before keys had ids.

        Raises:
            SealBroken: It is no envelope.
        """
        ...

    def rewrap(self, envelope: str, owner: tuple[str, ...]) -> str:
        """Return an envelope of the same contents, wrapped by the current key.

        Raises:
            SealBroken: The key that wrapped it is lost, or it is another owner's, or changed.
            KeySourceUnavailable: Where the keys are kept gave no answer.
        """
        ...


class Fingerprint(Protocol):
    """Tells two texts apart without giving either away."""

    def __call__(self, text: bytes) -> str:
        """Return a keyed digest in hex."""
        ...


class SealBroken(Exception):
    """A sealed text does not open: wrong key, another owner's, or changed bytes. Never a wrong text."""


class KeySourceUnavailable(Exception):
    """Where the key encryption keys are kept gives no answer. Nothing was sealed or opened; try again."""
