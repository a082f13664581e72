-- Seconds since this Redis first kept the window. KEYS: epoch. The key is made at the first call and never ends.
local now = tonumber(redis.call('TIME')[1])
redis.call('SET', KEYS[1], now, 'NX')
return math.max(0, now - tonumber(redis.call('GET', KEYS[1])))
