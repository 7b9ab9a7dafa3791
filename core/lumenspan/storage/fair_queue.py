"""A queue that serves by share, in Redis: start-time fair queuing over the lists of Dramatiq.

A message waits in a sorted set under its start tag: where its share's last message ends, or where the queue
is now if that is later. So a share that was silent is served next, however much of others waits; shares
that are busy alternate by cost. What was fetched and put back waits in Dramatiq's own list and goes first.

``<queue>.fair``: message ids by start tag. ``.fair.ends``: by share, where its last message ends.
``.fair.now``: start tag of the last message that was fetched. ``.open``: the shares that have open
payloads; ``.open:<share>``: those payloads, by the time (milliseconds) at which they came, until settled.
"""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """Whose a message is and what it costs.

    Attributes:
        cost: at least 1; of two shares that are busy, each gets as much of it.
        payload: what the message is about; open until it is settled.
        since_ms: when that came, in milliseconds since the epoch.
    """

    name: str
    cost: int
    payload: str
    since_ms: int

    def arguments(self) -> list[str | int]:
        """What ``ENQUEUE`` takes of it."""
        return [self.name, self.cost, self.payload, self.since_ms]


# KEYS: queue. ARGV: message id, body, share, cost, payload, since_ms, then optionally a channel and what
# is published on it. Returns the number of messages, and of the share's open payloads.
ENQUEUE = """
local queue, id, share, cost = KEYS[1], ARGV[1], ARGV[3], tonumber(ARGV[4])
redis.call('hset', queue .. '.msgs', id, ARGV[2])
local now = tonumber(redis.call('get', queue .. '.fair.now') or '0')
local last = tonumber(redis.call('hget', queue .. '.fair.ends', share) or '0')
local start = math.max(now, last)
redis.call('hset', queue .. '.fair.ends', share, string.format('%.0f', start + cost))
redis.call('zadd', queue .. '.fair', string.format('%.0f', start), id)
redis.call('sadd', queue .. '.open', share)
redis.call('zadd', queue .. '.open:' .. share, ARGV[6], ARGV[5])
if ARGV[7] then redis.call('publish', ARGV[7], ARGV[8]) end
return {redis.call('hlen', queue .. '.msgs'), redis.call('zcard', queue .. '.open:' .. share)}
"""

# KEYS: queue, set of what its caller has fetched. ARGV: how many. Returns the bodies.
FETCH = """
local queue, fetched = KEYS[1], KEYS[2]
local found = redis.call('zpopmin', queue .. '.fair', ARGV[1])
if #found == 0 then
    redis.call('del', queue .. '.fair.ends', queue .. '.fair.now')
    return {}
end
local bodies = {}
for i = 1, #found, 2 do
    local body = redis.call('hget', queue .. '.msgs', found[i])
    if body then
        redis.call('sadd', fetched, found[i])
        bodies[#bodies + 1] = body
    end
end
redis.call('set', queue .. '.fair.now', found[#found])
return bodies
"""

# KEYS: queue. ARGV: share, payload. The payload is open no more.
SETTLE = """
local open = KEYS[1] .. '.open:' .. ARGV[1]
redis.call('zrem', open, ARGV[2])
if redis.call('exists', open) == 0 then redis.call('srem', KEYS[1] .. '.open', ARGV[1]) end
"""
