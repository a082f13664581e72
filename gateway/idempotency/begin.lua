-- Claim idempotency keys for one request or many. KEYS: epoch, marks. ARGV: lease ms, kept ms, a digest for each mark.
-- Answers for each: {"new" | "unseen" | "again"} | {"other"} | {"done", answer} | {"running", ms left}. Unseen: not known, but
-- this Redis is younger than what it keeps, so it may have forgotten.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], now, 'NX')
local unknown = now - tonumber(redis.call('GET', KEYS[1])) > tonumber(ARGV[2]) and 'new' or 'unseen'
local answers = {}
for n = 2, #KEYS do
  local digest = ARGV[n + 1]
  local mark = redis.call('HMGET', KEYS[n], 'digest', 'answer', 'until')
  local left = tonumber(mark[3] or '0') - now
  if mark[1] and mark[1] ~= digest then
    answers[n - 1] = {'other'}
  elseif mark[2] then
    answers[n - 1] = {'done', mark[2]}
  elseif left > 0 then
    answers[n - 1] = {'running', tostring(left)}
  else
    redis.call('HSET', KEYS[n], 'digest', digest, 'until', now + ARGV[1])
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
    answers[n - 1] = {mark[1] and 'again' or unknown}
  end
end
return answers
