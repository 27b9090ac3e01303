// Real use and misuse of every kind of credential, and then a search for each secret that was in play: in the log, refusals, metrics, audit
// trail, database, command lines, and in what the upstream was asked for. Traces: tracing.test.ts.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Realm } from '../cross_realm/alike.ts'
import { assertion, elsewhere, fill } from '../cross_realm/alike.ts'
import { ATTEMPTS } from '../cross_realm/attempts.ts'
import { ALIKE, apiKeyIn, configureAlike, passwordIn, proxySecretIn, secretIn } from '../cross_realm/realms_alike.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, postJson, send } from '../harness/http.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import type { Serving } from '../process/program.ts'
import { run, serve } from '../process/program.ts'
import { folder } from './used.ts'

/** Under load a thousand requests and a hundred password checks take their time. */
const LONG = { timeout: 120_000 }
const REALMS = ['standard', 'keycloak'] as const

const secrets = new Map<string, string>()
/** By place: everything that was to be read there. */
const seen = new Map<string, string>()
const urls: string[] = []
let refusals = ''
let upstream: Upstream
let server: Serving

before(async () => {
  upstream = await startUpstream((request, response) => {
    urls.push(request.url ?? '')
    request.resume()
    response.end('hello')
  })
  const where = folder()
  const { input, env, signingKeys } = await configureAlike(upstream.origin)
  const config = join(where, 'countersign.json')
  const data = join(where, 'data')
  writeFileSync(config, JSON.stringify({ ...input, log: { requests: true }, audit: { tokens: true } }))
  server = await serve(['--config', config, '--data', data, '--workers', '2'], { env })
  keepSecrets(env)
  const realms: Realm[] = []
  for (const id of REALMS) {
    const signingKey = signingKeys.get(id)
    assert.ok(signingKey)
    const realm = await fill(server.origin, id, signingKey)
    for (const kind of ['service', 'person', 'opaque', 'exchanged', 'actor'] as const) {
      secrets.set(`${id}: ${kind} token`, realm[kind].access)
      if (realm[kind].refresh !== '') secrets.set(`${id}: refresh token of ${kind}`, realm[kind].refresh)
    }
    realms.push(realm)
  }
  for (const at of realms) for (const theirs of realms) for (const { show } of ATTEMPTS) remember(await show(theirs, at))
  for (const realm of realms) await misuse(realm)
  seen.set('the command lines', commandLines(server.child.pid ?? 0))
  seen.set('the metrics', (await send(`${server.managementOrigin}/metrics`)).text)
  seen.set('the readiness', (await send(`${server.managementOrigin}/health/ready`)).text)
  seen.set('the audit trail', (await run(['audit', '--data', data, '--limit', '1000', '--json']).ended).stdout)
  seen.set('the usage', (await run(['usage', '--data', data, '--format', 'jsonl']).ended).stdout)
  const { stdout, stderr } = await server.end('SIGTERM')
  seen.set('the log', stdout)
  seen.set('the complaints', stderr)
  seen.set(
    'the database',
    readdirSync(data)
      .map((name) => readFileSync(join(data, name), 'latin1'))
      .join('\n'),
  )
  seen.set('the refusals', refusals)
  seen.set('the URLs of the upstream', urls.join('\n'))
}, LONG)
after(() => upstream?.close())

test('no secret stands in log, refusals, metrics, audit trail, database, command lines or URLs', LONG, () => {
  for (const [place, text] of seen) {
    for (const [what, secret] of secrets) {
      for (const spelling of spellings(secret)) assert.ok(!text.includes(spelling), `${what} is in ${place}`)
    }
  }
})

test('the places that were searched are not empty, and would have shown one', LONG, () => {
  for (const [place, text] of seen) if (place !== 'the complaints') assert.ok(text.length > 40, `in ${place} is only ${text}`)
  assert.ok((seen.get('the log') ?? '').split('"level":"request"').length > 300)
  assert.match(seen.get('the refusals') ?? '', /invalid_client/)
  assert.match(seen.get('the audit trail') ?? '', /"desk"/)
  assert.ok(secrets.size > 20)
})

function keepSecrets(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) secrets.set(`the variable ${name}`, value)
  for (const id of ALIKE) {
    for (const client of ['desk', 'till', 'broker', 'checker']) secrets.set(`${id}: secret of ${client}`, secretIn(id, client))
    secrets.set(`${id}: password`, passwordIn(id))
    secrets.set(`${id}: API key`, apiKeyIn(id))
    secrets.set(`${id}: proxy secret`, proxySecretIn(id))
  }
}

/** As it is, as headers of Basic have it, and as a form or a URL has it. */
function spellings(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '')
  return [...new Set([secret, base64, encodeURIComponent(secret), new URLSearchParams([['', secret]]).toString().slice(1)])]
}

function remember({ status, text, headers }: Answer): void {
  if (status >= 400) refusals += `${text}\n${JSON.stringify([...headers])}\n`
}

/** Secrets where they do not belong, as people and programs put them there by mistake. */
async function misuse(realm: Realm): Promise<void> {
  const { places, id } = realm
  const secret = secretIn(id, 'desk')
  const origin = new URL(places.token).origin
  const query = new URLSearchParams({ client_secret: secret, access_token: realm.service.access }).toString()
  const signed = await assertion(realm, 'signer', realm.issuer)
  secrets.set(`${id}: assertion`, signed['client_assertion'] ?? '')
  const all = [
    send(`${places.token}?${query}`),
    send(`${places.userinfo}?${query}`),
    send(`${origin}/realms/${id}/guard?${query}`),
    send(`${origin}/realms/${encodeURIComponent(secret)}/oauth2/token`),
    send(`${origin}/nowhere?${query}`),
    ...['grant_type', 'client_id', 'scope', 'audience', 'resource', 'username', 'token', 'subject_token_type', 'hash', 'code'].flatMap(
      (name) => [
        postForm(places.token, { grant_type: 'client_credentials', [name]: secret }, { ...basic('desk', secret), ...elsewhere() }),
        postForm(places.introspect, { [name]: realm.person.refresh }, { ...basic('checker', secretIn(id, 'checker')), ...elsewhere() }),
      ],
    ),
    ...['grant_type', 'scope', 'audience', 'actor_token', 'refresh_token', 'requested_token_type'].map((name) =>
      postForm(places.token, { ...signed, grant_type: 'client_credentials', [name]: realm.person.access }, elsewhere()),
    ),
    postForm(
      places.token,
      { client_id: 'desk', client_secret: secret, grant_type: 'password', username: passwordIn(id), password: 'x' },
      elsewhere(),
    ),
    postForm(places.token, { client_secret: secret }, { authorization: `Bearer ${secret}`, ...elsewhere() }),
    postForm(places.token, {}, { authorization: secret, ...elsewhere() }),
    postJson(places.token, { client_id: 'desk', client_secret: [secret] }, elsewhere()),
    send(places.token, { method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"client_secret":"${secret}` }),
    send(places.token, { method: 'POST', headers: { 'content-type': secret }, body: secret }),
    ...['authorization', 'x-api-key', 'user-agent', 'referer', 'traceparent', 'x-forwarded-for', 'dpop'].flatMap((name) =>
      [secret, realm.opaque.access, apiKeyIn(id)].map((value) => send(`${origin}/apis/${id}-keyed/x`, { headers: { [name]: value } })),
    ),
  ]
  for (const one of all) remember(await one)
}

/** Of the process and those it started, where the system tells. */
function commandLines(pid: number): string {
  const children = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(children))
    return 'this system tells nobody how a process was started, so that there is nothing to be searched in here at all'
  const pids = [pid, ...readFileSync(children, 'utf8').split(' ').filter(Boolean).map(Number)]
  return pids.map((one) => readFileSync(`/proc/${one}/cmdline`, 'utf8')).join('\n')
}
