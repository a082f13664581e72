-- A lease of a carrier's tokens. KEYS: bucket (hash level, at), request.
-- ARGV: want, rate per second, 1 when the caller may take the last tokens else 0, now in ms ('' = Redis's own clock).
-- Returns the tokens granted, 0 or more. A request that was answered before gets the same answer and takes nothing.
local answered = redis.call('GET', KEYS[2])
if answered then
    return tonumber(answered)
end
local want, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = tonumber(ARGV[4])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + time[2] / 1000
end
local capacity = math.max(1, rate * 0.05)
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(bucket[1]), tonumber(bucket[2])
if not at then
    level, at = 0, now
end
-- A small step back of the clock counts as no time; after a large one time is counted from there.
if now < at - 1000 then
    at = now
end
-- What has come together of the next token is kept beside a full bucket: nobody asks at the very moment at which it is whole.
level = math.min(capacity + math.min(0.9, rate * 0.1), level + math.max(0, now - at) * rate / 1000)
at = math.max(at, now)
local reserve = 0
if ARGV[3] ~= '1' then
    reserve = math.floor(capacity / 10)
end
-- The small term makes up for rounding: ten tenths are one.
local granted = math.max(0, math.min(want, math.floor(level - reserve + 0.000001)))
-- Stopped: whatever was left in the bucket stays there.
if rate <= 0 then
    granted = 0
end
redis.call('HSET', KEYS[1], 'level', string.format('%.9f', math.max(0, level - granted)), 'at', string.format('%.3f', at))
-- A minute without use, and never less than two tokens take.
redis.call('PEXPIRE', KEYS[1], math.floor(math.max(60000, 2000 / math.max(rate, 0.001))))
redis.call('SET', KEYS[2], granted, 'PX', 5000)
return granted
