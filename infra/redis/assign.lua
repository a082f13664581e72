-- Compare and set. KEYS: assignment. ARGV: what the caller believes is there ('' = nothing), what to put, lifetime in ms.
-- Returns nil when it was put, else what is there now.
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return false
end
return now
