-- Room that was granted and is not used after all. KEYS as in capacity.lua. ARGV per entry: entry, segments that it gives back.
local freed = 0
for i = 1, #ARGV, 2 do
    local had = tonumber(redis.call('HGET', KEYS[1], ARGV[i])) or 0
    local back = math.min(had, tonumber(ARGV[i + 1]))
    if back > 0 and back == had then
        redis.call('HDEL', KEYS[1], ARGV[i])
        redis.call('ZREM', KEYS[2], ARGV[i])
    elseif back > 0 then
        redis.call('HINCRBY', KEYS[1], ARGV[i], -back)
    end
    freed = freed + back
end
if freed > 0 then
    redis.call('HINCRBY', KEYS[1], '', -freed)
end
return freed
