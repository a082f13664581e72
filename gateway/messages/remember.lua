-- Keep a value for a while. KEYS: name. ARGV: value, kept ms.
return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
