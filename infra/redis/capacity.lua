-- Room of one carrier and lane, in segments. KEYS: costs (hash entry -> cost, '' -> their sum), ends (sorted set entry -> ms),
-- seen (when dispatch last renewed, ms).
-- ARGV: now in ms ('' = Redis's clock), room, lifetime in ms, then per ask: entry, cost, least, further.
-- further = 0: an entry is asked for as a whole, and what it had is its own again. 1: for more than it had, in whole messages; if
-- not even the first one fits, nobody behind it is given anything, or small messages would keep a long one out for ever.
-- Returns {free afterwards, granted...}. Entries end only while dispatch is seen: without it nothing leaves the carrier's
-- queue, and an entry that ended would let one room after the other pile up there.
local now, room, life = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local total = tonumber(redis.call('HGET', KEYS[1], '')) or 0
local seen = tonumber(redis.call('GET', KEYS[3]))
if seen and now - seen <= life then
    local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
    for _, entry in ipairs(ended) do
        total = total - (tonumber(redis.call('HGET', KEYS[1], entry)) or 0)
        redis.call('HDEL', KEYS[1], entry)
        redis.call('ZREM', KEYS[2], entry)
    end
end
local answer, blocked = {0}, false
for i = 4, #ARGV, 4 do
    local entry, cost, least, further = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3] == '1'
    local had = tonumber(redis.call('HGET', KEYS[1], entry)) or 0
    local own = further and 0 or had
    local free = math.max(0, room - total)
    if total == own and room > 0 then
        -- Nobody else is in the room: at least one message fits, however many segments it has.
        free = math.max(free, least - own)
    end
    local granted = math.min(cost, own + free)
    if further and (blocked or granted < math.min(least, cost)) then
        granted, blocked = 0, true
    end
    if granted > own then
        redis.call('HSET', KEYS[1], entry, had - own + granted)
        total = total + granted - own
    end
    if granted > 0 then
        redis.call('ZADD', KEYS[2], now + life, entry)
    end
    answer[#answer + 1] = granted
end
redis.call('HSET', KEYS[1], '', total)
for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, 86400000)
end
answer[1] = math.max(0, room - total)
return answer
