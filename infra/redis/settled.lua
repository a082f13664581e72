-- ORs a bitmap into the one at KEYS[1]. ARGV: bitmap, lifetime in ms.
local old = redis.call('GET', KEYS[1])
if not old then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1
end
local new, out = ARGV[1], {}
for i = 1, math.max(#old, #new) do
    out[i] = string.char(bit.bor(old:byte(i) or 0, new:byte(i) or 0))
end
redis.call('SET', KEYS[1], table.concat(out), 'PX', ARGV[2])
return 1
