-- Dispatch has started or returned these entries. KEYS as in room.lua. ARGV: the entries. Returns the segments set free.
local freed = 0
for _, entry in ipairs(ARGV) do
    freed = freed + (tonumber(redis.call('HGET', KEYS[1], entry)) or 0)
    redis.call('HDEL', KEYS[1], entry)
    redis.call('ZREM', KEYS[2], entry)
end
if freed > 0 then
    redis.call('HINCRBY', KEYS[1], '', -freed)
end
return freed
