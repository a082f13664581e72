-- A lease of a carrier's tokens where senders or networks have rates of their own.
-- KEYS: the carrier's bucket, request, then the narrow buckets (hashes level, at).
-- ARGV: most in all, 1 when the caller may take the last tokens else 0, now in ms ('' = Redis's own clock), the rate of each
-- bucket (the carrier's first), then per group: want, and the places among the narrow buckets of the two that bound it (0 =
-- none). Returns what each group is granted: so many tokens of the carrier and of each of its buckets, or of none. A request
-- that was answered before gets the same answer and takes nothing.
local answered = redis.call('GET', KEYS[2])
if answered then
    return cjson.decode(answered)
end
local most, last, now = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + time[2] / 1000
end
local count = #KEYS - 1
local level, at, free = {}, {}, {}
for i = 1, count do
    -- As in tokens.lua, bucket by bucket.
    local rate = tonumber(ARGV[3 + i])
    local capacity = math.max(1, rate * 0.05)
    local bucket = redis.call('HMGET', KEYS[i == 1 and 1 or i + 1], 'level', 'at')
    level[i], at[i] = tonumber(bucket[1]), tonumber(bucket[2])
    if not at[i] then
        level[i], at[i] = 0, now
    end
    if now < at[i] - 1000 then
        at[i] = now
    end
    level[i] = math.min(capacity + math.min(0.9, rate * 0.1), level[i] + math.max(0, now - at[i]) * rate / 1000)
    at[i] = math.max(at[i], now)
    local reserve = last and 0 or math.floor(capacity / 10)
    free[i] = rate > 0 and math.max(0, math.floor(level[i] - reserve + 0.000001)) or 0
end
free[1] = math.min(free[1], most)
local granted = {}
for g = 4 + count, #ARGV, 3 do
    local tokens = math.min(tonumber(ARGV[g]), free[1])
    local bounds = {1}
    for b = 1, 2 do
        local place = tonumber(ARGV[g + b])
        if place > 0 then
            bounds[#bounds + 1] = place + 1
            tokens = math.min(tokens, free[place + 1])
        end
    end
    for _, i in ipairs(bounds) do
        free[i], level[i] = free[i] - tokens, level[i] - tokens
    end
    granted[#granted + 1] = tokens
end
for i = 1, count do
    local key, rate = KEYS[i == 1 and 1 or i + 1], tonumber(ARGV[3 + i])
    redis.call('HSET', key, 'level', string.format('%.9f', math.max(0, level[i])), 'at', string.format('%.3f', at[i]))
    redis.call('PEXPIRE', key, math.floor(math.max(60000, 2000 / math.max(rate, 0.001))))
end
redis.call('SET', KEYS[2], cjson.encode(granted), 'PX', 5000)
return granted
