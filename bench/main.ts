// npm run bench: issuance, verification, start-up, the guard with its plan, gateway, forward-auth and the caller beside their peers, and what the ledger
// costs; all against their targets, in one run.
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import type { CallPlan } from './call.ts'
import { measureCall } from './call.ts'
import { measureForwardAuth } from './forward_auth.ts'
import { measureGateway } from './gateway.ts'
import type { GuardPlanPlan } from './guard_plan.ts'
import { measureGuardPlan } from './guard_plan.ts'
import type { HostilePlan } from './hostile.ts'
import { measureHostile } from './hostile.ts'
import type { IssuancePlan } from './issuance.ts'
import { measureIssuance } from './issuance.ts'
import type { LedgerPlan } from './ledger/plan.ts'
import { measureLedger } from './ledger.ts'
import { findLoader } from './load/loader.ts'
import type { TurnsPlan } from './load/turns.ts'
import type { BenchOptions, Section } from './options.ts'
import { readOptions, USAGE } from './options.ts'
import type { Target } from './report.ts'
import { met, say } from './report.ts'
import type { ScalePlan } from './scale.ts'
import { FULL_SIZES, measureScale, QUICK_SIZES } from './scale.ts'
import type { StartupPlan } from './startup.ts'
import { measureStartup } from './startup.ts'
import type { VerificationPlan } from './verification.ts'
import { measureVerification } from './verification.ts'
import type { WorkersPlan } from './workers.ts'
import { measureWorkers } from './workers.ts'

interface Plan {
  readonly issuance: IssuancePlan
  readonly verification: VerificationPlan
  readonly startup: StartupPlan
  readonly ledger: LedgerPlan
  readonly guardPlan: GuardPlanPlan
  readonly gateway: TurnsPlan
  readonly forwardAuth: TurnsPlan
  readonly call: CallPlan
  readonly scale: ScalePlan
  readonly workers: WorkersPlan
  readonly hostile: HostilePlan
}

const FULL: Plan = {
  issuance: { rounds: 3, warmupSeconds: 2, seconds: 2, secondsAlone: 1 },
  verification: { rounds: 2, millis: 600 },
  startup: { runs: 10, restSeconds: 5 },
  ledger: { rounds: 5, warmupSeconds: 2, seconds: 2, recordRounds: 3, recordMillis: 1000, commits: 500 },
  guardPlan: { rounds: 3, millis: 1000 },
  gateway: { rounds: 5, warmupSeconds: 2, seconds: 2 },
  forwardAuth: { rounds: 5, warmupSeconds: 2, seconds: 2 },
  call: { days: 30, rounds: 300, calls: 1000 },
  scale: { sizes: FULL_SIZES, rounds: 3, requests: 3000, restSeconds: 2 },
  workers: { rounds: 5, warmupSeconds: 2, seconds: 2 },
  hostile: { clients: 2000, users: 200, seconds: 15, restarts: 5 },
}

const QUICK: Plan = {
  issuance: { rounds: 1, warmupSeconds: 1, seconds: 1, secondsAlone: 1 },
  verification: { rounds: 1, millis: 100 },
  startup: { runs: 2, restSeconds: 1 },
  ledger: { rounds: 1, warmupSeconds: 1, seconds: 1, recordRounds: 1, recordMillis: 200, commits: 100 },
  guardPlan: { rounds: 1, millis: 400 },
  gateway: { rounds: 1, warmupSeconds: 1, seconds: 1 },
  forwardAuth: { rounds: 1, warmupSeconds: 1, seconds: 1 },
  call: { days: 3, rounds: 100, calls: 1000 },
  scale: { sizes: QUICK_SIZES, rounds: 3, requests: 3000, restSeconds: 2 },
  workers: { rounds: 2, warmupSeconds: 1, seconds: 1 },
  hostile: { clients: 300, users: 30, seconds: 5, restarts: 2 },
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args)
  if (options === undefined) return 2
  if (options === 'help') {
    say(USAGE)
    return 0
  }
  const loader = findLoader()
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}`
  say(`${machine}, load by ${loader.name}${options.quick ? ', quick: not for quoting' : ''}`)
  const plan = options.quick ? QUICK : FULL
  const sections: Readonly<Record<Section, () => Promise<{ readonly targets: readonly Target[] }>>> = {
    issuance: () => measureIssuance(plan.issuance, loader),
    verification: () => measureVerification(plan.verification),
    startup: () => measureStartup(plan.startup),
    ledger: () => measureLedger(plan.ledger, loader),
    'guard-plan': () => measureGuardPlan(plan.guardPlan),
    gateway: () => measureGateway(plan.gateway, loader),
    'forward-auth': () => measureForwardAuth(plan.forwardAuth, loader),
    call: () => measureCall(plan.call),
    scale: () => measureScale(plan.scale),
    workers: () => measureWorkers(plan.workers, loader),
    hostile: () => measureHostile(plan.hostile),
  }
  const results: Record<string, { readonly targets: readonly Target[] }> = {}
  for (const section of options.sections) results[section] = await sections[section]()
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ machine, loader: loader.name, quick: options.quick, ...results }, null, 2)}\n`)
  const targets = Object.values(results).flatMap((result) => result.targets)
  const missed = targets.filter((target) => !met(target))
  say(`\n${targets.length - missed.length} of ${targets.length} targets met`)
  // A figure is not a test: on a busy machine it says more about the machine.
  return 0
}

function optionsOf(args: readonly string[]): BenchOptions | 'help' | undefined {
  try {
    return readOptions(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
    return undefined
  }
}
