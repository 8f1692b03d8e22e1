-- SPDX-License-Identifier: Apache-2.0
--
-- PUT /api/v1/jobs/{job}/results/{name}: jobs in turn from the file BENCH_IDS, every name and every body its
-- own. A body is BENCH_SIZE random bytes (the file BENCH_BODY) whose first bytes are overwritten by the name.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")

sent = 0

local jobs = {}
local run, body, size

function init(args)
   local ids, count = bench.load_ids(bench.param("IDS"))
   run = bench.param("RUN", "0") .. "-" .. number .. "-"
   size = bench.number("SIZE", 4096)
   local file = assert(io.open(bench.param("BODY"), "rb"))
   body = file:read(size)
   file:close()
   for n = 0, count - 1 do
      local whole = bench.head("PUT", "/api/v1/jobs/" .. bench.id(ids, n) .. "/results/{name}",
         "Content-Type: application/octet-stream\r\nContent-Length: " .. size .. "\r\n")
      local at, past = whole:find("{name}", 1, true)
      jobs[n + 1] = { whole:sub(1, at - 1), whole:sub(past + 1) }
   end
end

function request()
   local job = jobs[sent % #jobs + 1]
   local name = run .. sent
   sent = sent + 1
   return job[1] .. name .. job[2] .. name .. body:sub(#name + 1)
end
