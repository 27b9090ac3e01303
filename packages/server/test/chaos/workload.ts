// What clients do in a fault test, as endless lanes: tokens, guarded calls, revocations, reading. Each goes to any node, and waits as
// Retry-After says. Refreshes are in lane_refresh.ts, commands in lane_commands.ts.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Caller, Told } from './caller.ts'
import { nameOf } from './caller.ts'
import type { Client } from './market.ts'
import { API_KEY, KEYED_API, OPEN_API, REALM, secretOf } from './market.ts'

export interface World {
  readonly caller: Caller
  /** How many there are. */
  readonly nodes: number
  readonly random: () => number
  /** Aborted when the lanes are to end. */
  readonly over: AbortSignal
}

export const anyNode = ({ random, nodes }: World): number => Math.floor(random() * nodes)

export const wait = async ({ over }: World, milliseconds: number): Promise<void> => {
  await pause(milliseconds, undefined, { signal: over }).catch(() => undefined)
}

/** A month's end is far: somebody who does not know of the refusal asks sooner. Milliseconds. */
const NEXT_TRY = 700

/** Before the next request: as long as the answer says. @param betweenMs after a good one */
export async function obey(world: World, { seen }: Told, betweenMs: number): Promise<void> {
  if (seen.status === 503) return wait(world, 1000 * (seen.retryAfter ?? 1))
  if (seen.status === 429) return wait(world, NEXT_TRY)
  return wait(world, seen.status === 0 ? 100 : betweenMs * (0.5 + world.random()))
}

export function token(world: World, client: Client, node = anyNode(world)): Promise<Told> {
  const asked = { what: 'token', node, client } as const
  return world.caller.post(asked, '/oauth2/token', { grant_type: 'client_credentials' }, secretOf(client))
}

export function call(
  world: World,
  client: string,
  accessToken: string,
  { node = anyNode(world), apiKey, keyName }: { node?: number; apiKey?: string; keyName?: string } = {},
): Promise<Told> {
  const asked = {
    what: 'call',
    node,
    client,
    shown: nameOf(accessToken),
    mark: randomUUID(),
    ...(keyName !== undefined && { apiKey: keyName }),
  } as const
  const key = apiKey === undefined ? {} : { 'x-api-key': apiKey }
  return world.caller.get(asked, apiKey === undefined ? OPEN_API : KEYED_API, { authorization: `Bearer ${accessToken}`, ...key })
}

export function introspect(world: World, accessToken: string, { node = anyNode(world), probe = false } = {}): Promise<Told> {
  const asked = { what: 'introspect', node, client: 'checker', shown: nameOf(accessToken), ...(probe && { probe }) } as const
  return world.caller.post(asked, '/oauth2/introspect', { token: accessToken }, secretOf('checker'))
}

export function revoke(world: World, client: Client, text: string, shown: string, chain?: string): Promise<Told> {
  const asked = { what: 'revoke', node: anyNode(world), client, shown, ...(chain !== undefined && { chain }) } as const
  return world.caller.post(asked, '/oauth2/revoke', { token: text }, secretOf(client))
}

/** Fresh tokens, one after another; each is shown at another node, where the plan counts no calls. */
export async function issuing(world: World, client: 'plain' | 'budgeted' | 'sharing', betweenMs: number): Promise<void> {
  while (!world.over.aborted) {
    const told = await token(world, client)
    if (told.accessToken !== undefined && client !== 'sharing') await call(world, client, told.accessToken)
    await obey(world, told, betweenMs)
  }
}

/** Guarded calls with one token. */
export async function calling(world: World, client: 'metered' | 'patient', betweenMs: number): Promise<void> {
  let held: string | undefined
  while (!world.over.aborted) {
    if (held === undefined) {
      const told = await token(world, client)
      held = told.accessToken
      if (held === undefined) await obey(world, told, betweenMs)
      continue
    }
    await obey(world, await call(world, client, held, client === 'metered' ? { apiKey: API_KEY } : {}), betweenMs)
  }
}

const WATCHED_MS = 2600

/** Gets a token, gives it back, and shows it everywhere all the same. */
export async function revoking(world: World, client: 'plain' | 'patient'): Promise<void> {
  while (!world.over.aborted) {
    const got = await token(world, client)
    await obey(world, got, 20)
    const { accessToken } = got
    if (accessToken === undefined) continue
    // So that all nodes know it as good.
    await Promise.all(Array.from({ length: world.nodes }, (_, node) => call(world, client, accessToken, { node })))
    let told = await revoke(world, client, accessToken, nameOf(accessToken))
    // An answer that did not come: once more.
    while (told.seen.status !== 200 && !world.over.aborted) {
      await obey(world, told, 50)
      told = await revoke(world, client, accessToken, nameOf(accessToken))
    }
    const end = performance.now() + WATCHED_MS
    while (performance.now() < end && !world.over.aborted) {
      await Promise.all([call(world, client, accessToken), introspect(world, accessToken)])
      await wait(world, 120)
    }
  }
}

/** What needs no database is there as long as the node is. */
export async function reading(world: World): Promise<void> {
  const paths = [
    `${REALM}/.well-known/openid-configuration`,
    `${REALM}/.well-known/oauth-authorization-server`,
    `${REALM}/.well-known/jwks.json`,
  ]
  for (let n = 0; !world.over.aborted; n += 1) {
    await obey(world, await world.caller.get({ what: 'read', node: anyNode(world), client: 'plain' }, paths[n % paths.length] ?? ''), 60)
  }
}

/** Asks one node again and again, whatever Retry-After says: when it is well again. */
export async function watching(world: World, node: number): Promise<void> {
  let held: string | undefined
  while (!world.over.aborted) {
    if (held === undefined) held = (await token(world, 'plain', node)).accessToken
    else await introspect(world, held, { node, probe: true })
    await wait(world, 100)
  }
}
