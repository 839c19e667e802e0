-- The load of every intake benchmark, made by wrk: Alertmanager webhooks (version 4), the same ones for the same SEED.
-- bench/load.py sets the variables and reads the JSON line that is printed last.
--   SEED      another one gives other alerts         ALERTS    how many a POST
--   SECONDS   send for so long, then only wait       RATE      POSTs a second, 0: as fast as answers come
--   POSTS     send so many at most, 0: no bound      SERVICES  over how many services they spread
--   REPEAT    1: every POST says the same
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } moment; int clock_gettime(int clock, moment *now);")

local function setting(name, default) return tonumber(os.getenv(name) or default) end
local seed, alerts, services = setting("SEED", 1), setting("ALERTS", 1), setting("SERVICES", 50)
local seconds, rate, posts = setting("SECONDS", 10), setting("RATE", 0), setting("POSTS", 0)
local is_repeat = setting("REPEAT", 0) == 1

local MONOTONIC, NEVER = 1, 3600 * 1000
local SEVERITIES = {"critical", "warning", "info"}
local NAMES = {
  "ApiDown", "ApiSlow", "BackupMissing", "CacheMisses", "CertificateEndsSoon", "ClockSkew", "CpuBusy", "DiskFillsUp",
  "ErrorsRise", "InodesScarce", "JobLate", "LagOfReplica", "LeaderMissing", "LoginFailures", "MemoryScarce",
  "NodeUnready", "PodRestarts", "QueueGrows", "TargetLost", "VolumeReadOnly",
}
local ALERT = '{"status":"firing","labels":{"alertname":"%s","severity":"%s","service":"svc-%05d","job":"bench",' ..
  '"instance":"10.%d.%d.%d:9100","series":"%d-%d","region":"eu-%d","zone":"zone-%d"},' ..
  '"annotations":{"summary":"%s on instance %d of svc-%05d","description":"%s has been true on instance %d for five ' ..
  'minutes; the last value was %d.%02d","runbook_url":"https://runbooks.example.org/%s"},' ..
  '"startsAt":"2026-01-05T09:%02d:%02d.123Z","endsAt":"0001-01-01T00:00:00Z",' ..
  '"generatorURL":"http://prometheus.example.org:9090/graph?g0.expr=up&g0.tab=1","fingerprint":"%04x%012x"}'
local WEBHOOK = '{"version":"4","groupKey":"{}/{job=\\"bench\\"}:{part=\\"%d\\"}","truncatedAlerts":0,' ..
  '"status":"firing","receiver":"bench","groupLabels":{"job":"bench"},"commonLabels":{"job":"bench"},' ..
  '"commonAnnotations":{},"externalURL":"http://alertmanager.example.org:9093","alerts":[%s]}'

local function alert(n, number)  -- those of one webhook began together, at one evaluation of their rule
  local name = NAMES[n % #NAMES + 1]
  local service = n % services
  return ALERT:format(
    name, SEVERITIES[n % 3 + 1], service, n / 65536 % 256, n / 256 % 256, n % 256, seed, n, n % 5, n % 3,
    name, n, service, name, n, n % 90, n % 100, name, number / 60 % 60, number % 60, seed % 65536, n)
end

local function webhook(number)
  local told = {}
  for place = 1, alerts do told[place] = alert((number - 1) * alerts + place, number) end
  return WEBHOOK:format(number, table.concat(told, ","))
end

local clock = ffi.new("moment")
local function now()
  ffi.C.clock_gettime(MONOTONIC, clock)
  return tonumber(clock.seconds) + tonumber(clock.nanoseconds) / 1e9
end

local HEADERS = {["Content-Type"] = "application/json"}
local begun, due, repeated
local promised = 0
sent = -1  -- wrk asks for one request that it never sends, to see whether the script is sound

function request()
  sent = sent + 1
  local number = (is_repeat or sent < 1) and 1 or sent
  local body = is_repeat and repeated or webhook(number)
  repeated = body
  return wrk.format("POST", nil, HEADERS, body)
end

-- Milliseconds until this connection's next POST. After the end there is none, so that every POST is answered.
function delay()
  local at = now()
  begun = begun or at
  local next_one = at
  if rate > 0 then
    due = due and due + 1 / rate or begun
    next_one = due
  end
  if math.max(next_one, at) >= begun + seconds or promised == posts and posts > 0 then return NEVER end
  promised = promised + 1
  return math.max(0, (next_one - at) * 1000)
end

local sender
function setup(thread) sender = thread end

function done(summary, latency)
  local failed = summary.errors
  io.write(("JSON " .. '{"sent":%d,"answered":%d,"refused":%d,"broken":%d,"p50":%.3f,"p99":%.3f,"worst":%.3f}\n'):format(
    sender:get("sent"), summary.requests, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
