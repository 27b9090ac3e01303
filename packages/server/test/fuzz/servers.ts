// The servers that are fuzzed, as programs of their own: the demo, and the realms that are alike with all that the demo does not have.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configureAlike } from '../cross_realm/realms_alike.ts'
import { requestToken } from '../harness/demo.ts'
import type { ServerProcess } from '../harness/server.ts'
import { spawnServer } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { createDice } from './dice.ts'
import type { World } from './world.ts'
import { alikeWorld, demoWorld } from './world.ts'

export interface FuzzedServers {
  readonly worlds: readonly World[]
  /** Sentences on what is not well: a server that is gone or does not answer, and every complaint of one. */
  check(): Promise<readonly string[]>
  stop(): Promise<void>
}

/** @param seed decides the claims of what is signed beforehand */
export async function startFuzzed(seed: number): Promise<FuzzedServers> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-fuzz-'))
  const upstream = await startEcho()
  const configured = await configureAlike(upstream.origin)
  const config = join(folder, 'countersign.json')
  writeFileSync(config, JSON.stringify(configured.input))
  const demo = await spawnServer(['--demo'])
  const alike = await spawnServer(['--config', config, '--data', join(folder, 'data')], { ...configured.env })
  const complaints = [demo, alike].map(complaintsOf)
  return {
    worlds: [await demoWorld(demo.origin), await alikeWorld(alike.origin, configured, createDice(seed))],
    async check() {
      const { status } = await requestToken(demo.origin, 'willba')
      const guard = await fetch(`${alike.origin}/realms/standard/guard`)
      await guard.body?.cancel()
      const unwell = [status, guard.status].filter((one) => one !== 200).map((one) => `A good request is answered with ${one}.`)
      return [...unwell, ...complaints.flatMap((said) => said())]
    },
    async stop() {
      await Promise.all([demo.kill(), alike.kill()])
      await upstream.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function complaintsOf({ child }: ServerProcess): () => string[] {
  let said = ''
  child.stderr?.on('data', (text: string) => (said += text))
  return () => said.split('\n').filter((one) => one !== '' && !one.startsWith('warning: '))
}
