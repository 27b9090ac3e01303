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
    lines: (filter, after, limit) => usageLines(sql, filter, after, limit),
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
  while (answers.length < moves.length) {
    const start = answers.length
    const back = moves[start]?.back
    const run: Admission[] = []
    for (let one = moves[start]; one !== undefined && one.back === back; one = moves[start + run.length]) run.push(one.admission)
    if (back) yield* takeBackAll(run)
    const outcomes = back ? run.map(() => TAKEN_BACK) : yield* admitAll(run)
    // Most often there is one run.
    if (outcomes.length === moves.length) return outcomes
    for (const outcome of outcomes) answers.push(outcome)
  }
  return answers
}

/** Nobody reads what a request that was taken back has used. */
const TAKEN_BACK: AdmissionOutcome = { admitted: true, used: [] }

function* takeBackAll(admissions: readonly Admission[]): Unit<void> {
  // Window by window as they were taken, so that nobody who takes waits for one who gives back and the other way round.
  for (const { of } of groupsOf(admissions)) {
    const most = Math.max(...of.map(({ charges }) => charges.length))
    // One by one, and not as sums: of charges that were never taken some may have been.
    yield* giveBackAll(Array.from({ length: most }, (_, n) => of.flatMap(({ charges }) => charges[n] ?? [])).flat())
  }
  yield* uncountRequests(admissions)
}

function* admitAll(admissions: readonly Admission[]): Unit<readonly AdmissionOutcome[]> {
  const outcomes: AdmissionOutcome[] = []
  for (const { of, places } of groupsOf(admissions)) {
    const settled = (of.length === 1 ? undefined : yield* settleTogether(of)) ?? (yield* settleEach(of))
    for (const [n, place] of places.entries()) if (settled[n] !== undefined) outcomes[place] = settled[n]
  }
  const admitted = outcomes.every((one) => one.admitted) ? admissions : admissions.filter((_, n) => outcomes[n]?.admitted)
  yield* countRequests(admitted)
  return outcomes
}

/** Admissions that draw on the same windows, and which of all they are. */
interface Group {
  readonly of: Admission[]
  readonly places: number[]
}

/**
 * Those that draw on the same windows, in their order. Where two groups have one window in common and another not, as when a plan changes
 * within the turn, all are one group.
 */
const groupsOf = (admissions: readonly Admission[]): Iterable<Group> => {
  const groups = new Map<string, Group>()
  const windows = new Set<string>()
  let last: Group | undefined
  for (let place = 0; place < admissions.length; place += 1) {
    const one = admissions[place]
    if (one === undefined) break
    if (last === undefined || !drawsAlike(last.of[0], one)) {
      const names = one.charges.map(windowName)
      const name = names.join('\n\n')
      last = groups.get(name)
      if (last === undefined) {
        for (const window of names) {
          if (windows.has(window)) return [{ of: [...admissions], places: [...admissions.keys()] }]
          windows.add(window)
        }
        last = { of: [], places: [] }
        groups.set(name, last)
      }
    }
    last.of.push(one)
    last.places.push(place)
  }
  return inOrder(groups).map(([, group]) => group)
}

const drawsAlike = (a: Admission | undefined, b: Admission): boolean => {
  if (a === undefined || a.charges.length !== b.charges.length) return false
  if (a.charges === b.charges) return true
  for (const [n, charge] of b.charges.entries()) {
    const other = a.charges[n]
    if (other === undefined || !isSameWindow(charge, other)) return false
  }
  return true
}

/** All of them, by one statement a window; undefined: they do not draw alike or do not all fit, and nothing has changed. */
function* settleTogether(admissions: readonly Admission[]): Unit<readonly AdmissionOutcome[] | undefined> {
  const [first] = admissions
  if (first === undefined || !admissions.every((one) => drawsAlike(first, one))) return undefined
  const columns = first.charges.map((_, n) => columnOf(admissions, n))
  const before: number[] = []
  for (const [n, column] of columns.entries()) {
    const used = yield* takeSum(column)
    if (used === undefined) {
      for (const taken of columns.slice(0, n)) yield* untakeSum(taken)
      return undefined
    }
    before.push(used)
  }
  for (const column of columns) yield* countAll(column)
  let used: readonly number[] = before
  return admissions.map(({ units }) => {
    used = usedAfter(used, units)
    return { admitted: true, used }
  })
}

const usedAfter = (before: readonly number[], units: number): readonly number[] => {
  const after = before.slice()
  for (let n = 0; n < after.length; n += 1) after[n] = (after[n] ?? 0) + units
  return after
}

/**
 * The charge that each of them has at one place. Those of one client in one second are one object (see Admission), and here one charge of
 * their sum.
 */
const columnOf = (admissions: readonly Admission[], n: number): readonly Charge[] => {
  const column: Charge[] = []
  for (let at = 0, times = 0; at < admissions.length; at += times) {
    const charge = admissions[at]?.charges[n]
    for (times = 1; at + times < admissions.length && admissions[at + times]?.charges[n] === charge; ) times += 1
    if (charge !== undefined) column.push(times === 1 ? charge : { ...charge, units: charge.units * times })
  }
  return column
}

/** What this transaction knows to be used of windows, by their names. */
type Known = Map<string, number>

/** One after the other. What is known to be used up refuses without a statement, so that refusals are cheap. */
function* settleEach(admissions: readonly Admission[]): Unit<readonly AdmissionOutcome[]> {
  const known: Known = new Map()
  const charged: Charge[] = []
  const outcomes: AdmissionOutcome[] = []
  for (const admission of admissions) {
    const outcome = yield* settle(admission, known)
    if (outcome.admitted) for (const charge of admission.charges) charged.push(charge)
    outcomes.push(outcome)
  }
  for (const charges of Map.groupBy(charged, windowName).values()) yield* countAll(charges)
  return outcomes
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
