-- SPDX-License-Identifier: Apache-2.0
--
-- What the load scripts share: their parameters come from the environment (BENCH_*), each thread gets a
-- number, and done() prints one line that bench/run reads.

bench = {}

local threads = {}

function bench.param(name, default)
   local value = os.getenv("BENCH_" .. name)
   if value == nil or value == "" then
      return default
   end
   return value
end

function bench.number(name, default)
   return tonumber(bench.param(name, default))
end

-- All ids of a file are as long as the first, so that the n-th (from 0) is found without a table of a million
-- strings.
local width = 0

function bench.load_ids(path)
   local file = assert(io.open(path, "rb"))
   local ids = file:read("*a")
   file:close()
   width = ids:find("\n", 1, true)
   return ids, math.floor(#ids / width)
end

function bench.id(ids, n)
   return ids:sub(n * width + 1, n * width + width - 1)
end

function bench.head(method, path, more)
   return method .. " " .. path .. " HTTP/1.1\r\nHost: " .. bench.param("HOST", "127.0.0.1")
      .. "\r\nAuthorization: " .. bench.param("SCHEME", "Bearer") .. " " .. bench.param("KEY", "none")
      .. "\r\n" .. (more or "") .. "\r\n"
end

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

-- A pause before each request, for load that watches instead of pushing.
if bench.number("DELAY_MS", 0) > 0 then
   local pause = bench.number("DELAY_MS", 0)
   function delay()
      return math.random(math.floor(pause / 2), math.floor(pause * 3 / 2))
   end
end

function done(summary, latency, requests)
   local sent, ran_out = 0, 0
   for _, thread in ipairs(threads) do
      sent = math.max(sent, thread:get("sent") or 0)
      ran_out = math.max(ran_out, thread:get("ran_out") or 0)
   end
   local e = summary.errors
   io.write(string.format("\nBENCH requests=%d us=%d bytes=%d status=%d connect=%d read=%d write=%d "
      .. "timeout=%d p50=%d p99=%d max=%d sent=%d ran_out=%d\n",
      summary.requests, summary.duration, summary.bytes, e.status, e.connect, e.read, e.write, e.timeout,
      latency:percentile(50), latency:percentile(99), latency.max, sent, ran_out))
end
