// The judge of the fault tests itself: it has nothing to say of a run in which all is well, and sees each thing that must not be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, figures } from './checker.ts'
import type { Disturbance, Evidence, Facts, Seen } from './seen.ts'

const seen = (what: Seen['what'], at: number, rest: Partial<Seen> = {}): Seen => ({
  what,
  node: 0,
  client: 'plain',
  sentAt: at,
  answeredAt: at + 10,
  status: 200,
  code: '',
  ...rest,
})

const FACTS: Facts = {
  windows: [
    { account: 'chaos/budgeted', meter: 'tokens', start: 0, units: 2 },
    { account: 'chaos/metered', meter: 'requests-month', start: 0, units: 2 },
  ],
  refreshTokens: new Map([
    ['r0', { family: 'f', isUsed: true }],
    ['r1', { family: 'f', isUsed: true }],
    ['r2', { family: 'f', isUsed: false }],
  ]),
  revokedFamilies: new Set(['f']),
  revoked: new Set(['gone']),
  audited: new Set(['gone', 'f']),
  clients: new Map([['made-1', { enabled: false, liveSecrets: new Set(['s2']) }]]),
}

const DESK = { client: 'desk', chain: 'c' }
const WELL: readonly Seen[] = [
  seen('token', 0, { client: 'budgeted', got: 't1' }),
  seen('token', 20, { client: 'budgeted', got: 't2' }),
  seen('token', 40, { client: 'budgeted', status: 429 }),
  seen('call', 60, { client: 'metered', shown: 'm', mark: 'm1' }),
  seen('call', 80, { client: 'metered', shown: 'm', mark: 'm2' }),
  seen('call', 90, { client: 'metered', shown: 'm', mark: 'm3', status: 429 }),
  seen('sign_in', 100, { ...DESK, got: 'a0', gotRefresh: 'r0' }),
  seen('refresh', 120, { ...DESK, shown: 'r0', got: 'a1', gotRefresh: 'r1' }),
  seen('refresh', 140, { ...DESK, shown: 'r1', got: 'a2', gotRefresh: 'r2' }),
  seen('revoke', 160, { ...DESK, shown: 'r2' }),
  seen('refresh', 180, { ...DESK, shown: 'r2', status: 400 }),
  seen('revoke', 200, { shown: 'gone' }),
  seen('call', 300, { shown: 'gone' }),
  seen('call', 1300, { shown: 'gone', status: 401 }),
  seen('introspect', 1300, { shown: 'gone', active: false }),
  seen('command', 2000, { node: -1, client: 'made-1', action: 'create', got: 's1' }),
  seen('token', 3100, { client: 'made-1', shown: 's1', got: 'x1' }),
  seen('command', 4000, { node: -1, client: 'made-1', action: 'rotate', got: 's2' }),
  seen('token', 5100, { client: 'made-1', shown: 's2', got: 'x2' }),
  seen('token', 6200, { client: 'made-1', shown: 's1', status: 401 }),
  seen('command', 6500, { node: -1, client: 'made-1', action: 'key', got: 'k' }),
  seen('call', 7600, { client: 'made-1', shown: 'x2', apiKey: 'k' }),
  seen('command', 7700, { node: -1, client: 'made-1', action: 'drop', shown: 'k' }),
  seen('call', 9900, { client: 'made-1', shown: 'x2', apiKey: 'k', status: 401, code: 'invalid_api_key' }),
  seen('command', 10_000, { node: -1, client: 'made-1', action: 'disable' }),
  seen('call', 11_100, { client: 'made-1', shown: 'x2', status: 401 }),
  seen('token', 20_100, { status: 503, retryAfter: 5 }),
  seen('introspect', 21_000, { client: 'checker', shown: 'fine', active: true, probe: true }),
  seen('token', 20_100, { node: 1, status: 0, lost: 'refused' }),
]

const FAULTS: readonly Disturbance[] = [
  { fault: 'database killed', from: 20_000, to: 20_500 },
  { fault: 'node killed', node: 1, from: 20_000, to: 20_500 },
]

const evidence = (more: readonly Seen[] = [], facts: Partial<Facts> = {}, rest: Partial<Evidence> = {}): Evidence => ({
  seen: [...WELL, ...more],
  disturbances: FAULTS,
  reached: new Map([['metered', new Set(['m1', 'm2'])]]),
  facts: { ...FACTS, ...facts },
  limits: new Map([
    ['budgeted', { of: 'tokens', limit: 2 }],
    ['metered', { of: 'requests', limit: 2 }],
  ]),
  patient: new Set(['patient']),
  skew: 0,
  ...rest,
})

const sees = (given: Evidence, expected: RegExp): void => {
  const said = check(given)
  assert.ok(
    said.some((sentence) => expected.test(sentence)),
    `not seen: ${expected}; said: ${said.join(' ') || 'nothing'}`,
  )
}

test('a run in which all is well has no violations', () => {
  assert.deepEqual(check(evidence()), [])
})

test('a token too many, one that is not charged, and a refusal while there is some left', () => {
  const third = seen('token', 50, { client: 'budgeted', got: 't3' })
  sees(evidence([third]), /^budget: .* 3 of 2 tokens were delivered/)
  sees(evidence([third]), /^budget: .* 3 tokens were delivered and 2 are charged/)
  const windows = (units: number): Partial<Facts> => ({ windows: [{ account: 'chaos/budgeted', meter: 'tokens', start: 0, units }] })
  sees(evidence([], windows(3)), /^budget: .* the ledger has 3 of 2 tokens/)
  sees(evidence([], windows(1)), /^budget: .* was refused for its limit of 2 tokens, and 1 are charged/)
})

test('a request too many at the upstream, and units that nobody can account for', () => {
  const reached = new Map([['metered', new Set(['m1', 'm2', 'm3'])]])
  sees(evidence([], {}, { reached }), /^budget: metered: 3 of 2 requests were delivered/)
  sees(evidence([], {}, { reached: new Map() }), /^budget: metered: 2 were answered and 0 reached the upstream/)
  sees(evidence([], {}, { reached: new Map() }), /^budget: metered: 2 requests are charged, 0 were delivered and 0 are uncertain/)
})

test('a refresh token that is accepted twice, refused before its first use, or forgotten by the database', () => {
  sees(evidence([seen('refresh', 150, { ...DESK, shown: 'r1', gotRefresh: 'r2' })]), /^refresh: .* accepted 2 times/)
  const other = { client: 'desk', chain: 'd' }
  const given = seen('sign_in', 100, { ...other, gotRefresh: 'r0' })
  sees(evidence([given, seen('refresh', 120, { ...other, shown: 'r0', status: 400 })]), /^refresh: Chain d: .* never shown was refused/)
  const { refreshTokens } = FACTS
  sees(evidence([], { refreshTokens: new Map([...refreshTokens].slice(0, 2)) }), /^refresh: .* does not know a refresh token/)
  const unused = new Map(refreshTokens).set('r0', { family: 'f', isUsed: false })
  sees(evidence([], { refreshTokens: unused }), /^refresh: .* never used that was/)
})

test('a family that goes on after its revocation or after a replay', () => {
  sees(evidence([seen('refresh', 190, { ...DESK, shown: 'r2' })]), /^refresh: .* after the family's end/)
  const other = { client: 'desk', chain: 'd' }
  const replay = [
    seen('refresh', 120, { ...other, shown: 'r0', gotRefresh: 'r1' }),
    seen('refresh', 140, { ...other, shown: 'r0', status: 400 }),
    seen('refresh', 160, { ...other, shown: 'r1', gotRefresh: 'r2' }),
  ]
  sees(evidence(replay), /^refresh: Chain d: a refresh was accepted after the family's end/)
  sees(evidence([], { revokedFamilies: new Set() }), /^refresh: .* its revocation was acknowledged/)
})

test('a revoked token that is accepted a second later, its family’s too, and a revocation that left no trace', () => {
  sees(evidence([seen('call', 1300, { shown: 'gone' })]), /^revocation: .* accepted \(call\) a token 1090 ms/)
  sees(evidence([seen('introspect', 1300, { shown: 'gone', active: true })]), /^revocation: .* accepted \(introspect\)/)
  sees(evidence([seen('call', 1300, { client: 'desk', shown: 'a1' })]), /^revocation: desk: .* accepted/)
  sees(evidence([], { revoked: new Set() }), /^revocation: .* the database does not know/)
  sees(evidence([], { audited: new Set() }), /^revocation: .* the audit trail does not know/)
})

test('a client without ledger may be served a revoked token while its node cannot know, and no longer', () => {
  const revoked = seen('revoke', 18_000, { client: 'patient', shown: 'gone' })
  assert.deepEqual(check(evidence([revoked, seen('call', 20_200, { client: 'patient', shown: 'gone' })])), [])
  sees(evidence([revoked, seen('call', 22_000, { client: 'patient', shown: 'gone' })]), /^revocation: patient/)
  sees(evidence([revoked, seen('call', 19_500, { client: 'patient', shown: 'gone' })]), /^revocation: patient/)
})

test('an old secret that goes on, a new one that is refused, and a change that the database has lost', () => {
  sees(evidence([seen('token', 6100, { client: 'made-1', shown: 's1' })]), /^configuration: Node 0 accepted s1 2090 ms after its end/)
  sees(evidence([seen('token', 5200, { client: 'made-1', shown: 's2', status: 401 })]), /^configuration: Node 0 refused s2/)
  sees(evidence([seen('token', 11_100, { client: 'made-1', shown: 's2' })]), /^configuration: .* after it was disabled/)
  sees(evidence([seen('call', 9_800, { client: 'made-1', shown: 'x2', apiKey: 'k' })]), /^configuration: Node 0 accepted k/)
  const refused = { client: 'made-1', shown: 'x2', apiKey: 'k', status: 401, code: 'invalid_api_key' }
  sees(evidence([seen('call', 7650, refused)]), /^configuration: Node 0 refused k/)
  sees(evidence([], { clients: new Map() }), /^configuration: made-1 was made, and the database does not know it/)
  const clients = (enabled: boolean, secret: string): Partial<Facts> => ({
    clients: new Map([['made-1', { enabled, liveSecrets: new Set([secret]) }]]),
  })
  sees(evidence([], clients(true, 's2')), /^configuration: made-1 was disabled, and the database has it enabled/)
  sees(evidence([], clients(false, 's1')), /^configuration: made-1: its last secret is not in the database/)
})

test('what a node whose clock is ahead issued in the last moment before a client was disabled', () => {
  const last = seen('token', 9985, { client: 'made-1', shown: 's2', got: 'x3' })
  sees(
    evidence([last, seen('call', 11_100, { client: 'made-1', shown: 'x3' })], {}, { skew: 4 }),
    /^configuration: .* after it was disabled/,
  )
})

test('an answer that is not documented, one without need, none at all, and one that comes too late', () => {
  sees(evidence([seen('token', 100, { status: 500, code: 'server_error' })]), /^answers: .* 500 \(server_error\)/)
  sees(evidence([seen('token', 100, { status: 503, retryAfter: 5 })]), /^answers: .* while all was well/)
  sees(evidence([seen('token', 20_100, { status: 503 })]), /^answers: .* 503 without Retry-After/)
  sees(evidence([seen('token', 100, { status: 0, lost: 'broken' })]), /^answers: .* nobody had touched the node/)
  sees(evidence([seen('token', 100, { status: 0, lost: 'late' })]), /^answers: .* no answer for/)
  sees(evidence([seen('token', 20_000, { answeredAt: 34_000 })]), /^answers: .* answered after 14000 ms/)
  sees(evidence([seen('call', 100, { shown: 'fine', status: 401 })]), /^answers: .* for a token that nobody ended/)
  sees(evidence([seen('introspect', 100, { shown: 'fine', active: false })]), /^answers: .* nobody ended it/)
  sees(evidence([seen('read', 100, { status: 404 })]), /^answers: .* 404/)
})

test('a call that the plan lets pass without the ledger and that is refused', () => {
  sees(
    evidence([seen('call', 20_100, { client: 'patient', shown: 'p', status: 503, retryAfter: 5 })]),
    /^answers: patient .* its plan lets it pass/,
  )
})

test('how soon a node serves again is measured where no other fault of it came in between', () => {
  const probe = (at: number, node: number): Seen =>
    seen('introspect', at, { node, client: 'checker', shown: 'fine', active: true, probe: true })
  const disturbances: readonly Disturbance[] = [
    { fault: 'database killed', from: 30_000, to: 30_500 },
    { fault: 'path cut', node: 1, from: 30_600, to: 33_000 },
  ]
  const given = evidence([probe(30_700, 0), probe(30_900, 0), probe(33_100, 1)], {}, { disturbances })
  assert.deepEqual(
    figures(given).filter(([what]) => what.startsWith('served again')),
    [
      ['served again after: database killed', 'median 210 ms, longest 210 ms (1)'],
      ['served again after: path cut', 'median 110 ms, longest 110 ms (1)'],
    ],
  )
})
