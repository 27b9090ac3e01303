// Metrics: what is documented is there and the other way round, what is counted is true, and several processes add up.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createMetrics, observe } from '../../src/server/metrics.ts'
import { textOf } from '../../src/server/metrics_text.ts'
import { accessToken, requestToken } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'

const metricsOf = async ({ managementOrigin }: TestServer): Promise<string> => (await send(`${managementOrigin}/metrics`)).text

/** The value of one series, by its line's beginning. */
function figure(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1))
}

test('every metric is documented, with its type and labels, and every one that is documented is there', async () => {
  const server = await startDemo()
  const token = await accessToken(server.origin, 'wave')
  await send(`${server.origin}/apis/wave/x`, { headers: { authorization: `Bearer ${token}` } })
  const text = await metricsOf(server)
  await server.close()
  const page = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|/gm)].map(([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
  }))
  const found = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
    labels: labelsOf(text, name),
  }))
  const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name)
  assert.deepEqual(found.toSorted(byName), documented.toSorted(byName))
  for (const { name } of found) assert.match(text, new RegExp(`^# HELP ${name} .+\\.$`, 'm'))
})

function labelsOf(text: string, name: string): string[] {
  const [, labels = ''] = new RegExp(`^${name}(?:_sum)?(?:\\{(.*)\\})? `, 'm').exec(text) ?? []
  return [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
}

test('tokens, refusals, verdicts and answers are counted, and a stranger makes no new series', async () => {
  const server = await startDemo()
  const { origin } = server
  const token = await accessToken(origin, 'wave')
  await requestToken(origin, 'wave', { client_secret: 'wrong' })
  for (const client of ['"}', 'somebody', 'x'.repeat(100)]) await requestToken(origin, 'wave', { client_id: client })
  await requestToken(origin, 'wave', { grant_type: 'made-up' })
  const headers = { authorization: `Bearer ${token}` }
  for (const path of ['/a', '/b?c=d']) assert.equal((await send(`${origin}/apis/wave${path}`, { headers })).status, 200)
  await send(`${origin}/apis/wave/a`)
  await send(`${origin}/realms/made-up/oauth/token`, { method: 'POST' })
  const text = await metricsOf(server)
  await server.close()
  const tokens = (grant: string, code: string): number =>
    figure(text, `countersign_token_requests_total{realm="wave",grant="${grant}",code="${code}"}`)
  assert.deepEqual([tokens('client_credentials', 'ok'), tokens('', 'invalid_client'), tokens('', 'unsupported_grant_type')], [1, 4, 1])
  assert.equal(figure(text, 'countersign_token_request_duration_seconds_count{realm="wave"}'), 6)
  assert.equal(figure(text, 'countersign_verdicts_total{api="wave",code="allowed"}'), 2)
  assert.equal(figure(text, 'countersign_verdicts_total{api="wave",code="missing_token"}'), 1)
  assert.equal(figure(text, 'countersign_guard_decision_duration_seconds_count{api="wave"}'), 3)
  assert.equal(figure(text, 'countersign_upstream_duration_seconds_count{api="wave",status="2xx"}'), 2)
  assert.equal(figure(text, 'countersign_http_answers_total{status="2xx"}'), 3)
  assert.equal(figure(text, 'countersign_http_answers_total{status="4xx"}'), 7)
  assert.equal(figure(text, 'countersign_database_up'), 1)
  assert.ok(figure(text, 'countersign_signing_key_next_rotation_seconds{realm="wave"}') > 86_400)
  assert.doesNotMatch(text, /made-up|somebody|xxx/)
})

test('of several processes counters and histograms are summed, and gauges are what they say', () => {
  const one = (count: number, seconds: number, delay: number, up: number) => {
    const metrics = createMetrics()
    metrics.counter('requests_total', 'Requests.')({ realm: 'a' }).value += count
    const histogram = metrics.histogram('seconds', 'Time.', [0.1, 1])()
    observe(histogram, seconds)
    metrics.gauge('delay', 'Delay.', () => [{ value: delay }], { together: 'max' })
    metrics.gauge('up', 'Up.', () => [{ value: up }], { together: 'min' })
    metrics.gauge('open', 'Open.', () => [{ value: count }])
    // As it comes from another process.
    return JSON.parse(JSON.stringify(metrics.snapshot())) as ReturnType<typeof metrics.snapshot>
  }
  assert.equal(
    textOf([one(1, 0.1, 5, 1), one(2, 0.5, 7, 0), one(3, 9, 6, 1)]),
    `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{realm="a"} 6
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1
seconds_bucket{le="1"} 2
seconds_bucket{le="+Inf"} 3
seconds_sum 9.6
seconds_count 3
# HELP delay Delay.
# TYPE delay gauge
delay 7
# HELP up Up.
# TYPE up gauge
up 0
# HELP open Open.
# TYPE open gauge
open 6
`,
  )
})

test('a label can hold what would end it', () => {
  const metrics = createMetrics()
  metrics.counter('x_total', 'X.')({ name: 'a"b\\c\nd' }).value += 1
  assert.match(textOf([metrics.snapshot()]), /^x_total\{name="a\\"b\\\\c\\nd"\} 1$/m)
})
