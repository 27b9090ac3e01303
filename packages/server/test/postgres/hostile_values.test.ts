// PostgreSQL behind the endpoints, and strangers in front: what they send is looked up and never understood, and the database's password is
// shown to nobody.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { complaint, freePort, isOneSentence, run, serve, temporaryFolder } from '../process/program.ts'
import { noPostgres, startPostgres } from './server.ts'

const OPTIONS = { skip: noPostgres, timeout: 60_000 }
const SECRET = 'a secret that is long enough for all'
const PASSWORD = "pass'word$1?\\ %41"

const postgres = noPostgres === false ? await startPostgres({ after }) : undefined

const realm = {
  id: 'depot',
  audiences: ['goods'],
  grants: ['client_credentials' as const, 'password' as const, 'refresh_token' as const],
  clients: [
    {
      clientId: 'shop',
      secret: { hash: secretHash(SECRET) },
      grants: ['client_credentials' as const, 'password' as const, 'refresh_token' as const],
      introspects: true,
    },
  ],
}

const HOSTILE = [
  "'; DROP TABLE realms; --",
  '? $1 ?? $99 :name @p',
  '\u0000',
  'a\u0000b',
  "\\x00 E'\\'",
  '\ud800',
  '\udc00\ud800x',
  '\uffff\ufffe',
  '\u202e\u0000\u009b',
  '{"a":1}',
  'NaN',
  '9'.repeat(400),
  '💥'.repeat(200),
  'x'.repeat(8000),
]

test('whatever a stranger sends is looked up as it is: never a malfunction, never somebody else’s row', OPTIONS, async () => {
  assert.ok(postgres)
  const server = await startConfigured({ database: await postgres.createDatabase(), realms: [realm] }, {})
  try {
    const at = `${server.origin}/realms/depot/oauth2`
    const shop = basic('shop', SECRET)
    for (const value of HOSTILE) {
      const answers = await Promise.all([
        postForm(`${at}/token`, { grant_type: 'client_credentials', client_id: value, client_secret: value }),
        postForm(`${at}/token`, { grant_type: 'client_credentials', scope: value, audience: value }, shop),
        postForm(`${at}/token`, { grant_type: 'password', username: value, password: value }, shop),
        postForm(`${at}/token`, { grant_type: 'refresh_token', refresh_token: value }, shop),
        postForm(`${at}/revoke`, { token: value }, shop),
        postForm(`${at}/introspect`, { token: value }, shop),
        send(`${server.origin}/realms/${encodeURIComponent(value.toWellFormed())}/oauth2/token`, { method: 'POST' }),
      ])
      for (const [index, { status, text }] of answers.entries()) {
        assert.ok(status >= 200 && status < 500, `${index} ${JSON.stringify(value).slice(0, 40)}: ${status} ${text}`)
        assert.doesNotMatch(text, /syntax|SQLSTATE|postgres|column/i)
      }
      assert.ok([400, 401].includes(answers[0].status))
    }
    assert.equal((await postForm(`${at}/token`, { grant_type: 'client_credentials' }, shop)).status, 200)
    assert.deepEqual(server.reports, [])
  } finally {
    await server.close()
  }
})

test('the password of the database is in no banner, error, log, metric or list of processes', OPTIONS, async () => {
  assert.ok(postgres)
  await postgres.run(`CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '${PASSWORD.replaceAll("'", "''")}'`)
  const name = 'guarded'
  await postgres.run(`CREATE DATABASE ${name} OWNER keeper`)
  const folder = temporaryFolder()
  const config = join(folder, 'countersign.json')
  writeFileSync(config, JSON.stringify({ realms: [realm] }))
  const forms = [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(PASSWORD).toString('base64')]
  const clean = (text: string): void => {
    for (const form of forms) assert.ok(!text.includes(form), text.slice(0, 400))
  }
  const at = postgres.port
  const urlAt = (port: string | number, password: string): string =>
    `postgres://keeper:${encodeURIComponent(password)}@127.0.0.1:${port}/${name}`

  const server = await serve(['--config', config, '--workers', '2'], { env: { COUNTERSIGN_DATABASE: urlAt(at, PASSWORD) } })
  for (const pid of [server.child.pid, ...childrenOf(server.child.pid ?? 0)])
    clean(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
  const paths = ['/health/ready', '/metrics']
  for (const path of paths) clean((await send(server.managementOrigin + path)).text)
  await postgres.stop()
  for (const path of paths) clean((await send(server.managementOrigin + path)).text)
  await postForm(`${server.origin}/realms/depot/oauth2/token`, { grant_type: 'client_credentials' }, basic('shop', SECRET))
  const { stdout, stderr } = await server.end('SIGTERM')
  clean(stdout + stderr)
  await postgres.start()

  const wrong = `${PASSWORD}x`
  const urls = [urlAt(at, wrong), urlAt(await freePort(), PASSWORD), urlAt('99999', PASSWORD), `${urlAt(at, PASSWORD)}?nonsense=1`]
  const ends = urls.map((url, index) => {
    const said = index % 2 === 0 ? { args: ['--database', url] } : { args: [], env: { COUNTERSIGN_DATABASE: url } }
    return run(['serve', '--config', config, '--port', '0', '--management-port', '0', ...said.args], said).ended
  })
  for (const ended of await Promise.all(ends)) {
    assert.equal(ended.code, 2, ended.stderr)
    assert.ok(isOneSentence(complaint(ended)), ended.stderr)
    clean(ended.stdout + ended.stderr)
  }
})

function childrenOf(pid: number): number[] {
  const found = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return found === '' ? [] : found.split(' ').map(Number)
}
