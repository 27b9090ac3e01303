// Two nodes that start in the same moment and call a realm by different issuers, each a process of its own: one of them serves.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import type { Program } from '../process/program.ts'
import { BOUNDED, complaint, isOneSentence, run, temporaryFolder } from '../process/program.ts'

const [BEFORE, OLD, NEW] = ['https://before.example', 'https://old.example', 'https://new.example']
const postgres = noPostgres === false ? await startPostgres({ after }) : undefined

/** Whoever enters takes his time over it, so that the other one has looked at what is there before anything of his is written. */
const LINGER = `CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NEW; END';
  CREATE TRIGGER linger BEFORE INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION linger()`

interface Setting {
  readonly folder: string
  /** Flags that name the database. */
  readonly where: readonly string[]
}

function start({ folder, where }: Setting, publicUrl: string, realms: readonly string[]): Program {
  const config = join(folder, `${new URL(publicUrl).hostname}.json`)
  writeFileSync(config, JSON.stringify({ publicUrl, realms: realms.map((id) => ({ id, clients: [] })) }))
  return run(['serve', '--port', '0', '--management-port', '0', '--config', config, ...where])
}

/** Whether it comes to serve. */
async function serves(program: Program): Promise<boolean> {
  while (!/public\s+https/.test(program.stdout())) {
    if (program.child.exitCode !== null) return false
    await pause(20)
  }
  return true
}

async function raceFor(realm: string, before: string, setting: Setting, linger: () => Promise<unknown>): Promise<void> {
  const earlier = start(setting, before, ['depot'])
  assert.ok(await serves(earlier), earlier.stderr())
  await earlier.end('SIGTERM')
  await linger()
  const programs = [OLD, NEW].map((publicUrl) => start(setting, publicUrl, [realm]))
  const serving = await Promise.all(programs.map(serves))
  assert.notEqual(serving[0], serving[1], programs.map((program) => program.stderr()).join('\n'))
  for (const [index, program] of programs.entries()) {
    const ending = await program.end('SIGTERM')
    if (serving[index]) assert.equal(ending.code, 0, ending.stderr)
    else {
      assert.equal(ending.code, 2, ending.stderr)
      assert.ok(isOneSentence(complaint(ending)), ending.stderr)
      assert.match(ending.stderr, new RegExp(`call realm ${realm} https:.*COUNTERSIGN_CHANGE_ISSUER=1`))
    }
  }
}

test('on one SQLite file: a realm that both rename', BOUNDED, async () => {
  const folder = temporaryFolder()
  await raceFor('depot', BEFORE, { folder, where: ['--data', folder] }, () => Promise.resolve())
})

for (const [what, realm, before] of [
  ['a realm that is new', 'annex', BEFORE],
  ['a realm that both rename', 'depot', BEFORE],
  ['a realm that one of them renames', 'depot', OLD],
] as const) {
  test(`on one PostgreSQL: ${what}`, { ...BOUNDED, skip: noPostgres }, async () => {
    assert.ok(postgres)
    const url = await postgres.createDatabase()
    const setting = { folder: temporaryFolder(), where: ['--database', url] }
    await raceFor(realm, before, setting, () => postgres.run(LINGER, new URL(url).pathname.slice(1)))
  })
}
