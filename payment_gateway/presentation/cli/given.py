"""How the composition root gives a group of commands what they do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

Operations = TypeVar("Operations")

Given = Callable[[], AbstractContextManager[Operations]]
"""Yields it for as long as a command lasts: it is imported then, and what it refuses is told in words."""
