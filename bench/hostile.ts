// In bad company: whether a refusal's time tells who exists, what honest callers wait for under attack, and what keys replaced at once and a
// SIGKILL do to them.
import type { NamesRow } from './hostile/names.ts'
import { measureNames } from './hostile/names.ts'
import { createPlace, startServer } from './hostile/place.ts'
import type { AttackRow } from './hostile/under_attack.ts'
import { measureUnderAttack } from './hostile/under_attack.ts'
import type { Upheaval } from './hostile/upheaval.ts'
import { measureRestarts, measureRotation } from './hostile/upheaval.ts'
import type { Target } from './report.ts'
import { progressDone, say, targetLines } from './report.ts'

export interface HostilePlan {
  /** Pairs of refusals. */
  readonly clients: number
  readonly users: number
  /** Of each attack, and of the rotations. */
  readonly seconds: number
  readonly restarts: number
}

export interface HostileResult {
  readonly names: readonly NamesRow[]
  readonly attacks: readonly AttackRow[]
  readonly upheaval: Upheaval
  readonly targets: readonly Target[]
}

export async function measureHostile(plan: HostilePlan): Promise<HostileResult> {
  const folder = await createPlace()
  try {
    const server = await startServer(folder)
    try {
      const { rows: names, targets: byNames } = await measureNames(server.origin, plan)
      const { rows: attacks, targets: byAttacks } = await measureUnderAttack(server, plan.seconds)
      const { row, targets: byRotation } = await measureRotation(server.origin, folder, plan.seconds)
      await server.stop()
      const { readyMs, targets: byRestarts } = await measureRestarts(() => startServer(folder), plan.restarts)
      const targets = [...byNames, ...byAttacks, ...byRotation, ...byRestarts]
      progressDone()
      say(`\n${targetLines(targets)}`)
      return { names, attacks, upheaval: { ...row, readyMs }, targets }
    } finally {
      await server.stop()
    }
  } finally {
    await folder.remove()
  }
}
