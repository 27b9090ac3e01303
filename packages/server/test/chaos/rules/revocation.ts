// Revoked access tokens: refused everywhere one second after the revocation was acknowledged, which is on the disk and in the audit trail.
import type { Disturbance, Rule, Seen } from '../seen.ts'
import { meets } from '../seen.ts'
import { RECOVERY } from './answers.ts'

/** Milliseconds. */
const EVERYWHERE = 1000

export const revocation: Rule = ({ seen, disturbances, facts, patient }) => {
  const ended = endsOf(seen)
  const said: string[] = []
  for (const one of seen) {
    const end = one.shown === undefined ? undefined : ended.get(one.shown)
    if (end === undefined || one.sentAt <= end + EVERYWHERE || !isAccepted(one)) continue
    // A request that was counted reached the database, and so does every introspection. Others may not have known.
    if (patient.has(one.client) && one.what === 'call' && disturbances.some((each) => mayNotKnow(one, each, seen))) continue
    said.push(
      `${one.client}: node ${one.node} accepted (${one.what}) a token ${Math.round(one.sentAt - end)} ms after its revocation was acknowledged.`,
    )
  }
  for (const { what, status, shown = '', chain } of seen) {
    if (what !== 'revoke' || status !== 200) continue
    if (chain === undefined && !facts.revoked.has(shown)) said.push('A revocation was acknowledged, and the database does not know.')
    const name = chain === undefined ? shown : (facts.refreshTokens.get(shown)?.family ?? '')
    if (!facts.audited.has(name)) said.push('A revocation was acknowledged, and the audit trail does not know.')
  }
  return said
}

const isAccepted = ({ what, status, active }: Seen): boolean =>
  status === 200 && (what === 'call' || (what === 'introspect' && active === true))

/** Until the node has introspected again, which it does with fresh knowledge only; and no longer than it has to take. */
function mayNotKnow(one: Seen, disturbance: Disturbance, seen: readonly Seen[]): boolean {
  if (disturbance.fault === 'clock set' || !meets(one, disturbance, RECOVERY)) return false
  const knows = seen.find(
    ({ what, node, status, sentAt }) => what === 'introspect' && node === one.node && status === 200 && sentAt > disturbance.to,
  )
  return knows === undefined || one.sentAt <= knows.answeredAt
}

/** jti of access tokens, and when the revocation that ends them was acknowledged. */
function endsOf(seen: readonly Seen[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  const chains = new Map<string, number>()
  for (const { what, status, shown, chain, answeredAt } of seen) {
    if (what !== 'revoke' || status !== 200 || shown === undefined) continue
    const [map, name] = chain === undefined ? [ends, shown] : [chains, chain]
    map.set(name, Math.min(map.get(name) ?? Number.POSITIVE_INFINITY, answeredAt))
  }
  for (const { chain, got } of seen) {
    const end = chain === undefined ? undefined : chains.get(chain)
    if (end !== undefined && got !== undefined) ends.set(got, end)
  }
  return ends
}
