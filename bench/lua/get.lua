-- SPDX-License-Identifier: Apache-2.0
--
-- GET of BENCH_PATH; a "{id}" in it becomes a random line of the file BENCH_IDS.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")

local ids, count = nil, 0
local before, after

function init(args)
   local path = bench.param("PATH", "/")
   local at, past = path:find("{id}", 1, true)
   math.randomseed(bench.number("SEED", 1) * 1000 + number)
   if at then
      ids, count = bench.load_ids(bench.param("IDS"))
      local whole = bench.head("GET", path)
      at, past = whole:find("{id}", 1, true)
      before, after = whole:sub(1, at - 1), whole:sub(past + 1)
   else
      before = bench.head("GET", path)
   end
end

function request()
   if count == 0 then
      return before
   end
   return before .. bench.id(ids, math.random(0, count - 1)) .. after
end
