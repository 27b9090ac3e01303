// The operator in a fault test: makes a client by command, changes its secret, gives it an API key and takes it away, and switches it off;
// and the client meanwhile, with what it has and with what it had.
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Told } from './caller.ts'
import { command } from './fleet.ts'
import type { Seen } from './seen.ts'
import type { World } from './workload.ts'
import { anyNode, call, wait } from './workload.ts'

export interface Operator extends World {
  /** Flags that name the database. */
  readonly where: readonly string[]
  readonly record: (seen: Seen) => void
}

const WITHIN_MS = 20_000
/** So long everybody is asked after each change. */
const WATCHED_MS = 1600

export async function operating(operator: Operator, lane: number): Promise<void> {
  for (let n = 0; !operator.over.aborted; n += 1) await life(operator, `made-${lane}-${n}`)
}

async function life(operator: Operator, client: string): Promise<void> {
  const first = await act(operator, client, 'create', ['client', 'create', '--client', client])
  if (first === undefined) return wait(operator, 300)
  let held = await use(operator, client, [first])
  const second = await act(operator, client, 'rotate', ['secret', 'rotate', '--client', client, '--overlap', '0'])
  const secrets = second === undefined ? [first] : [second, first]
  held = await use(operator, client, secrets, { held })
  const key = await act(operator, client, 'key', ['api-key', 'create', '--client', client])
  if (key !== undefined) {
    held = await use(operator, client, secrets, { held, apiKey: key })
    const [, id = ''] = /^cs_key_([0-9a-z]+)_/.exec(key) ?? []
    await act(operator, client, 'drop', ['api-key', 'drop', '--id', id, '--client', client, '--force'], secretHash(key))
    held = await use(operator, client, secrets, { held, apiKey: key })
  }
  await act(operator, client, 'disable', ['client', 'disable', '--client', client])
  await use(operator, client, secrets, { held })
}

/** What it printed, if it was done. */
async function act(
  operator: Operator,
  client: string,
  action: NonNullable<Seen['action']>,
  args: readonly string[],
  shown?: string,
): Promise<string | undefined> {
  if (operator.over.aborted) return undefined
  const sentAt = performance.now()
  const { code, out } = await command([...args, ...operator.where], WITHIN_MS)
  const text = out.trim()
  const isMade = action === 'create' || action === 'rotate' || action === 'key'
  operator.record({
    what: 'command',
    node: -1,
    client,
    sentAt,
    answeredAt: performance.now(),
    status: code === 0 ? 200 : 500,
    code: '',
    action,
    ...(shown !== undefined && { shown }),
    ...(isMade && code === 0 && { got: secretHash(text) }),
  })
  return code === 0 ? text : undefined
}

/** Asks for tokens with each, and shows the last one that came. @returns that one */
async function use(
  operator: Operator,
  client: string,
  secrets: readonly string[],
  { held, apiKey }: Holding = {},
): Promise<string | undefined> {
  const end = performance.now() + WATCHED_MS
  let last = held
  while (performance.now() < end && !operator.over.aborted) {
    for (const secret of secrets) {
      const told = await ask(operator, client, secret)
      last = told.accessToken ?? last
    }
    if (last !== undefined) await call(operator, client, last, apiKey === undefined ? {} : { apiKey, keyName: secretHash(apiKey) })
    await wait(operator, 150)
  }
  return last
}

interface Holding {
  readonly held?: string | undefined
  readonly apiKey?: string
}

const ask = (operator: Operator, client: string, secret: string): Promise<Told> =>
  operator.caller.post(
    { what: 'token', node: anyNode(operator), client, shown: secretHash(secret) },
    '/oauth2/token',
    { grant_type: 'client_credentials' },
    secret,
  )
