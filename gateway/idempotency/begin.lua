-- Claim an idempotency key for one request. KEYS: mark, epoch. ARGV: digest, lease ms, kept ms.
-- Answers: {"new" | "again", age of this Redis ms} | {"other"} | {"done", answer} | {"running", ms left}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], now, 'NX')
local age = now - tonumber(redis.call('GET', KEYS[2]))
local mark = redis.call('HMGET', KEYS[1], 'digest', 'answer', 'until')
if mark[1] and mark[1] ~= ARGV[1] then return {'other'} end
if mark[2] then return {'done', mark[2]} end
local left = tonumber(mark[3] or '0') - now
if left > 0 then return {'running', tostring(left)} end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'until', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {mark[1] and 'again' or 'new', tostring(age)}
