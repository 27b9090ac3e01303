// What a fresh token leaves behind, as one unit for all records of a turn: charge, slot, refresh token, opaque token, audit row, in this
// order, and window by window in the order of their names: so nodes that write at the same time wait for each other one way only. What the records have in common is written once; where that cannot be, they are done one after the other.
import type { AuditEntry } from '../../model/audit.ts'
import type { IssueRecord, Issuing, Recorded, RefreshRecord } from '../../model/issuing.ts'
import type { Charge, Receipt } from '../../model/ledger.ts'
import type { OpaqueToken, ReusableToken, Revocation } from '../../model/token.ts'
import { gatherDecided } from '../gather.ts'
import type { Sql, Unit } from '../sql.ts'
import { ask } from '../sql.ts'
import { insertOpaqueTokens, recordRevocation } from './access_tokens.ts'
import { appendAudit } from './audit.ts'
import { giveBack, markExhausted, refuseNonsense, take, takeTogether, windowName } from './charges.ts'
import { rotateToken, startFamily } from './refresh_tokens.ts'
import { fillSlot, tokenInSlot } from './reusable_tokens.ts'
import { holdSecrets } from './secrets.ts'

export const issuingTable = (sql: Sql): Issuing => {
  const decideTogether = gatherDecided(sql, recordAll)
  const decide: Issuing['decide'] = async (asked) => {
    if (asked.charge !== null) refuseNonsense(asked.charge)
    if (asked.reuse !== null && asked.refresh !== null) throw new RangeError('A token that comes with a refresh token is not served again.')
    const { value, durable } = await decideTogether(asked)
    return { recorded: value, durable }
  }
  return {
    decide,
    record: async (asked) => {
      const { recorded, durable } = await decide(asked)
      await durable
      return recorded
    },
    findReusable: async (realmId, meaning, now) => {
      const found = await sql.read(tokenInSlot(realmId, meaning, now))
      // So young that the charge behind it may still be on its way to the disk, here or in another process.
      if (found !== undefined && now - mintedAt(found) < YOUNG) await sql.flush()
      return found
    },
    undo: async ({ reuse }, receipt) => {
      // Somebody else may have got the token from its slot: it stays, paid for, and the next request gets it.
      if (reuse === null && receipt !== null) await sql.write(() => giveBack(receipt.charge))
    },
  }
}

/** Seconds. */
const YOUNG = 5

const mintedAt = ({ claims }: ReusableToken): number => Number(claims['iat'] ?? 0)

/** What became of a record, and the row it leaves in the audit trail. */
interface Settled {
  readonly recorded: Recorded
  readonly audit: AuditEntry | null
}

type NotRecorded = Exclude<Recorded, { outcome: 'recorded' | 'exhausted' }>

/** A record on its way. */
interface Case {
  readonly record: IssueRecord
  settled: Settled | undefined
}

function* recordAll(records: readonly IssueRecord[]): Unit<readonly Recorded[]> {
  const cases = records.map((record): Case => ({ record, settled: undefined }))
  yield* holdSecrets(records.flatMap(secretOf))
  for (const group of groupsOf(cases)) {
    if (group.length > 1 && (yield* settleTogether(group))) continue
    for (const one of group) one.settled = yield* settle(one.record)
  }
  const audits: AuditEntry[] = []
  const answers: Recorded[] = []
  const opaque: OpaqueToken[] = []
  const revocations: Revocation[] = []
  for (const { record, settled } of cases) {
    if (settled === undefined) throw new TypeError('A record was not settled.')
    answers.push(settled.recorded)
    if (settled.audit !== null) audits.push(settled.audit)
    if (settled.recorded.outcome === 'recorded' && record.opaque !== null) opaque.push(record.opaque)
    if (settled.recorded.outcome === 'replayed' && record.refresh?.kind === 'rotate') revocations.push(revocationOf(record.refresh))
  }
  yield* insertOpaqueTokens(opaque)
  for (const one of revocations) yield* recordRevocation(one)
  yield* appendAudit(audits)
  return answers
}

/** The secret that a refresh token rests on. */
const secretOf = ({ refresh }: IssueRecord) => {
  if (refresh?.kind !== 'start' || refresh.family.credential === null) return []
  const { realmId, clientId, credential } = refresh.family
  return [{ realmId, clientId, secretId: credential }]
}

/** A replayed token's family takes its access tokens along. */
const revocationOf = ({ successor, family, accessTokensEnd }: Extract<RefreshRecord, { kind: 'rotate' }>): Revocation => ({
  realmId: family.realmId,
  kind: 'family',
  value: successor.familyId,
  expiresAt: accessTokensEnd,
})

/**
 * Those that draw on one window, in their order. Cases that have a slot or a refresh token in common with one of another window, or of
 * another moment, are too mixed for that: all go one by one.
 */
const groupsOf = (cases: readonly Case[]): Iterable<readonly Case[]> => {
  if (cases.length === 1) return [cases]
  const groups = new Map<string, Case[]>()
  const links = new Map<string, { readonly window: string; readonly now: number }>()
  for (const one of cases) {
    const { now, charge } = one.record
    const window = charge === null ? '' : windowName(charge)
    const link = linkOf(one)
    if (link !== '') {
      const before = links.get(link)
      if (before === undefined) links.set(link, { window, now })
      else if (before.window !== window || before.now !== now) return cases.map((each) => [each])
    }
    const group = groups.get(window)
    if (group === undefined) groups.set(window, [one])
    else group.push(one)
  }
  return [...groups].toSorted(([a], [b]) => compare(a, b)).map(([window, group]) => (window === '' ? group.toSorted(byLink) : group))
}

const byLink = (a: Case, b: Case): number => compare(linkOf(a), linkOf(b))
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** The slot or family that it has in common with others; '' for none. */
const linkOf = ({ record: { reuse, refresh } }: Case): string => (reuse === null ? (refresh?.family.id ?? '') : slotName(reuse))

const slotName = ({ realmId, meaning }: ReusableToken): string => `${meaning} ${realmId}`

/** Records of one window, as if one after the other; false: they do not all fit in it, and nothing has changed. */
function* settleTogether(cases: readonly Case[]): Unit<boolean> {
  const { leaders, followers } = lineUp(cases)
  const used = yield* takeTogether(leaders.flatMap(({ record }) => record.charge ?? []))
  if (used === undefined) return false
  let returned = 0
  const slots = new Map<string, ReusableToken>()
  for (const [n, leader] of leaders.entries()) {
    const { charge, reuse, audit } = leader.record
    const instead = yield* keep(leader.record)
    if (instead === undefined) {
      const receipt: Receipt | null = charge && { charged: true, charge, used: (used[n] ?? 0) - returned }
      leader.settled = { recorded: { outcome: 'recorded', receipt }, audit }
    } else {
      if (charge !== null) yield* giveBack(charge)
      returned += charge?.units ?? 0
      leader.settled = { recorded: instead, audit: auditInstead(leader.record, instead) }
    }
    if (reuse !== null) slots.set(slotName(reuse), instead?.outcome === 'reused' ? instead.token : reuse)
  }
  for (const { follower, slot } of followers) {
    const token = slots.get(slot)
    if (token !== undefined) follower.settled = { recorded: { outcome: 'reused', token }, audit: null }
  }
  return true
}

interface Follower {
  readonly follower: Case
  /** Name of the slot whose token it waits for. */
  readonly slot: string
}

/** Those who ask for the token that an earlier one asks for are served after it, with what it gets. */
const lineUp = (cases: readonly Case[]): { leaders: readonly Case[]; followers: readonly Follower[] } => {
  const leaders: Case[] = []
  const followers: Follower[] = []
  const asked = new Map<string, ReusableToken>()
  for (const one of cases) {
    const { reuse, now } = one.record
    const slot = reuse === null ? '' : slotName(reuse)
    const before = reuse === null ? undefined : asked.get(slot)
    if (before !== undefined && before.reusableUntil > now) {
      followers.push({ follower: one, slot })
      continue
    }
    leaders.push(one)
    if (reuse !== null) asked.set(slot, reuse)
  }
  return { leaders, followers }
}

/** One record by itself. */
function* settle(record: IssueRecord): Unit<Settled> {
  const { charge } = record
  const answer = charge && (yield* take(charge))
  if (charge !== null && answer?.charged === false) return yield* refuse(record, charge, answer.used)
  const instead = yield* keep(record)
  if (instead === undefined) return { recorded: { outcome: 'recorded', receipt: answer?.charged ? answer : null }, audit: record.audit }
  if (charge !== null) yield* giveBack(charge)
  return { recorded: instead, audit: auditInstead(record, instead) }
}

/** A used-up window still serves a live token. */
function* refuse({ reuse, now, audit }: IssueRecord, charge: Charge, used: number): Unit<Settled> {
  const token = reuse && (yield* ask(tokenInSlot(reuse.realmId, reuse.meaning, now)))
  if (token) return { recorded: { outcome: 'reused', token }, audit: null }
  const isFirst = audit !== null && (yield markExhausted(charge)) === 1
  return { recorded: { outcome: 'exhausted', used }, audit: isFirst ? exhausted(audit, charge, used) : null }
}

/** Slot and refresh token; what there is instead of a fresh token, if they cannot be had: then nothing was kept. */
function* keep({ reuse, refresh, now }: IssueRecord): Unit<NotRecorded | undefined> {
  if (reuse !== null && (yield fillSlot(reuse, now)) === 0) {
    const token = yield* ask(tokenInSlot(reuse.realmId, reuse.meaning, now))
    if (token !== undefined) return { outcome: 'reused', token }
  }
  if (refresh?.kind === 'start') yield* startFamily(refresh)
  if (refresh?.kind !== 'rotate') return undefined
  const rotation = yield* rotateToken(refresh, now)
  return rotation === 'rotated' ? undefined : { outcome: rotation }
}

/** Written whether or not the operator keeps an audit of tokens: it tells of a theft. */
const auditInstead = ({ audit, refresh, now }: IssueRecord, { outcome }: NotRecorded): AuditEntry | null => {
  if (outcome !== 'replayed' || refresh === null) return null
  const { id, realmId, clientId } = refresh.family
  const from = { by: audit?.by ?? 'client', address: audit?.address ?? '' }
  return { ...from, at: now, realmId, event: 'token.replayed', clientId, detail: { family: id } }
}

const exhausted = (audit: AuditEntry, { meter, limit, span, now }: Charge, used: number): AuditEntry => ({
  ...audit,
  at: now,
  event: 'token.exhausted',
  detail: { meter: meter.name, limit, used, until: span.end },
})
