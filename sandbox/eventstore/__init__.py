"""An event store that speaks EventStoreDB's gRPC protocol and keeps its log in SQLite.

For one machine: development, demonstrations, tests, small installations. Clients of EventStoreDB
use it unchanged. ``serve`` runs it inside a process, ``run`` is a process of its own.
"""

from sandbox.eventstore.data_dir import EventStoreCannotStart
from sandbox.eventstore.server import RunningEventStore, run, serve

__all__ = ["EventStoreCannotStart", "RunningEventStore", "run", "serve"]
