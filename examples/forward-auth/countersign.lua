-- HAProxy asks Countersign about a request: `http-request lua.countersign URL`. Sets txn.countersign to `allowed`, or answers the caller.
-- Whatever goes wrong leaves it unset, and the configuration answers 503.

-- With `forwardAuth: { secret }` in Countersign's configuration: the environment variable COUNTERSIGN_PROXY_SECRET.
local SECRET = os.getenv('COUNTERSIGN_PROXY_SECRET')
local TIMEOUT_MS = 10000

local IDENTITY = {
  'x-consumer-id',
  'x-consumer-username',
  'x-consumer-custom-id',
  'x-credential-identifier',
  'x-anonymous-consumer',
  'x-countersign-client',
  'x-countersign-subject',
  'x-countersign-scope',
  'x-countersign-realm',
  'x-countersign-api-key',
  'x-countersign-assertion',
}

-- Of the hop and the body; the question has neither.
local LEFT_OUT = {
  ['connection'] = true,
  ['content-length'] = true,
  ['expect'] = true,
  ['keep-alive'] = true,
  ['proxy-connection'] = true,
  ['te'] = true,
  ['trailer'] = true,
  ['transfer-encoding'] = true,
  ['upgrade'] = true,
  ['x-original-method'] = true,
  ['x-original-uri'] = true,
  ['x-countersign-proxy-secret'] = true,
}

-- HAProxy counts the values of a header from 0, Lua from 1.
local function listed(values)
  local list = {}
  for at = 0, #(values or {}) do
    table.insert(list, values and values[at])
  end
  return list
end

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then
      headers[name] = listed(values)
    end
  end
  headers['x-original-method'] = { txn.sf:method() }
  headers['x-original-uri'] = { txn.sf:pathq() }
  if SECRET then
    headers['x-countersign-proxy-secret'] = { SECRET }
  end
  return headers
end

local function refuse(txn, answer)
  local reply = txn:reply({ status = answer.status })
  for name, values in pairs(answer.headers) do
    if name ~= 'connection' and name ~= 'keep-alive' and name ~= 'content-length' and name ~= 'transfer-encoding' then
      for _, value in ipairs(listed(values)) do
        reply:add_header(name, value)
      end
    end
  end
  reply:set_body(answer.body or '')
  txn:done(reply)
end

local function ask(txn, url)
  local answer = core.httpclient():get({ url = url, headers = question(txn), timeout = TIMEOUT_MS })
  local status = answer and answer.status or 0
  if status ~= 200 then
    -- HAProxy's own 5xx for a Countersign that does not answer has no problem to tell.
    if status >= 400 and listed(answer.headers['content-type'])[1] == 'application/problem+json' then
      refuse(txn, answer)
    end
    return
  end
  for _, name in ipairs(IDENTITY) do
    txn.http:req_set_header(name, listed(answer.headers[name])[1] or '')
  end
  local limit, policy = listed(answer.headers['ratelimit'])[1], listed(answer.headers['ratelimit-policy'])[1]
  if limit and policy then
    txn:set_var('txn.ratelimit', limit)
    txn:set_var('txn.ratelimit_policy', policy)
  end
  txn:set_var('txn.countersign', 'allowed')
end

core.register_action('countersign', { 'http-req' }, ask, 1)
