// An attacker, a process of its own until it is ended: ATTACK says which. Wrong passwords on 100 connections, each for another user from
// another address, and again a tenth of a second after a 503, not the five that it is told; or 500 forged tokens a second, none like another, whether or not they are answered.
import { setTimeout as pause } from 'node:timers/promises'
import type { Asked } from './conversation.ts'
import { converse } from './conversation.ts'
import { guardedRequest, userName, wrongPassword } from './place.ts'

export interface Attack {
  readonly kind: 'passwords' | 'tokens'
  readonly origin: string
  /** A good one, to be forged. */
  readonly token: string
}

const CONNECTIONS = 100
const AGAIN_MS = 100
const TOKENS_A_SECOND = 500

const { kind, origin, token } = JSON.parse(process.env['ATTACK'] ?? '{}') as Attack
const answers: Record<string, number> = {}
process.once('SIGTERM', () => {
  process.stdout.write(`RESULT ${JSON.stringify(answers)}\n`)
  process.exit(0)
})
process.stdout.write('ATTACKING\n')
await Promise.all(kind === 'passwords' ? Array.from({ length: CONNECTIONS }, guess) : Array.from({ length: 10 }, forge))

async function guess(_: unknown, first: number): Promise<void> {
  const { send } = sender()
  for (let n = first; ; n += CONNECTIONS) if ((await send(wrongPassword(userName(n)))) === 503) await pause(AGAIN_MS)
}

async function forge(_: unknown, lane: number): Promise<void> {
  const { send } = sender()
  const everyMs = 10_000 / TOKENS_A_SECOND
  const began = performance.now() + (lane * everyMs) / 10
  const [head = '', , signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  for (let n = 0; ; n++) {
    await pause(Math.max(0, began + n * everyMs - performance.now()))
    const payload = Buffer.from(JSON.stringify({ ...claims, jti: crypto.randomUUID() })).toString('base64url')
    await send(guardedRequest(`${head}.${payload}.${signature}`))
  }
}

function sender(): { send: (asked: Asked) => Promise<number> } {
  const conversation = converse(origin)
  return {
    async send(asked) {
      const { status } = await conversation.ask(asked)
      answers[status] = (answers[status] ?? 0) + 1
      return status
    },
  }
}
