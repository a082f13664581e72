-- Keep the answer of a claimed key. KEYS: mark. ARGV: digest, answer, kept ms.
if (redis.call('HGET', KEYS[1], 'digest') or ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
