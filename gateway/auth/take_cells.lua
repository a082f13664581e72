-- Generic cell rate algorithm: how many of the wanted requests conform, taken at once.
-- KEYS[1]: the theoretical arrival time in microseconds. ARGV: requests a second, burst, wanted.
-- Gives: granted, left in the burst, microseconds until the burst is whole, microseconds until one more would conform.
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval = 1000000 / rate
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
-- A clock that was put back must not keep anybody waiting for longer than a whole burst.
tat = math.min(tat, now + interval * burst)
local free = math.floor((now + interval * burst - tat) / interval + 0.000001)
local granted = math.min(wanted, free)
if granted > 0 then
    tat = tat + granted * interval
    redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1000)
end
local wait = math.max(0, tat + interval - interval * burst - now)
return {granted, free - granted, math.ceil(tat - now), math.ceil(wait)}
