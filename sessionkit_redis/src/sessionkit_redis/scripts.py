# SPDX-License-Identifier: Apache-2.0
"""
The scripts: each but the last changes one session and its registry entries, all in one slot.

Times are compared as decimal text, since Lua's doubles would round the largest.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any, Final, TypeAlias

Command: TypeAlias = tuple[Any, ...]
"""A command's name and arguments."""

STORED: Final = 1
"""Stored, or stored already by the same save."""

UNLISTED: Final = 3
"""Nothing was written: the owner's index has to be written first."""

NOT_AHEAD: Final = 4
"""Nothing was written: a part that was sent ahead is not there."""

# A later save's script may have swept away what a slower one has just sent ahead;
# that one meets a conflict then, or sends its parts once more.
_EARLIER: Final = """
local function earlier(one, other)
  if #one ~= #other then return #one < #other end
  return one < other
end
"""

# The stored activity stays where it is the later one, but not more than a day ahead: records.MOST_AHEAD.
# Doubles do for that: what they round is less than a millisecond.
_KEEPS: Final = """
local function keeps(stored, written)
  local moment = tonumber(stored)
  return moment and earlier(written, stored) and moment - tonumber(written) <= 86400000000
end
"""

# The server may collect what ended an hour ago: garbage, never a decision.
_EXPIRE: Final = """
local function expire(key, registry, id, moment)
  if moment == '' then
    redis.call('PERSIST', key)
    redis.call('ZREM', registry, id)
  else
    local collect = math.floor(tonumber(moment) / 1000) + 3600000
    redis.call('PEXPIREAT', key, string.format('%.0f', collect))
    redis.call('ZADD', registry, moment, id)
  end
end
"""

# Each argument costs about as much as the work that it saves: what follows from a key isn't sent.
# The keys of a bucket are its tag and three letters, the session's is the tag, two and the id.
_NAMES_OF: Final = """
local id = string.sub(KEYS[1], #KEYS[2])
local function tell(message)
  if message ~= '' then
    redis.call('SPUBLISH', string.sub(KEYS[2], 1, -4) .. 'changed', message)
  end
end
"""

# KEYS: session, active, expiry, owners.
# ARGV: 1 expected save, 2 save, 3 head, 4 activity, 5 expiry, 6 owner, 7 '' if nothing but
#   parts follows, else: 1 if the owner's index is written, how many names and values of
#   parts follow, how many parts were sent ahead, of which name and field follow after
#   those, and the message, with commas between; then names of parts to remove.
SAVE: Final = (
    _EARLIER
    + _KEEPS
    + _EXPIRE
    + _NAMES_OF
    + """
local key, save, activity, owner = KEYS[1], ARGV[2], ARGV[4], ARGV[6]
local found = redis.call('HMGET', key, 'i', 'a', 's')
local listed, message, parts_end, ahead_end = '0', '', #ARGV, #ARGV
if ARGV[7] ~= '' then
  local parts, ahead
  listed, parts, ahead, message = string.match(ARGV[7], '^(%d),(%d+),(%d+),(.*)$')
  parts_end = 7 + tonumber(parts)
  ahead_end = parts_end + 2 * tonumber(ahead)
end

local function sweep()
  local used, any = {}, false
  local fields = redis.call('HKEYS', key)
  for _, field in ipairs(fields) do
    if string.sub(field, 1, 2) == 'l:' then
      used[redis.call('HGET', key, field)] = true
      any = true
    end
  end
  for _, field in ipairs(fields) do
    if string.sub(field, 1, 2) == 'q:' and not used[field] then redis.call('HDEL', key, field) end
  end
  if not any then redis.call('HDEL', key, 's') end
end

if found[1] == save then
  redis.call('HSET', key, 'i', save) -- written again: WAIT waits for what this connection wrote
  return 1
end
if (found[1] or '') ~= ARGV[1] then
  if found[3] and found[1] then sweep() elseif found[3] then redis.call('UNLINK', key) end
  return {0, redis.call('HMGET', key, 'i', 'h', 'a', 'x')}
end

local owned = redis.call('HGET', KEYS[4], id) or ''
if owner ~= owned and owner ~= '' and listed == '0' then return 3 end
for at = parts_end + 2, ahead_end, 2 do
  if redis.call('HEXISTS', key, ARGV[at]) == 0 then return 4 end
end

if found[2] and keeps(found[2], activity) then activity = found[2] end
local first_end = math.min(4007, parts_end)
redis.call(
  'HSET', key, 'i', save, 'h', ARGV[3], 'a', activity, 'x', ARGV[5], unpack(ARGV, 8, first_end)
)
for at = 4008, parts_end, 4000 do
  redis.call('HSET', key, unpack(ARGV, at, math.min(at + 3999, parts_end)))
end
for at = parts_end + 1, ahead_end, 2 do
  redis.call('HSET', key, 'l:' .. ARGV[at], ARGV[at + 1])
  redis.call('HDEL', key, 'p:' .. ARGV[at])
end
for at = ahead_end + 1, #ARGV do redis.call('HDEL', key, 'p:' .. ARGV[at], 'l:' .. ARGV[at]) end
if found[3] then
  for at = 8, parts_end, 2 do redis.call('HDEL', key, 'l' .. string.sub(ARGV[at], 2)) end
  sweep()
end

if string.sub(ARGV[3], 1, 1) == '1' then
  redis.call('ZREM', KEYS[2], id)
else
  redis.call('ZADD', KEYS[2], activity, id)
end
expire(key, KEYS[3], id, ARGV[5])
tell(message)
if owner == owned then return 1 end
if owner == '' then redis.call('HDEL', KEYS[4], id) else redis.call('HSET', KEYS[4], id, owner) end
return {2, owned}
"""
)

# KEYS: session, active, expiry. ARGV: 1 activity, 2 expiry.
TOUCH: Final = (
    _EARLIER
    + _KEEPS
    + _EXPIRE
    + _NAMES_OF
    + """
local found = redis.call('HMGET', KEYS[1], 'h', 'a')
if not found[1] or string.sub(found[1], 1, 1) == '1' then return 0 end
if found[2] and keeps(found[2], ARGV[1]) then return 1 end
redis.call('HSET', KEYS[1], 'a', ARGV[1], 'x', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[1], id)
expire(KEYS[1], KEYS[3], id, ARGV[2])
return 1
"""
)

# KEYS: session, active, expiry, owners. ARGV: 1 message, 2 expired before or '' for in
#   any case, 3 idle before or ''.
REMOVE: Final = (
    _EARLIER
    + _NAMES_OF
    + """
local found = redis.call('HMGET', KEYS[1], 'h', 'a', 'x')
if ARGV[2] ~= '' and found[1] then
  local due = found[3] ~= '' and earlier(found[3], ARGV[2])
  if ARGV[3] ~= '' and string.sub(found[1], 1, 1) == '0' then
    due = due or earlier(found[2], ARGV[3])
  end
  if not due then return {0, ''} end
end
local owner = redis.call('HGET', KEYS[4], id) or ''
redis.call('UNLINK', KEYS[1])
local listed = redis.call('ZREM', KEYS[2], id) + redis.call('ZREM', KEYS[3], id)
redis.call('HDEL', KEYS[4], id)
if not found[1] then return {ARGV[2] ~= '' and listed > 0 and 1 or 0, owner} end
tell(ARGV[1])
return {1, owner}
"""
)

# KEYS: registries of any number of buckets. ARGV: the least score.
COUNT: Final = """
local found = 0
for _, registry in ipairs(KEYS) do
  found = found + redis.call('ZCOUNT', registry, ARGV[1], '+inf')
end
return found
"""

_SOURCES: Final = {
    sha1(source.encode(), usedforsecurity=False).hexdigest(): source
    for source in (SAVE, TOUCH, REMOVE, COUNT)
}
_NAMES: Final = {source: name for name, source in _SOURCES.items()}


def call(source: str, keys: tuple[bytes, ...], *arguments: Any) -> Command:  # noqa: ANN401 - what Redis takes
    """Return the command that runs a script which the server knows already."""
    return ("EVALSHA", _NAMES[source], len(keys), *keys, *arguments)


def in_full(command: Command) -> Command:
    """Return the same call for a server that doesn't know the script; from then on it does."""
    return ("EVAL", _SOURCES[command[1]], *command[2:])
