// What honest callers wait for while somebody attacks, and how late the event loop is meanwhile.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Target } from '../report.ts'
import { progress, say, table } from '../report.ts'
import type { Attack } from './attacker_process.ts'
import type { Asked } from './conversation.ts'
import { converse } from './conversation.ts'
import type { AttackedServer } from './place.ts'
import { guardedRequest, newToken, tokenRequest } from './place.ts'

export interface AttackRow {
  readonly name: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly loopP99Ms: number
  /** How many of its requests were answered with which status. */
  readonly attacker: string
}

interface Scene {
  readonly name: string
  readonly attack: Attack['kind'] | undefined
  readonly ask: (token: string) => Asked
  /** Of p99; undefined: for comparison only. */
  readonly bound?: number
}

const SCENES: readonly Scene[] = [
  { name: 'a token, nobody attacks', attack: undefined, ask: tokenRequest },
  { name: 'a token, 100 parallel wrong passwords', attack: 'passwords', ask: tokenRequest, bound: 50 },
  { name: 'a guarded request, nobody attacks', attack: undefined, ask: guardedRequest },
  { name: 'a guarded request, 500 forged tokens/s', attack: 'tokens', ask: guardedRequest, bound: 10 },
]
const LOOP_BOUND = 50
/** Honest requests a second: what is waited for is the server, and not one's own queue. */
const HONEST_EVERY_MS = 10

export async function measureUnderAttack(server: AttackedServer, seconds: number): Promise<{ rows: AttackRow[]; targets: Target[] }> {
  const rows: AttackRow[] = []
  for (const scene of SCENES) rows.push(await play(scene, server, seconds))
  say('\nHonest callers, a hundred requests a second')
  say(
    table(
      ['', 'p50 ms', 'p99 ms', 'event loop p99 ms', 'the attacker got'],
      rows.map((row) => [row.name, row.p50Ms, row.p99Ms, row.loopP99Ms, row.attacker]),
    ),
  )
  const targets = SCENES.flatMap(({ name, bound }, index): Target[] => {
    const row = rows[index]
    if (!row || bound === undefined) return []
    const common = { unit: ' ms', sense: 'at most' } as const
    return [
      { ...common, what: `p99 of ${name}`, measured: row.p99Ms, bound },
      { ...common, what: `event loop p99, ${name}`, measured: row.loopP99Ms, bound: LOOP_BOUND },
    ]
  })
  return { rows, targets }
}

async function play({ name, attack, ask }: Scene, { origin, managementOrigin }: AttackedServer, seconds: number): Promise<AttackRow> {
  progress(name)
  const conversation = converse(origin)
  const token = await newToken(conversation)
  const attacker = attack && (await startAttacker({ kind: attack, origin, token }))
  // Until its queue is full.
  await pause(1000)
  const took: number[] = []
  const loop: number[] = []
  const end = performance.now() + seconds * 1000
  const looking = look(`${managementOrigin}/metrics`, loop, end)
  while (performance.now() < end) {
    const { status, text, ms } = await conversation.ask(ask(token))
    if (status !== 200) throw new Error(`an honest request is answered with ${status}: ${text}`)
    took.push(ms)
    await pause(HONEST_EVERY_MS)
  }
  await looking
  conversation.close()
  const sorted = took.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { name, p50Ms: at(0.5), p99Ms: at(0.99), loopP99Ms: Math.max(...loop), attacker: (await attacker?.stop()) ?? '' }
}

/** Each two seconds: the server forgets what is older than ten. */
async function look(metrics: string, loop: number[], end: number): Promise<void> {
  while (performance.now() < end) {
    await pause(2000)
    const text = await (await fetch(metrics)).text()
    loop.push(1000 * Number(/^countersign_event_loop_delay_seconds\{quantile="0.99"\} (\S+)/m.exec(text)?.[1]))
  }
}

async function startAttacker(attack: Attack): Promise<{ stop: () => Promise<string> }> {
  const file = fileURLToPath(new URL('./attacker_process.ts', import.meta.url))
  const env = { PATH: process.env['PATH'], ATTACK: JSON.stringify(attack) }
  const child = spawn(process.execPath, ['-C', 'source', file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child.stdout, 'data')
  return {
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
      const answers = JSON.parse(/^RESULT (.*)$/m.exec(said)?.[1] ?? '{}') as Record<string, number>
      return Object.entries(answers)
        .map(([status, count]) => `${count} x ${status}`)
        .join(', ')
    },
  }
}
