-- What a profile may use of a carrier's rate, in segments. KEYS: bucket (hash level, at).
-- ARGV: want, rate per second, most that the bucket holds, least that is worth taking, now in ms ('' = Redis's own clock).
-- least = 0: nothing is taken, `want` comes back; less than none: more was used than had been taken. Returns the segments taken. A bucket starts empty; the level may fall below zero:
-- a message of several segments goes as a whole, and is paid off before the next one.
local want, rate, most, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + time[2] / 1000
end
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(bucket[1]), tonumber(bucket[2])
if not at then
    level, at = 0, now
end
-- A small step back of the clock counts as no time; after a large one time is counted from there.
if now < at - 1000 then
    at = now
end
level = math.min(most, level + math.max(0, now - at) * rate / 1000)
at = math.max(at, now)
local taken = 0
if least == 0 then
    level = math.min(most, level + want)
elseif level + 0.000001 >= least then
    taken = math.min(want, math.floor(level + 0.000001))
    level = level - taken
end
redis.call('HSET', KEYS[1], 'level', string.format('%.9f', level), 'at', string.format('%.3f', at))
-- As long as a debt or a first segment may take, and a minute at least.
redis.call('PEXPIRE', KEYS[1], math.floor(math.max(60000, (2 + math.max(0, -level)) * 1000 / math.max(rate, 0.00001))))
return taken
