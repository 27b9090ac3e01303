// Budgets and volumes: never a unit more than the limit, nothing delivered that is not charged, nobody refused while there is some left.
import type { Evidence, Rule } from '../seen.ts'

export const budget: Rule = (evidence) => [...evidence.limits].flatMap(([client, { of, limit }]) => judge(evidence, client, of, limit))

function judge({ seen, reached, facts }: Evidence, client: string, of: 'tokens' | 'requests', limit: number): string[] {
  const charged = chargedOf(facts.windows, client, of)
  const windows = Math.max(1, charged.length)
  const total = charged.reduce((sum, units) => sum + units, 0)
  const what = of === 'tokens' ? 'token' : 'call'
  const own = seen.filter((one) => one.client === client && one.what === what)
  const delivered = of === 'tokens' ? new Set(own.flatMap(({ got }) => got ?? [])) : (reached.get(client) ?? new Set<string>())
  const passed = own.filter(({ status }) => status === 200).length
  const isRefused = own.some(({ status }) => status === 429)
  const said: string[] = []
  for (const units of charged) if (units > limit) said.push(`${client}: the ledger has ${units} of ${limit} ${of}.`)
  if (delivered.size > limit * windows) said.push(`${client}: ${delivered.size} of ${limit} ${of} were delivered.`)
  if (delivered.size > total) said.push(`${client}: ${delivered.size} ${of} were delivered and ${total} are charged.`)
  if (of === 'requests' && passed > delivered.size)
    said.push(`${client}: ${passed} were answered and ${delivered.size} reached the upstream.`)
  if (isRefused && !charged.some((units) => units >= limit))
    said.push(`${client}: was refused for its limit of ${limit} ${of}, and ${total} are charged.`)
  // What is charged and was not delivered: one for each request whose answer did not come or said 503, at most.
  const unknown = own.filter(({ status }) => status === 0 || status === 503).length
  if (total - delivered.size > unknown)
    said.push(`${client}: ${total} ${of} are charged, ${delivered.size} were delivered and ${unknown} are uncertain.`)
  return said
}

/** Units of each window. */
export function chargedOf(windows: Evidence['facts']['windows'], client: string, of: 'tokens' | 'requests'): number[] {
  const own = windows.filter(({ account, meter }) => account.endsWith(client) && meter.startsWith(of === 'tokens' ? 'tokens' : 'requests'))
  return [...Map.groupBy(own, ({ start }) => start).values()].map((rows) => rows.reduce((sum, { units }) => sum + units, 0))
}
