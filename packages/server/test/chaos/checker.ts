// The judge of a fault test: every rule over what clients saw and what the database says. And the figures of the run.
import { answers } from './rules/answers.ts'
import { budget, chargedOf } from './rules/budget.ts'
import { configuration } from './rules/configuration.ts'
import { refresh } from './rules/refresh.ts'
import { revocation } from './rules/revocation.ts'
import type { Disturbance, Evidence, Rule, Seen } from './seen.ts'
import { isNodeFault, meets } from './seen.ts'

const RULES: Readonly<Record<string, Rule>> = { budget, refresh, revocation, configuration, answers }

/** Nothing: all held. */
export function check(evidence: Evidence): string[] {
  return Object.entries(RULES).flatMap(([name, rule]) => rule(evidence).map((sentence) => `${name}: ${sentence}`))
}

/** Rows of a table: what, and how much. */
export function figures(evidence: Evidence): readonly (readonly [string, string])[] {
  const { seen, disturbances, reached, limits, facts, patient } = evidence
  const ofStatus = Map.groupBy(seen, ({ status, lost }) => (status === 0 ? `no answer (${lost})` : `${status}`))
  const faults = Map.groupBy(disturbances, ({ fault }) => fault)
  const ended = seen.filter(({ what, status }) => what === 'revoke' && status === 200)
  const refreshes = seen.filter(({ what, status }) => what === 'refresh' && status === 200)
  const commands = seen.filter(({ what }) => what === 'command')
  const passed = seen.filter(
    (one) => one.what === 'call' && patient.has(one.client) && one.status === 200 && isWithoutDatabase(one, disturbances),
  )
  return [
    ...[...faults].map(([fault, all]) => [fault, `${all.length} times`] as const),
    [
      'answers',
      [...ofStatus]
        .map(([status, all]) => `${status}: ${all.length}`)
        .sort()
        .join(', '),
    ],
    ['refreshes acknowledged', `${refreshes.length}`],
    ['revocations acknowledged', `${ended.length}`],
    ['commands acknowledged', `${commands.filter(({ status }) => status === 200).length} of ${commands.length}`],
    ...[...limits].map(([client, { of, limit }]) => {
      const delivered =
        of === 'requests'
          ? (reached.get(client)?.size ?? 0)
          : new Set(seen.flatMap((one) => (one.client === client && one.what === 'token' ? (one.got ?? []) : []))).size
      return [
        `${of} of ${client}`,
        `${delivered} delivered, ${chargedOf(facts.windows, client, of).join(' + ')} charged, of ${limit}`,
      ] as const
    }),
    ['guarded calls without the database', `${passed.length} passed uncounted`],
    ...recoveries(evidence),
  ]
}

const isWithoutDatabase = ({ sentAt, answeredAt }: Seen, disturbances: readonly Disturbance[]): boolean =>
  disturbances.some(({ fault, from, to }) => fault === 'database killed' && from < sentAt && answeredAt < to)

/** From the end of a fault to the first answer that needs the database, as those who watch each node saw it. */
function recoveries({ seen, disturbances }: Evidence): readonly (readonly [string, string])[] {
  const probes = seen.filter(({ probe, what }) => probe === true && what === 'introspect')
  const nodes = [...new Set(probes.map(({ node }) => node))]
  const times = new Map<string, number[]>()
  for (const one of disturbances) {
    if (isNodeFault(one) || one.fault === 'clock set' || one.fault === 'path slow') continue
    for (const node of one.node === undefined ? nodes : [one.node]) {
      const first = probes.find((probe) => probe.node === node && probe.status === 200 && probe.answeredAt > one.to)
      if (first === undefined) continue
      // Another fault in between would be measured too.
      const wait = { ...first, sentAt: one.to }
      const isAlone = disturbances.every((other) => other === one || other.fault === 'clock set' || !meets(wait, other))
      if (isAlone) times.set(one.fault, [...(times.get(one.fault) ?? []), first.answeredAt - one.to])
    }
  }
  return [...times].map(([fault, all]) => [`served again after: ${fault}`, describe(all.sort((a, b) => a - b))] as const)
}

function describe(sorted: readonly number[]): string {
  const at = (share: number): string => `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)}`
  return `median ${at(0.5)} ms, longest ${at(1)} ms (${sorted.length})`
}
