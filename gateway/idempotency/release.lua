-- Give a claimed key up without an answer. KEYS: mark. ARGV: digest, "forget" (nothing was done) or "keep" (unknown).
local mark = redis.call('HMGET', KEYS[1], 'digest', 'answer')
if mark[1] ~= ARGV[1] or mark[2] then return 0 end
if ARGV[2] == 'forget' then return redis.call('DEL', KEYS[1]) end
return redis.call('HSET', KEYS[1], 'until', 0)
