"""What is written to be read again: it tells nothing about business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecordedEvent:
    """A mark in the log. How old the last one is that a reader has seen tells how far it is behind."""


CanaryEvent = CanaryRecordedEvent
