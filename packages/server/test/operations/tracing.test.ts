// Traces as a collector gets them, through the operator's own SDK: one span a request, a child for the upstream, and no secret in any.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { openTracing } from '../../src/server/tracing.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { startEcho } from '../harness/upstream.ts'
import { BOUNDED, serve } from '../process/program.ts'
import { CREDENTIALS, folder, SHOP } from './used.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string; readonly intValue?: number } }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly events?: readonly { readonly name: string }[]
  readonly status?: { readonly code?: number }
}

interface Traces {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[]
}

const spans: Span[] = []
let said = ''
const collector = createServer((request, response) => {
  void text(request).then((body) => {
    said += body
    spans.push(...(JSON.parse(body) as Traces).resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    collector.emit('spans')
  })
}).listen(0, '127.0.0.1')
await once(collector, 'listening')
after(() => collector.close().closeAllConnections())

async function spansUntil(count: number): Promise<void> {
  while (spans.length < count) await once(collector, 'spans')
}

async function traced(upstream: string, more: object): ReturnType<typeof serve> {
  const config = join(folder(), 'countersign.json')
  const client = { clientId: 'shop', secret: { hash: secretHash(SHOP) } }
  const apis = [{ id: 'goods', realm: 'depot', upstream }]
  const realms = [{ id: 'depot', audiences: ['goods'], clients: [client] }]
  writeFileSync(config, JSON.stringify({ telemetry: { traces: true }, realms, apis, ...more }))
  const env = {
    NODE_OPTIONS: `--import ${new URL('otel.ts', import.meta.url).href}`,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`,
  }
  return await serve(['--config', config], { env })
}

const attribute = (span: Span | undefined, name: string): unknown => {
  const value = span?.attributes.find(({ key }) => key === name)?.value
  return value?.stringValue ?? value?.intValue
}

const [TRACE, PARENT] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']

test('token requests, guarded requests and upstream calls are spans of the trace the proxy began', BOUNDED, async () => {
  const upstream = await startEcho()
  const server = await traced(upstream.origin, { listen: { trustedProxies: ['127.0.0.1'] } })
  const granted = await postForm(`${server.origin}/realms/depot/oauth2/token`, CREDENTIALS, basic('shop', SHOP))
  const token = String(granted.json['access_token'])
  await spansUntil(1)
  const refused = await postForm(`${server.origin}/realms/depot/oauth2/token`, CREDENTIALS, basic('shop', 'wrong-and-secret'))
  assert.equal(refused.status, 401)
  await spansUntil(2)
  const headers = { authorization: `Bearer ${token}`, traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' }
  const passed = await send(`${server.origin}/apis/goods/a-path?a=query`, { headers })
  await spansUntil(4)
  await server.end('SIGTERM')
  await upstream.close()

  const [issued, denied] = spans
  assert.equal(issued?.name, 'POST token depot')
  const named = ['countersign.realm', 'countersign.grant', 'countersign.client_id', 'countersign.code', 'http.response.status_code']
  assert.deepEqual(
    named.map((name) => attribute(issued, name)),
    ['depot', 'client_credentials', 'shop', 'ok', 200],
  )
  assert.deepEqual(
    issued?.events?.map(({ name }) => name),
    ['authenticated', 'authorized', 'minted'],
  )
  assert.equal(attribute(issued, 'countersign.request_id'), granted.headers.get('x-request-id'))
  assert.deepEqual([attribute(denied, 'countersign.code'), attribute(denied, 'countersign.client_id')], ['invalid_client', undefined])

  const guarded = spans.find(({ name }) => name === 'GET api goods')
  const called = spans.find(({ name }) => name === 'upstream goods')
  assert.deepEqual([guarded?.traceId, guarded?.parentSpanId, guarded?.kind], [TRACE, PARENT, 2])
  assert.deepEqual([called?.traceId, called?.parentSpanId, called?.kind], [TRACE, guarded?.spanId, 3])
  const received = passed.json['headers'] as Record<string, string>
  assert.equal(received['traceparent'], `00-${TRACE}-${called?.spanId}-01`)
  assert.equal(received['tracestate'], 'vendor=1')
  for (const secret of [token, SHOP, 'wrong-and-secret', 'a=query', 'a-path']) assert.ok(!said.includes(secret), secret)
})

for (const [who, telemetry] of [
  ['a stranger', {}],
  ['anybody, where that is said,', { traceparent: 'anybody' }],
] as const) {
  test(`the traceparent of ${who} is ${who === 'a stranger' ? 'linked to' : 'taken'}`, BOUNDED, async () => {
    spans.length = 0
    const upstream = await startEcho()
    const server = await traced(upstream.origin, { telemetry: { traces: true, ...telemetry } })
    const granted = await postForm(`${server.origin}/realms/depot/oauth2/token`, CREDENTIALS, basic('shop', SHOP))
    const strange = { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: 'stranger=1', baggage: 'stranger=1' }
    const headers = { authorization: `Bearer ${String(granted.json['access_token'])}`, ...strange }
    const passed = await send(`${server.origin}/apis/goods/1`, { headers })
    const received = passed.json['headers'] as Record<string, string>
    if (who === 'a stranger') await spansUntil(3)
    await server.end('SIGTERM')
    await upstream.close()
    const guarded = spans.find(({ name }) => name === 'GET api goods')
    if (who !== 'a stranger') {
      // His word on sampling too: not this one.
      assert.equal(guarded, undefined)
      return assert.match(received['traceparent'] ?? '', new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
    }
    assert.ok(guarded)
    assert.notEqual(guarded.traceId, TRACE)
    assert.ok(!guarded.parentSpanId)
    assert.deepEqual(
      guarded.links?.map(({ traceId, spanId }) => [traceId, spanId]),
      [[TRACE, PARENT]],
    )
    assert.match(received['traceparent'] ?? '', new RegExp(`^00-${guarded.traceId}-[0-9a-f]{16}-01$`))
    assert.deepEqual([received['tracestate'], received['baggage']], [undefined, undefined])
    assert.equal(JSON.stringify(spans).includes('stranger=1'), false)
  })
}

test('without the package a start with traces is refused in one sentence', async () => {
  const missing = openTracing(() => Promise.reject(new Error('Cannot find package')))
  await assert.rejects(
    missing,
    (error) => error instanceof ConfigError && /^telemetry\.traces needs the package [^\n]*\.$/.test(error.message),
  )
})
