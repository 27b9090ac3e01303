// Chains of refreshes: each token is shown once; sometimes twice at once, sometimes again much later, sometimes the chain is given back.
import { randomUUID } from 'node:crypto'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Told } from './caller.ts'
import { secretOf, USER } from './market.ts'
import type { World } from './workload.ts'
import { anyNode, call, introspect, obey, revoke, wait } from './workload.ts'

interface Chain {
  readonly name: string
  readonly refreshToken: string
  readonly accessToken: string
  /** The one that was used before it. */
  readonly older: string | undefined
}

export async function refreshing(world: World, betweenMs: number): Promise<void> {
  let chain: Chain | undefined
  while (!world.over.aborted) {
    if (chain === undefined) {
      chain = await signIn(world, betweenMs)
      continue
    }
    const dice = world.random()
    if (dice < 0.04) chain = await raced(world, chain)
    else if (dice < 0.07) chain = await replayed(world, chain)
    else if (dice < 0.1) chain = await givenBack(world, chain)
    else chain = await refreshed(world, chain, betweenMs)
  }
}

async function signIn(world: World, betweenMs: number): Promise<Chain | undefined> {
  const name = randomUUID()
  const asked = { what: 'sign_in', node: anyNode(world), client: 'desk', chain: name } as const
  const told = await world.caller.post(asked, '/oauth2/token', { grant_type: 'password', ...USER }, secretOf('desk'))
  await obey(world, told, betweenMs)
  return chainOf(name, told, undefined)
}

const refresh = (world: World, { name }: Chain, refreshToken: string): Promise<Told> =>
  world.caller.post(
    { what: 'refresh', node: anyNode(world), client: 'desk', chain: name, shown: secretHash(refreshToken) },
    '/oauth2/token',
    { grant_type: 'refresh_token', refresh_token: refreshToken },
    secretOf('desk'),
  )

function chainOf(name: string, { accessToken, refreshToken }: Told, older: string | undefined): Chain | undefined {
  return accessToken === undefined || refreshToken === undefined ? undefined : { name, accessToken, refreshToken, older }
}

/** An answer that did not come may have used the token up: the client tries once more, and signs in again where that is refused. */
async function refreshed(world: World, chain: Chain, betweenMs: number): Promise<Chain | undefined> {
  const told = await refresh(world, chain, chain.refreshToken)
  await obey(world, told, betweenMs)
  if (told.seen.status === 0 || told.seen.status === 503) return world.over.aborted ? undefined : { ...chain }
  const next = chainOf(chain.name, told, chain.refreshToken)
  if (next !== undefined && world.random() < 0.2) await call(world, 'desk', next.accessToken)
  return next
}

/** One wins at most; after that the family is dead. */
async function raced(world: World, chain: Chain): Promise<undefined> {
  const both = await Promise.all([refresh(world, chain, chain.refreshToken), refresh(world, chain, chain.refreshToken)])
  for (const told of both) {
    const next = chainOf(chain.name, told, chain.refreshToken)
    if (next !== undefined) await refresh(world, chain, next.refreshToken)
  }
}

/** A thief shows the token of before; then its owner comes. */
async function replayed(world: World, chain: Chain): Promise<Chain | undefined> {
  if (chain.older === undefined) return chain
  await refresh(world, chain, chain.older)
  await refresh(world, chain, chain.refreshToken)
  return undefined
}

async function givenBack(world: World, chain: Chain): Promise<undefined> {
  const told = await revoke(world, 'desk', chain.refreshToken, secretHash(chain.refreshToken), chain.name)
  await refresh(world, chain, chain.refreshToken)
  if (told.seen.status !== 200) return
  await wait(world, 1050)
  if (world.over.aborted) return
  await Promise.all([call(world, 'desk', chain.accessToken), introspect(world, chain.accessToken)])
}
