// Every answer is one of those that are documented: 503 with Retry-After while something is away and not long after, never 500, never silence.
import type { Disturbance, Evidence, Rule, Seen } from '../seen.ts'
import { isNodeFault, meets } from '../seen.ts'

/** Milliseconds after which everything is well again: a connection is tried anew each second, a silent one is given up after five. */
export const RECOVERY = 6000
/** Of an answer: a connection that is silent for 5 s, once for the unit and once to ask what became of it; and a loaded machine. */
const LONGEST = 13_000
/** A connection to a node that is started again breaks a little later. */
const SETTLING = 500

export const answers: Rule = (evidence) => {
  const given = evidence.seen.filter(({ what }) => what !== 'command')
  const uncertain = uncertainTokens(given)
  return [...given.flatMap((one) => judge(one, evidence, uncertain)), ...patience(evidence)]
}

function judge(one: Seen, { disturbances }: Evidence, ended: ReadonlySet<string>): string[] {
  const met = (is: (each: Disturbance) => boolean, after: number): boolean =>
    disturbances.some((each) => is(each) && meets(one, each, after))
  const what = `${one.client} at node ${one.node} (${one.what})`
  const isPaused = met(({ fault }) => fault === 'node paused' || fault === 'disk full', SETTLING)
  if (one.status === 0) {
    if (one.lost === 'late') return isPaused ? [] : [`${what}: no answer for ${Math.round(one.answeredAt - one.sentAt)} ms.`]
    return met(isNodeFault, SETTLING) ? [] : [`${what}: the connection was ${one.lost}, and nobody had touched the node.`]
  }
  if (one.answeredAt - one.sentAt > LONGEST && !isPaused) return [`${what}: answered after ${Math.round(one.answeredAt - one.sentAt)} ms.`]
  if (one.status === 503) {
    if (!((one.retryAfter ?? 0) >= 1)) return [`${what}: 503 without Retry-After.`]
    return met(({ fault }) => fault !== 'clock set', RECOVERY) ? [] : [`${what}: 503 (${one.code}) while all was well.`]
  }
  if (one.status >= 500) return [`${what}: ${one.status} (${one.code}).`]
  if (one.what === 'read' && one.status !== 200) return [`${what}: ${one.status}.`]
  // Whoever shows a token that nobody has ended is who he is.
  if (one.what === 'call' && one.status >= 400 && one.status !== 429 && one.shown !== undefined && !ended.has(one.shown))
    return [`${what}: ${one.status} (${one.code}) for a token that nobody ended.`]
  if (one.what === 'introspect' && one.active === false && one.shown !== undefined && !ended.has(one.shown))
    return [`${what}: not active, and nobody ended it.`]
  return []
}

/** jti of tokens that somebody tried to end, their families' and clients' included. */
function uncertainTokens(seen: readonly Seen[]): ReadonlySet<string> {
  const ended = new Set<string>()
  const chains = new Set<string>()
  for (const { what, shown, chain } of seen) if (what === 'revoke') (chain === undefined ? ended : chains).add(chain ?? shown ?? '')
  const replayed = Map.groupBy(
    seen.filter(({ what }) => what === 'refresh'),
    ({ shown }) => shown,
  )
  for (const uses of replayed.values()) if (uses.length > 1) for (const { chain } of uses) chains.add(chain ?? '')
  for (const { client, chain, got } of seen) {
    if (got !== undefined && ((chain !== undefined && chains.has(chain)) || client.startsWith('made-'))) ended.add(got)
  }
  return ended
}

/** Where the plan says so a guarded request passes while the database is away: the node is up, and knows keys and token. */
function patience({ seen, disturbances, patient }: Evidence): string[] {
  return seen.flatMap((one) => {
    if (one.what !== 'call' || !patient.has(one.client) || one.status !== 503) return []
    // What a change or a start swept from memory is not taken from an older one.
    const isExcused = disturbances.some((each) => isNodeFault(each) && meets(one, each, RECOVERY)) || isAfterChange(seen, one, disturbances)
    return isExcused ? [] : [`${one.client} at node ${one.node}: 503 (${one.code}), and its plan lets it pass.`]
  })
}

/** Whether a command changed something not long before the database went away, or while a node could not see it. */
function isAfterChange(seen: readonly Seen[], { sentAt, answeredAt }: Seen, disturbances: readonly Disturbance[]): boolean {
  const began = Math.min(...disturbances.filter(({ from, to }) => from <= answeredAt && to + RECOVERY >= sentAt).map(({ from }) => from))
  return seen.some((one) => one.what === 'command' && one.answeredAt > began - 2000 && one.sentAt < answeredAt)
}
