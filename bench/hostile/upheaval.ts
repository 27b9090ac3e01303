// What callers notice of a new signing key at once, and of a server that was killed and started again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '../report.ts'
import { progress, say } from '../report.ts'
import type { CountersignFolder } from '../servers/countersign.ts'
import { SERVE } from '../servers/countersign.ts'
import { median } from '../statistics.ts'
import { converse } from './conversation.ts'
import type { AttackedServer } from './place.ts'
import { guardedRequest, newToken, REALM } from './place.ts'

/** Connections, each of which gets a token now and then and shows it, or one from before the last rotation. */
const LANES = 20
const REQUESTS_A_SECOND = 1000
const ROTATIONS = 3

export interface Upheaval {
  readonly shown: number
  readonly refused: number
  readonly perSecond: number
  readonly readyMs: readonly number[]
}

export async function measureRotation(
  origin: string,
  folder: CountersignFolder,
  seconds: number,
): Promise<{ row: Omit<Upheaval, 'readyMs'>; targets: Target[] }> {
  progress('rotating keys')
  const end = performance.now() + seconds * 1000
  const tally = { shown: 0, refused: 0 }
  const lane = async (_: unknown, number: number): Promise<void> => {
    const conversation = converse(origin)
    const everyMs = (LANES * 1000) / REQUESTS_A_SECOND
    const began = performance.now() + number
    const tokens = [await newToken(conversation)]
    for (let n = 0; performance.now() < end; n++) {
      await pause(Math.max(0, began + n * everyMs - performance.now()))
      if (n % 5 === 0) tokens.push(await newToken(conversation))
      const { status } = await conversation.ask(guardedRequest(tokens[(n * 7919) % tokens.length] ?? ''))
      tally.shown += 1
      if (status !== 200) tally.refused += 1
    }
    conversation.close()
  }
  const began = performance.now()
  const lanes = Promise.all(Array.from({ length: LANES }, lane))
  for (let n = 0; n < ROTATIONS; n++) {
    await pause((seconds * 1000) / (ROTATIONS + 1))
    await rotate(folder)
  }
  await lanes
  const perSecond = (tally.shown * 1000) / (performance.now() - began)
  say(
    `\n${ROTATIONS} keys replaced at once within ${seconds} s: ${tally.shown} valid tokens shown, ${Math.round(perSecond)} a second, ${tally.refused} refused`,
  )
  const target = {
    what: 'valid tokens refused while keys are replaced',
    measured: tally.refused,
    unit: '',
    bound: 0,
    sense: 'at most',
  } as const
  return { row: { ...tally, perSecond }, targets: [target] }
}

async function rotate({ args, env }: CountersignFolder): Promise<void> {
  const command = [...SERVE.slice(0, -1), 'key', 'rotate', '--now', '--realm', REALM, ...args.slice(SERVE.length)]
  const child = spawn(process.execPath, command, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the rotation ended with ${code}`)
}

/** @param start resolves when it says that it serves; its readiness is asked for from then on */
export async function measureRestarts(
  start: () => Promise<AttackedServer>,
  runs: number,
): Promise<{ readyMs: number[]; targets: Target[] }> {
  const readyMs: number[] = []
  for (let run = 1; run <= runs; run++) {
    progress(`killing, ${run} of ${runs}`)
    const server = await start()
    const work = Promise.all(Array.from({ length: LANES }, () => workUntilCut(server.origin)))
    await pause(500 + 100 * run)
    process.kill(server.pid, 'SIGKILL')
    await work
    const began = performance.now()
    const again = await start()
    while ((await fetch(`${again.managementOrigin}/health/ready`)).status !== 200) await pause(5)
    readyMs.push(performance.now() - began)
    process.kill(again.pid, 'SIGKILL')
  }
  say(
    `\nReady after SIGKILL under load: median ${Math.round(median(readyMs))} ms, longest ${Math.round(Math.max(...readyMs))} ms, of ${runs}`,
  )
  const target = {
    what: 'ready after SIGKILL, the longest',
    measured: Math.max(...readyMs),
    unit: ' ms',
    bound: 2000,
    sense: 'at most',
  } as const
  return { readyMs, targets: [target] }
}

async function workUntilCut(origin: string): Promise<void> {
  const conversation = converse(origin)
  try {
    while (true) await newToken(conversation)
  } catch {
    conversation.close()
  }
}
