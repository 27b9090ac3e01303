// A real TLS connection to PostgreSQL, by each sslmode: taken where the certificate is what the mode asks for, refused in one sentence else.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { resolveDatabase } from '../../src/config/database.ts'
import { noFindings } from '../../src/config/error.ts'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import { query, statement } from '../../src/store/sql.ts'
import { RUNS_AS } from './install.ts'
import type { TestPostgres } from './server.ts'
import { noPostgres, startPostgres } from './server.ts'

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl here to make certificates with'
const skip = noPostgres || noOpenssl

const folder = mkdtempSync(join(tmpdir(), 'countersign-tls-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string): string => join(folder, name)
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}

function makeAuthority(name: string): void {
  openssl('req', '-x509', ...KEY, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-days', '2', '-subj', `/CN=${name} of a test`)
}

/** The server's own, of the authority `ours`, made out to a name; in its data folder from now on. */
async function present(postgres: TestPostgres, subject: string): Promise<void> {
  writeFileSync(at('names'), `subjectAltName=${subject}\n`)
  openssl('req', '-new', ...KEY, '-keyout', at('server.key'), '-out', at('server.csr'), '-subj', '/CN=server')
  const paths = [join(postgres.folder, 'server.crt'), join(postgres.folder, 'server.key')] as const
  const signed = ['-CA', at('ours.pem'), '-CAkey', at('ours.key'), '-CAcreateserial', '-extfile', at('names')]
  openssl('x509', '-req', '-in', at('server.csr'), ...signed, '-days', '2', '-out', paths[0])
  openssl('pkey', '-in', at('server.key'), '-out', paths[1])
  for (const path of paths) {
    chmodSync(path, 0o600)
    if (RUNS_AS.uid !== undefined) chownSync(path, RUNS_AS.uid, RUNS_AS.gid)
  }
  await postgres.run('ALTER SYSTEM SET ssl = on')
  await postgres.stop()
  await postgres.start()
}

/** As an operator writes it. @returns what protects the connection that it leads to */
async function protection(postgres: TestPostgres, parameters: string, host = '127.0.0.1'): Promise<string> {
  const findings = noFindings()
  const database = `${postgres.url.replace('127.0.0.1', host)}?${parameters}`
  const settings = await resolveDatabase({ realms: [] }, { flags: { database }, env: {}, folder, demo: false }, findings)
  assert.deepEqual(findings.mistakes, [])
  assert.ok(settings.kind === 'postgres')
  const sql = await openPostgres(settings.server, { random: Math.random })
  try {
    // Whichever connections are open: none is without.
    const asked = statement(
      "SELECT DISTINCT COALESCE(s.version, 'none') AS version FROM pg_stat_activity a JOIN pg_stat_ssl s ON s.pid = a.pid WHERE a.client_addr IS NOT NULL",
    )
    return await sql.read(query(asked, (rows: readonly { version: string }[]) => rows.map(({ version }) => version).join()))
  } finally {
    await sql.close()
  }
}

const refuses = (postgres: TestPostgres, parameters: string, why: RegExp, host?: string): Promise<void> =>
  assert.rejects(protection(postgres, parameters, host), (error: unknown) => {
    assert.ok(error instanceof StoreUnavailable, String(error))
    assert.match(error.message, why)
    assert.match(error.message, /^[^\n]+\.$/)
    return true
  })

const NO_PROOF = /shows a certificate that does not prove who it is: /

test('TLS to PostgreSQL is spoken, and refused where the certificate is not what sslmode asks for', { skip }, async (t) => {
  makeAuthority('ours')
  makeAuthority('theirs')
  const postgres = await startPostgres(t)
  await present(postgres, 'IP:127.0.0.1')
  const [ours, theirs] = [`sslrootcert=${at('ours.pem')}`, `sslrootcert=${at('theirs.pem')}`]
  assert.equal(await protection(postgres, 'sslmode=disable'), 'none')
  assert.match(await protection(postgres, 'sslmode=require'), /^TLSv1\.[23]$/)
  for (const mode of ['verify-ca', 'verify-full']) {
    assert.match(await protection(postgres, `sslmode=${mode}&${ours}`), /^TLSv1\.[23]$/, mode)
    await refuses(postgres, `sslmode=${mode}&${theirs}`, NO_PROOF)
    await refuses(postgres, `sslmode=${mode}`, NO_PROOF)
  }
  await present(postgres, 'DNS:db.example')
  assert.match(await protection(postgres, `sslmode=verify-ca&${ours}`), /^TLSv1\.[23]$/)
  for (const host of ['127.0.0.1', 'localhost']) await refuses(postgres, `sslmode=verify-full&${ours}`, NO_PROOF, host)
  await present(postgres, 'DNS:localhost')
  assert.match(await protection(postgres, `sslmode=verify-full&${ours}`, 'localhost'), /^TLSv1\.[23]$/)
})
