// What runs beside the requests: taking note of other processes' changes, writing behind, and what one node does for all while it leads:
// rotating signing keys, and forgetting what has expired.

import { setImmediate as turn } from 'node:timers/promises'
import { CLOCK_LEAD } from '@countersign/guard/clock_lead'
import type { Issuance, RealmContext } from '../issue/context.ts'
import type { Standing } from '../issue/keys/rotation.ts'
import { rotateWhenDue } from '../issue/keys/rotation.ts'
import type { Sight } from '../model/nodes.ts'
import { StoreUnavailable } from '../model/store.ts'
import type { ApiUsage } from './api_usage.ts'
import type { Node } from './nodes.ts'
import { BEAT_MS } from './nodes.ts'
import type { Report } from './refusal.ts'
import { eachTogether } from './together.ts'

/** A change by another process is effective here within this time, a revocation too. */
const REFRESH_MS = 500
/** What a kill may cost of the secrets' and API keys' last uses, and of what became of admitted requests. */
const FLUSH_MS = 1000
const SWEEP_MS = 60_000
const ROTATE_MS = 60_000
/** Seconds that usage can be read after its window ended: a year's bill and a month to dispute it. */
const USAGE_KEPT = 400 * 86_400

export interface TaskOptions {
  readonly issuance: Issuance
  readonly node: Pick<Node, 'beat' | 'leads' | 'leave' | 'sweep'>
  readonly contexts: readonly RealmContext[]
  readonly usage: Pick<ApiUsage, 'flush'>
  readonly report: Report
  /** Seconds that rows of the audit trail are kept. */
  readonly keepSeconds: number
  /** Told when a signing key is gone: what was verified with it must be forgotten. */
  readonly onKeysChanged?: () => void
}

/** Returns what stops them: it waits for what is under way, and writes what is still to be written. Never rejects. */
export function startTasks(options: TaskOptions): () => Promise<void> {
  const { issuance, node, usage, report } = options
  const { news, secretUses } = issuance
  const failed =
    (what: string): ((error: unknown) => void) =>
    (error) =>
      report(error, what)
  issuance.news.follow(createKeyReload(options))
  const beat = (): Promise<void> => node.beat()
  const tasks = [
    repeat(() => news.look(), REFRESH_MS, failed('changes by others cannot be read')),
    repeat(beat, BEAT_MS, failed('the sign of life cannot be written')),
    repeat(() => secretUses.flush(), FLUSH_MS, failed('uses of secrets cannot be written')),
    repeat(() => usage.flush(), FLUSH_MS, failed('what became of requests cannot be written')),
    repeat(createSweep(options), SWEEP_MS, failed('what has expired cannot be swept')),
    repeat(createRotation(options), ROTATE_MS, failed('signing keys cannot be rotated')),
  ]
  // The others count this one at once. What fails here is told at the next turn.
  const first = beat().catch(() => undefined)
  return async () => {
    await Promise.all([first, ...tasks.map((task) => task.stop())])
    await secretUses.flush().catch(failed('uses of secrets cannot be written'))
    await usage.flush().catch(failed('what became of requests cannot be written'))
    await node.leave().catch(failed('the other nodes cannot be told that this one ends'))
  }
}

/** One node does it for all, and stops where it no longer leads. */
function createSweep({ issuance, node, keepSeconds }: TaskOptions): () => Promise<void> {
  const { store, ledger, now } = issuance
  const steps: readonly (() => Promise<unknown>)[] = [
    // A clock that is ahead has issued what ends a little later.
    () => store.sweep(now() - CLOCK_LEAD),
    () => ledger.sweep(now() - USAGE_KEPT),
    () => store.metering.sweep(now() - USAGE_KEPT),
    () => store.audit.sweep(now() - keepSeconds),
    () => node.sweep(),
  ]
  return async () => {
    for (const step of steps) if (node.leads()) await step()
  }
}

/**
 * Keys are read again where they have changed, which one query tells of all realms; those that could not be read then are read at the next
 * turn. A realm whose keys cannot be opened holds up no other; a database that cannot be reached does.
 */
function createKeyReload(options: TaskOptions): (sight: Pick<Sight, 'revision'>) => Promise<void> {
  const { signingKeys } = options.issuance.store
  /** By realm, as its keys were when they were last read here. */
  const known = new Map<string, string>()
  let loaded: number | undefined
  let isFailing = false
  return async ({ revision }) => {
    if (revision === loaded) return
    const marks = await signingKeys.marks()
    const changed = options.contexts.filter(({ realm }) => marks.get(realm.id) !== known.get(realm.id))
    const failures: unknown[] = []
    await eachTogether(changed, async (context) => {
      const { id } = context.realm
      try {
        await reload(context, options)
        known.set(id, marks.get(id) ?? '')
      } catch (error) {
        failures.push(error)
      }
    })
    loaded = failures.length === 0 ? revision : undefined
    for (const error of failures) if (error instanceof StoreUnavailable) throw error
    if (failures.length > 0 && !isFailing) options.report(failures[0], 'changed signing keys cannot be read')
    isFailing = failures.length > 0
  }
}

/**
 * One realm after another, so that the work of a minute comes in small pieces; a realm that fails does not hold up the others. A realm whose
 * keys are as they were is not read again before the moment at which something can be due.
 */
function createRotation(options: TaskOptions): () => Promise<void> {
  const { signingKeys } = options.issuance.store
  const failing = new Set<string>()
  const resting = new Map<string, Rest>()
  const rotate = async (context: RealmContext, mark: string): Promise<void> => {
    const { id } = context.realm
    try {
      const { changed, standing } = await rotateWhenDue({ ...context, store: signingKeys })
      if (standing) resting.set(id, { ...standing, mark })
      if (changed) await reload(context, options)
      failing.delete(id)
    } catch (error) {
      if (!failing.has(id)) options.report(error, `the signing keys of realm ${id} cannot be rotated`)
      failing.add(id)
    }
  }
  return async () => {
    if (!options.node.leads()) return
    const marks = await signingKeys.marks()
    let read = 0
    for (const context of options.contexts) {
      const mark = marks.get(context.realm.id)
      // Without keys nothing is due: the first one is made when it is needed.
      if (mark === undefined || rests(resting.get(context.realm.id), mark, context.now())) continue
      // That one does it saves the others the work; that each key is made once is decided by the database.
      if (!options.node.leads()) return
      await rotate(context, mark)
      // What a file is asked for is there at once: without a pause ten thousand realms would hold up every request.
      if (++read % REALMS_A_TURN === 0) await turn()
    }
  }
}

const REALMS_A_TURN = 20

/** A realm with nothing due, and the keys of which that is true. */
interface Rest extends Standing {
  readonly mark: string
}

function rests(rest: Rest | undefined, mark: string, now: number): boolean {
  return rest?.mark === mark && rest.from <= now && now < rest.until
}

async function reload({ keys }: RealmContext, { onKeysChanged }: TaskOptions): Promise<void> {
  if (await keys.reload()) onKeysChanged?.()
}

interface Task {
  /** No further run; resolves when the one under way is over. */
  stop(): Promise<void>
}

/** Never two runs of one task at once; a failure that lasts is told once, not twice a second. */
function repeat(task: () => Promise<unknown>, everyMs: number, failed: (error: unknown) => void): Task {
  let running: Promise<void> | undefined
  let failing = false
  const run = async (): Promise<void> => {
    try {
      await task()
      failing = false
    } catch (error) {
      if (!failing) failed(error)
      failing = true
    } finally {
      running = undefined
    }
  }
  const timer = setInterval(() => {
    running ??= run()
  }, everyMs).unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
