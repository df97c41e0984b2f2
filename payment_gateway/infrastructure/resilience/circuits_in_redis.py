"""Circuits that all processes share, each in one hash in Redis and changed by one script."""

from __future__ import annotations

import math
import secrets
from typing import Any, Final

from payment_gateway.infrastructure.cache import Cache, CacheAway
from payment_gateway.infrastructure.resilience.circuit import (
    BUCKETS,
    PROBE_WAIT_S,
    PROBES_TO_CLOSE,
    CircuitPolicy,
    CircuitStanding,
    CircuitState,
    Permit,
    Verdict,
    circuit_open,
)
from payment_gateway.infrastructure.resilience.circuits_in_memory import InMemoryCircuits

_STATES: Final[tuple[CircuitState, ...]] = ("closed", "open", "half_open")  # the script's 1, 2, 3
_PROBE_BYTES: Final = 8

# The clock is the server's: those of the processes may disagree. Fields of the hash: generation;
# open_until, which a closed circuit lacks; a:<bucket> and f:<bucket>, requests answered and failed;
# p:<probe>, when its lease ends; probed, probes answered.
_SCRIPT: Final = """
local key, operation = KEYS[1], ARGV[1]
local window, buckets, calls_min, rate = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local open_for, probes_max, probes_to_close = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local lease, generation, probe, verdict = tonumber(ARGV[9]), ARGV[10], ARGV[11], ARGV[12]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields, circuit = redis.call('HGETALL', key), {}
for i = 1, #fields, 2 do circuit[fields[i]] = fields[i + 1] end
local current = circuit.generation or '0'
local open_until = tonumber(circuit.open_until)

local function keep() redis.call('PEXPIRE', key, window + open_for + lease) end

local function become(until_ms)
  redis.call('DEL', key)
  redis.call('HSET', key, 'generation', string.format('%.0f-%s', now, probe))
  if until_ms then redis.call('HSET', key, 'open_until', string.format('%.0f', until_ms)) end
  keep()
  return until_ms and 2 or 1
end

if operation == 'look' then
  if not open_until then return {1, 0} end
  if now < open_until then return {2, open_until - now} end
  return {3, 0}
end

if operation == 'admit' then
  if not open_until then return {1, 0, current} end
  if now < open_until then return {2, open_until - now, current} end
  local probing = 0
  for field, ends in pairs(circuit) do
    if string.sub(field, 1, 2) == 'p:' then
      if tonumber(ends) > now then probing = probing + 1 else redis.call('HDEL', key, field) end
    end
  end
  if probing >= probes_max then return {2, 0, current} end
  redis.call('HSET', key, 'p:' .. probe, string.format('%.0f', now + lease))
  keep()
  return {3, 0, current}
end

if generation ~= current then return 0 end
if open_until then
  if redis.call('HDEL', key, 'p:' .. probe) == 0 or verdict == 'none' then return 0 end
  if verdict == 'failed' then return become(now + open_for) end
  if redis.call('HINCRBY', key, 'probed', 1) < probes_to_close then return 0 end
  return become(nil)
end
if verdict == 'none' then return 0 end

local bucket = math.floor(now * buckets / window)
redis.call('HINCRBY', key, string.format('%s:%.0f', string.sub(verdict, 1, 1), bucket), 1)
keep()
local calls, failed = 1, verdict == 'failed' and 1 or 0
for field, number in pairs(circuit) do
  local kind, at = string.match(field, '^([af]):(%d+)$')
  if kind and tonumber(at) <= bucket - buckets then
    redis.call('HDEL', key, field)
  elseif kind then
    calls = calls + number
    if kind == 'f' then failed = failed + number end
  end
end
if calls < calls_min or failed < rate * calls then return 0 end
return become(now + open_for)
"""


class RedisCircuits:
    """Shared circuits; those of this process alone while Redis is away.

    A request that was let through by one and ended under the other is not counted.
    """

    def __init__(self, cache: Cache, policy: CircuitPolicy, *, local: InMemoryCircuits) -> None:
        self._cache = cache
        self._local = local
        self._policy = (
            _ms(policy.window_s),
            BUCKETS,
            policy.calls_min,
            policy.failure_rate,
            _ms(policy.open_s),
            policy.probes_max,
            PROBES_TO_CLOSE,
            _ms(policy.probe_lease_s),
        )

    async def admit(self, endpoint: str) -> Permit:
        """Return leave to send a request; see ``Circuits``."""
        probe = secrets.token_hex(_PROBE_BYTES)
        try:
            state, left_ms, generation = await self._run(endpoint, "admit", "", probe, "")
        except CacheAway:
            return await self._local.admit(endpoint)
        standing = _STATES[state - 1]
        if standing == "open":
            raise circuit_open(left_ms / 1000 or PROBE_WAIT_S)
        return Permit(
            generation=generation.decode(), probe=probe if standing == "half_open" else None
        )

    async def record(self, endpoint: str, permit: Permit, verdict: Verdict) -> CircuitState | None:
        """Take note of how a request ended; see ``Circuits``."""
        if permit.local:
            return await self._local.record(endpoint, permit, verdict)
        probe = permit.probe or secrets.token_hex(_PROBE_BYTES)
        arguments = (permit.generation, probe, verdict.value)
        try:
            became = await self._run(endpoint, "record", *arguments)
        except CacheAway:
            return None
        return _STATES[became - 1] if became else None

    async def look(self, endpoint: str) -> CircuitStanding:
        """Return how a circuit stands; see ``Circuits``."""
        try:
            state, left_ms = await self._run(endpoint, "look", "", "", "")
        except CacheAway:
            return await self._local.look(endpoint)
        return CircuitStanding(state=_STATES[state - 1], left_s=left_ms / 1000 if left_ms else None)

    async def _run(
        self, endpoint: str, operation: str, generation: str, probe: str, verdict: str
    ) -> Any:
        arguments = (operation, *self._policy, generation, probe, verdict)
        return await self._cache.ask(
            lambda client: client.register_script(_SCRIPT)(
                keys=[self._cache.key(f"circuit:{endpoint}")], args=arguments
            )
        )


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)
