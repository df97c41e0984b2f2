"""The RPC `Gossip.Read`: a cluster of one, which always leads."""

from __future__ import annotations

import uuid
from typing import Any

from esdbclient.protos.Grpc import gossip_pb2, shared_pb2

from sandbox.eventstore.recorded_event import now_ticks


class GossipService:
    """Tells clients where to find this server."""

    def __init__(self, host: str, port: int) -> None:
        self._end_point = gossip_pb2.EndPoint(address=host, port=port)
        self._instance_id = shared_pb2.UUID(string=str(uuid.uuid4()))

    async def read(self, _request: shared_pb2.Empty, _context: Any) -> gossip_pb2.ClusterInfo:
        """Return the one member."""
        member = gossip_pb2.MemberInfo(
            instance_id=self._instance_id,
            time_stamp=now_ticks(),
            state=gossip_pb2.MemberInfo.Leader,
            is_alive=True,
            http_end_point=self._end_point,
        )
        return gossip_pb2.ClusterInfo(members=[member])
