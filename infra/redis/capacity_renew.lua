-- Dispatch says what it holds of one carrier and lane. KEYS as in room.lua.
-- ARGV: now in ms ('' = Redis's clock), lifetime in ms, then per entry: entry, cost.
-- After a silence every entry gets a fresh lifetime, so that dispatch can name what it finds waiting for it.
local now, life = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local seen = tonumber(redis.call('GET', KEYS[3]))
if not seen or now - seen > life then
    for _, entry in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
        redis.call('ZADD', KEYS[2], now + life, entry)
    end
end
redis.call('SET', KEYS[3], now)
local total = tonumber(redis.call('HGET', KEYS[1], '')) or 0
for i = 3, #ARGV, 2 do
    local entry, cost = ARGV[i], tonumber(ARGV[i + 1])
    total = total + cost - (tonumber(redis.call('HGET', KEYS[1], entry)) or 0)
    redis.call('HSET', KEYS[1], entry, cost)
    redis.call('ZADD', KEYS[2], now + life, entry)
end
redis.call('HSET', KEYS[1], '', total)
for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, 86400000)
end
return total
