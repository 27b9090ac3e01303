// One contestant in one process of its own, playing one scene: the task comes by BENCH_TASK, the count is the token endpoint's.
import assert from 'node:assert/strict'
import { mock } from 'node:test'
import type { CallTask } from '../call.ts'
import type { Caller } from './contestants.ts'
import { CALLERS } from './contestants.ts'

const task = JSON.parse(process.env['BENCH_TASK'] ?? '{}') as CallTask
const contestant = CALLERS.get(task.caller)
if (!contestant) throw new Error(`there is no caller ${task.caller}`)
const { scene } = task

if (scene.play === 'month') await month(scene.replicas, scene.days, scene.everySeconds)
else await calls(await contestant.start(task), scene.calls, scene.play === 'parallel')
process.stdout.write('DONE\n')

async function calls({ authorize }: Caller, count: number, parallel: boolean): Promise<void> {
  const call = async (): Promise<void> => {
    const authorization = checked(await authorize())
    const response = await fetch(task.apiUrl, { headers: { authorization } })
    assert.equal(response.status, 204)
  }
  if (parallel) await Promise.all(Array.from({ length: count }, call))
  else for (let done = 0; done < count; done++) await call()
}

/** Replicas that call in turns, on a clock that this process moves; sockets keep the real one. */
async function month(replicas: number, days: number, everySeconds: number): Promise<void> {
  const begin = Date.UTC(2026, 10, 1)
  mock.timers.enable({ apis: ['Date'], now: begin })
  const callers: Caller[] = []
  for (let replica = 0; replica < replicas; replica++) callers.push(await (contestant?.start(task) ?? assert.fail()))
  const steps = (days * 86_400) / everySeconds
  for (let step = 0; step < steps; step++) {
    mock.timers.setTime(begin + step * everySeconds * 1000)
    for (const { authorize, settled } of callers) {
      checked(await authorize())
      // On this clock a minute passes faster than an answer comes.
      await settled?.()
    }
  }
}

function checked(value: string): string {
  assert.match(value, /^Bearer bench-token-\d+$/)
  return value
}
