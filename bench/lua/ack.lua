-- SPDX-License-Identifier: Apache-2.0
--
-- POST /api/v1/results/{id}/ack, each id of the file BENCH_IDS once: the threads take turns from line
-- BENCH_FROM on, and a thread that finds none left says so and stops.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")

sent = 0
ran_out = 0

local ids, count, step, next_id
local before, after

function init(args)
   ids, count = bench.load_ids(bench.param("IDS"))
   step = bench.number("THREADS", 1)
   next_id = bench.number("FROM", 0) + number
   before = "POST /api/v1/results/"
   local whole = bench.head("POST", "/api/v1/results//ack", "Content-Length: 0\r\n")
   after = whole:sub(#before + 1)
end

function request()
   if next_id >= count then
      ran_out = 1
      wrk.thread:stop()
      return before .. bench.id(ids, count - 1) .. after
   end
   local id = bench.id(ids, next_id)
   next_id = next_id + step
   sent = sent + 1
   return before .. id .. after
end
