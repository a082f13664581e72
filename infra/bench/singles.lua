-- One request a message, for wrk: another number, text and, if wanted, key in each; the figures as one line of JSON.
-- BENCH_FORM is `sluice` or `kannel`, BENCH_KEY the API key, BENCH_FIRST the first number, BENCH_KEYED the prefix of keys,
-- BENCH_PAUSE the mean pause of a connection before a request, in milliseconds.
local form, key = os.getenv("BENCH_FORM"), os.getenv("BENCH_KEY")
local first, keyed = tonumber(os.getenv("BENCH_FIRST")), os.getenv("BENCH_KEYED")
local pause = tonumber(os.getenv("BENCH_PAUSE"))
local threads = 0

-- Each thread has numbers of its own: no two messages of a run are alike.
function setup(thread)
  thread:set("number", first + threads * 2500000)
  threads = threads + 1
end

local forms = {}

function forms.sluice(to, n)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. key }
  if keyed then headers["Idempotency-Key"] = keyed .. n end
  local body = '{"to":"+' .. to .. '","from":"Sluice","body":"Your parcel ' .. n .. ' arrives today.","lane":"transactional"}'
  return wrk.format("POST", "/v1/messages", headers, body)
end

function forms.kannel(to, n)
  local path = "/cgi-bin/sendsms?username=bench&password=" .. key .. "&from=Sluice&to=%2B" .. to
  return wrk.format("GET", path .. "&text=Your+parcel+" .. n .. "+arrives+today.")
end

function request()
  number = number + 1
  return forms[form](string.format("49151%08d", number), number)
end

-- Evenly spread around the mean: equal pauses would keep all connections in step.
if pause then
  function delay() return math.random(0, 2 * pause) end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d,"max":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
