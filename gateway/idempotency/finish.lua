-- Keep the answers of claimed keys. KEYS: marks. ARGV: kept ms, then a digest and an answer for each mark.
for n = 1, #KEYS do
  local digest = ARGV[2 * n]
  if (redis.call('HGET', KEYS[n], 'digest') or digest) == digest then
    redis.call('HSET', KEYS[n], 'digest', digest, 'answer', ARGV[2 * n + 1])
    redis.call('PEXPIRE', KEYS[n], ARGV[1])
  end
end
return #KEYS
