-- The limits, counted in one place for all relays: the rules of `deciding.py`, step for step.
-- `tests/integration/limits` holds the two against each other.
--
-- KEYS  two for each limit: a hash of what was used (and `held`), a sorted set of who holds.
-- ARGV  what to do (take, settle, renew), the time in ms (empty: the server's own), the request,
--       how many ms a hold lives without being renewed; then seven for each limit:
--       counting, capacity, window_ms, rate, idle_ms, use, hold.
-- take    all or nothing; gives the time, then four for each limit: 1 or 0, what remains, when all
--         is forgotten, when to try again (-1: there is no such time).
-- settle  what the request held is free, and `use` counts. Nothing is refused.
-- renew   the request goes on, also where its hold was forgotten meanwhile.

local SLOTS, HELD_RETRY_MS, ROUNDING = 60, 1000, 1e-6
local op, request, lease_ms = ARGV[1], ARGV[3], tonumber(ARGV[4])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function integer(number) return string.format('%.0f', number) end
local function exact(number) return string.format('%.17g', number) end

local fixed, sliding, bucket, none = {}, {}, {}, {}

function fixed.read(limit)
  local stored = redis.call('HMGET', limit.key, 'started', 'used', 'held')
  limit.start = now - now % limit.window_ms
  local started = tonumber(stored[1]) or 0
  local used = 0
  if started >= limit.start then
    limit.start, used = started, tonumber(stored[2]) or 0
  end
  limit.used, limit.held = used, tonumber(stored[3]) or 0
end
function fixed.add(limit, amount)
  limit.used = limit.used + amount
  redis.call('HSET', limit.key, 'started', integer(limit.start), 'used', integer(limit.used))
end
function fixed.free_at(limit, amount)
  return amount <= limit.used and limit.start + limit.window_ms or -1
end
function fixed.reset_at(limit)
  return limit.used > 0 and limit.start + limit.window_ms or -1
end

local function gone_at(limit, slot) return (slot + 1) * limit.slot_ms + limit.window_ms end

function sliding.read(limit)
  limit.slot_ms = math.ceil(limit.window_ms / SLOTS)
  limit.slots, limit.gone, limit.used, limit.held = {}, {}, 0, 0
  local stored = redis.call('HGETALL', limit.key)
  for i = 1, #stored, 2 do
    local slot, used = tonumber(stored[i]), tonumber(stored[i + 1])
    if not slot then
      limit.held = used
    elseif gone_at(limit, slot) > now then
      limit.slots[#limit.slots + 1] = { slot, used }
      limit.used = limit.used + used
    else
      limit.gone[#limit.gone + 1] = stored[i]
    end
  end
end
function sliding.add(limit, amount)
  local slot = math.floor(now / limit.slot_ms)
  if #limit.gone > 0 then
    redis.call('HDEL', limit.key, unpack(limit.gone))
    limit.gone = {}
  end
  redis.call('HINCRBY', limit.key, integer(slot), integer(amount))
  limit.slots[#limit.slots + 1] = { slot, amount }
  limit.used = limit.used + amount
end
function sliding.free_at(limit, amount)
  table.sort(limit.slots, function(a, b) return a[1] < b[1] end)
  local forgotten = 0
  for _, each in ipairs(limit.slots) do
    forgotten = forgotten + each[2]
    if forgotten >= amount then return gone_at(limit, each[1]) end
  end
  return -1
end
function sliding.reset_at(limit)
  local last = -1
  for _, each in ipairs(limit.slots) do last = math.max(last, each[1]) end
  return last >= 0 and gone_at(limit, last) or -1
end

function bucket.read(limit)
  local stored = redis.call('HMGET', limit.key, 'level', 'at', 'held')
  local level, at = tonumber(stored[1]) or 0, tonumber(stored[2]) or 0
  limit.used = math.max(0, level - math.max(0, now - at) * limit.rate)
  limit.at, limit.held = math.max(now, at), tonumber(stored[3]) or 0
end
function bucket.add(limit, amount)
  limit.used = limit.used + amount
  redis.call('HSET', limit.key, 'level', exact(limit.used), 'at', integer(limit.at))
end
function bucket.free_at(limit, amount)
  if limit.rate <= 0 or amount > limit.used then return -1 end
  return limit.at + math.ceil(amount / limit.rate)
end
function bucket.reset_at(limit)
  return limit.used > 0 and bucket.free_at(limit, limit.used) or -1
end

function none.read(limit)
  limit.used, limit.held = 0, tonumber(redis.call('HGET', limit.key, 'held')) or 0
end
function none.reset_at() return -1 end

local rules = { fixed = fixed, sliding = sliding, bucket = bucket, none = none }

-- Holds that nobody renewed: their relay died, or could not say that they ended.
local function sweep(limit)
  local lapsed = redis.call('ZRANGEBYSCORE', limit.holds, '-inf', integer(now))
  for _, member in ipairs(lapsed) do
    local amount = string.match(member, '^%d+')
    redis.call('ZREM', limit.holds, member)
    redis.call('HINCRBY', limit.key, 'held', '-' .. amount)
  end
end

local function add_hold(limit)
  local member = integer(limit.hold) .. ':' .. request
  if redis.call('ZADD', limit.holds, integer(now + lease_ms), member) == 1 then
    redis.call('HINCRBY', limit.key, 'held', integer(limit.hold))
  end
end

local function remove_hold(limit)
  if redis.call('ZREM', limit.holds, integer(limit.hold) .. ':' .. request) == 1 then
    redis.call('HINCRBY', limit.key, 'held', '-' .. integer(limit.hold))
  end
end

local function keep(limit)
  local idle_ms = integer(math.max(limit.idle_ms, 2 * lease_ms))
  redis.call('PEXPIRE', limit.key, idle_ms)
  -- Never sooner than `held`, also where calls hold nothing: who held would be forgotten, and not
  -- that something is held.
  redis.call('PEXPIRE', limit.holds, idle_ms)
end

local function read_limit(n)
  local at = 4 + (n - 1) * 7
  local limit = {
    key = KEYS[2 * n - 1], holds = KEYS[2 * n], rule = rules[ARGV[at + 1]],
    capacity = tonumber(ARGV[at + 2]), window_ms = tonumber(ARGV[at + 3]),
    rate = tonumber(ARGV[at + 4]), idle_ms = tonumber(ARGV[at + 5]),
    use = tonumber(ARGV[at + 6]), hold = tonumber(ARGV[at + 7]),
  }
  if limit.hold > 0 then sweep(limit) end
  limit.rule.read(limit)
  return limit
end

local function retry_at(limit, cost, over)
  if cost > limit.capacity then return -1 end
  if over > limit.used + ROUNDING then return now + HELD_RETRY_MS end
  return limit.rule.free_at(limit, math.min(over, limit.used))
end

local limits, is_allowed = {}, true
for n = 1, #KEYS / 2 do
  local limit = read_limit(n)
  limits[n] = limit
  limit.over = limit.used + limit.held + limit.use + limit.hold - limit.capacity
  is_allowed = is_allowed and limit.over <= ROUNDING
end

local answer = { now }
for _, limit in ipairs(limits) do
  if op == 'settle' then
    if limit.hold > 0 then remove_hold(limit) end
    if limit.use > 0 then limit.rule.add(limit, limit.use) end
    keep(limit)
  elseif op == 'renew' then
    add_hold(limit)
    keep(limit)
  else
    if is_allowed then
      if limit.use > 0 then limit.rule.add(limit, limit.use) end
      if limit.hold > 0 then add_hold(limit) end
      keep(limit)
    end
    local fits = limit.over <= ROUNDING
    local left = limit.capacity - limit.used - limit.held
    if is_allowed then left = -limit.over end
    answer[#answer + 1] = fits and 1 or 0
    answer[#answer + 1] = math.max(0, math.floor(left + ROUNDING))
    answer[#answer + 1] = limit.rule.reset_at(limit)
    answer[#answer + 1] = fits and -1 or retry_at(limit, limit.use + limit.hold, limit.over)
  end
end
return answer
