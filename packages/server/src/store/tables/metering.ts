// Metering as units of a transaction: the admissions of a turn with their volumes (tables/charges.ts) and their lines (tables/usage_hours.ts).
// What they have in common is written once; where that cannot be, they are done one after the other.
import type { Charge } from '../../model/ledger.ts'
import type { Admission, AdmissionOutcome, Metering } from '../../model/metering.ts'
import { gather } from '../gather.ts'
import type { Sql, Unit } from '../sql.ts'
import { ask } from '../sql.ts'
import { countAll, giveBackAll, inOrder, isSameWindow, refuseNonsense, takeSum, untakeSum, usedOf, windowName } from './charges.ts'
import { addObserved, countRequests, uncountRequests } from './usage_hours.ts'
import { sweepUsage, usageLines } from './usage_lines.ts'

/** An admission whose members make no sense is the caller's mistake: RangeError. */
export const meteringTable = (sql: Sql): Metering => {
  const move = gather(sql, moveAll)
  return {
    admit(admission) {
      try {
        refuseOdd(admission)
      } catch (error) {
        if (error instanceof RangeError) return Promise.reject(error)
        throw error
      }
      // Its own promise and no other: it is on the way of every request.
      return move({ admission, back: false })
    },
    takeBack: async (admission) => {
      refuseOdd(admission)
      await move({ admission, back: true })
    },
    observe: async (lines) => {
      if (lines.length > 0) await sql.write(() => addObserved(lines))
    },
    lines: (filter, after, limit) => sql.read(usageLines(filter, after, limit)),
    sweep: (before) => sweepUsage(sql, before),
  }
}

/** Charges that were looked at: the requests of one client in one second share theirs. */
const looked = new WeakMap<readonly Charge[], number>()

const refuseOdd = ({ now, units, charges }: Admission): void => {
  if (!Number.isFinite(now) || now < 0) throw new RangeError(`An admission has a time, and not ${now}.`)
  if (!Number.isSafeInteger(units) || units < 0) throw new RangeError(`An admission is of whole units, and not of ${units}.`)
  if (looked.get(charges) === units) return
  for (const [n, charge] of charges.entries()) {
    const isSecond = n > 0 && charges.findIndex((other) => isSameWindow(other, charge)) < n
    if (isSecond) throw new RangeError(`An admission charges one window of ${charge.meter.name} once.`)
    if (charge.units !== units) throw new RangeError(`An admission of ${units} units charges as many, and not ${charge.units}.`)
    refuseNonsense(charge)
  }
  looked.set(charges, units)
}

interface Move {
  readonly admission: Admission
  /** It is taken back. */
  readonly back: boolean
}

/** In their order; admissions between two that are taken back together, and the other way round. */
function* moveAll(moves: readonly Move[]): Unit<readonly AdmissionOutcome[]> {
  const answers: AdmissionOutcome[] = []
  let start = 0
  while (start < moves.length) {
    const back = moves[start]?.back
    const run: Admission[] = []
    for (let one = moves[start]; one !== undefined && one.back === back; one = moves[start + run.length]) run.push(one.admission)
    if (back) yield* takeBackAll(run)
    const outcomes = back ? run.map(() => TAKEN_BACK) : yield* admitAll(run)
    for (const outcome of outcomes) answers.push(outcome)
    start += run.length
  }
  return answers
}

/** Nobody reads what a request that was taken back has used. */
const TAKEN_BACK: AdmissionOutcome = { admitted: true, used: [] }

function* takeBackAll(admissions: readonly Admission[]): Unit<void> {
  const cases = admissions.map((admission): Case => ({ admission, outcome: undefined }))
  // Window by window as they were taken, so that nobody who takes waits for one who gives back and the other way round.
  for (const group of groupsOf(cases)) yield* giveBackAll(columnsOf(group).flat())
  yield* uncountRequests(admissions)
}

/** An admission on its way. */
interface Case {
  readonly admission: Admission
  outcome: AdmissionOutcome | undefined
}

function* admitAll(admissions: readonly Admission[]): Unit<readonly AdmissionOutcome[]> {
  const cases = admissions.map((admission): Case => ({ admission, outcome: undefined }))
  for (const group of groupsOf(cases)) {
    if (group.length === 1 || !(yield* settleTogether(group))) yield* settleEach(group)
  }
  const admitted: Admission[] = []
  const outcomes = cases.map(({ admission, outcome }) => {
    if (outcome === undefined) throw new TypeError('An admission was not settled.')
    if (outcome.admitted) admitted.push(admission)
    return outcome
  })
  yield* countRequests(admitted)
  return outcomes
}

/**
 * Those that draw on the same windows, in their order. Where two groups have one window in common and another not, as when a plan changes
 * within the turn, all are one group.
 */
const groupsOf = (cases: readonly Case[]): Iterable<readonly Case[]> => {
  const groups = new Map<string, Case[]>()
  const windows = new Set<string>()
  let last: Case[] | undefined
  for (const one of cases) {
    if (last !== undefined && drawsAlike(last[0], one)) {
      last.push(one)
      continue
    }
    const names = one.admission.charges.map(windowName)
    const name = names.join('\n\n')
    last = groups.get(name)
    if (last === undefined) {
      for (const window of names) {
        if (windows.has(window)) return [cases]
        windows.add(window)
      }
      last = []
      groups.set(name, last)
    }
    last.push(one)
  }
  return inOrder(groups).map(([, group]) => group)
}

/** Their first charges, then their second ones, and so on. */
const columnsOf = (cases: readonly Case[]): readonly (readonly Charge[])[] => {
  const most = Math.max(...cases.map(({ admission }) => admission.charges.length))
  return Array.from({ length: most }, (_, n) => cases.flatMap(({ admission }) => admission.charges[n] ?? []))
}

const drawsAlike = (a: Case | undefined, b: Case): boolean => {
  if (a === undefined || a.admission.charges.length !== b.admission.charges.length) return false
  if (a.admission.charges === b.admission.charges) return true
  for (const [n, charge] of b.admission.charges.entries()) {
    const other = a.admission.charges[n]
    if (other === undefined || !isSameWindow(charge, other)) return false
  }
  return true
}

/** All of them, by one statement a window; false: they do not draw alike or do not all fit, and nothing has changed. */
function* settleTogether(cases: readonly Case[]): Unit<boolean> {
  const [first] = cases
  if (first === undefined || !cases.every((one) => drawsAlike(first, one))) return false
  const columns = first.admission.charges.map((_, n) => columnOf(cases, n))
  const used: number[] = []
  for (const [n, column] of columns.entries()) {
    const before = yield* takeSum(column)
    if (before === undefined) {
      for (const taken of columns.slice(0, n)) yield* untakeSum(taken)
      return false
    }
    used.push(before)
  }
  for (const column of columns) yield* countAll(column)
  for (const one of cases) {
    for (const [n, { units }] of one.admission.charges.entries()) used[n] = (used[n] ?? 0) + units
    one.outcome = { admitted: true, used: used.slice() }
  }
  return true
}

/** The charge that each of them has at one place. */
const columnOf = (cases: readonly Case[], n: number): readonly Charge[] => {
  const column: Charge[] = []
  for (const { admission } of cases) {
    const charge = admission.charges[n]
    if (charge !== undefined) column.push(charge)
  }
  return column
}

/** What this transaction knows to be used of windows, by their names. */
type Known = Map<string, number>

/** One after the other. What is known to be used up refuses without a statement, so that refusals are cheap. */
function* settleEach(cases: readonly Case[]): Unit<void> {
  const known: Known = new Map()
  const charged: Charge[] = []
  for (const one of cases) {
    one.outcome = yield* settle(one.admission, known)
    if (one.outcome.admitted) for (const charge of one.admission.charges) charged.push(charge)
  }
  for (const charges of Map.groupBy(charged, windowName).values()) yield* countAll(charges)
}

function* settle({ charges }: Admission, known: Known): Unit<AdmissionOutcome> {
  const refusedBy = firstFull(charges, known) ?? (yield* take(charges, known))
  const used: number[] = []
  for (const charge of charges) used.push(known.get(windowName(charge)) ?? (yield* learn(charge, known)))
  return refusedBy === undefined ? { admitted: true, used } : { admitted: false, refusedBy, used }
}

/** The first that refuses, as far as that is known of it and those before it. */
const firstFull = (charges: readonly Charge[], known: Known): number | undefined => {
  for (const [n, charge] of charges.entries()) {
    const used = known.get(windowName(charge))
    if (used === undefined) return undefined
    if (charge.limit !== null && used + charge.units > charge.limit) return n
  }
  return undefined
}

/** Takes all of them, or none and tells which refused. */
function* take(charges: readonly Charge[], known: Known): Unit<number | undefined> {
  for (const [n, charge] of charges.entries()) {
    const before = yield* takeSum([charge])
    if (before !== undefined) {
      known.set(windowName(charge), before + charge.units)
      continue
    }
    for (const taken of charges.slice(0, n)) {
      yield* untakeSum([taken])
      known.set(windowName(taken), (known.get(windowName(taken)) ?? 0) - taken.units)
    }
    return n
  }
  return undefined
}

function* learn(charge: Charge, known: Known): Unit<number> {
  const used = yield* ask(usedOf(charge.meter, charge.span.start))
  known.set(windowName(charge), used)
  return used
}
