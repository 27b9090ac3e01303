-- wrk's side of the load: the request, and the result as one line of JSON that bench/load/loader.ts reads.
if os.getenv("BENCH_BODY") then
  wrk.method = "POST"
  wrk.body = os.getenv("BENCH_BODY")
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

if os.getenv("BENCH_AUTHORIZATIONS") then
  local requests, turn = {}, 0

  function request()
    -- Not sooner: wrk does not know its Host before.
    if #requests == 0 then
      for value in os.getenv("BENCH_AUTHORIZATIONS"):gmatch("[^\n]+") do
        wrk.headers["Authorization"] = value
        requests[#requests + 1] = wrk.format()
      end
    end
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency)
  local failures = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"failures":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, failures))
end
