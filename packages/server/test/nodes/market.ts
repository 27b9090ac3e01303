// A configuration for several nodes on one database, and what a caller does there: tokens, introspection, a guarded API.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProofContent, ProofSigner } from '@countersign/protocol/jose/dpop'
import { makeProof } from '@countersign/protocol/jose/dpop'
import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { run } from '../process/program.ts'

/** Tokens a month of the client that has a budget. */
export const BUDGET = 200

const CLIENTS = ['patient', 'baker', 'grocer', 'florist', 'butcher', 'counted', 'sharing', 'checker'] as const
export type Trader = (typeof CLIENTS)[number]
const secretOf = (trader: Trader): string => `the-secret-of-the-${trader}-of-these-tests`

export function writeMarket(folder: string, upstream: string, others: Partial<ConfigInput> = {}): string {
  const more: Partial<Record<Trader, object>> = {
    counted: { plan: { tokens: { limit: BUDGET, per: 'month' } } },
    sharing: { reuse: true },
    patient: { plan: { requests: { perMonth: 1000, withoutLedger: 'allow' } } },
    checker: { introspects: true },
  }
  const input: ConfigInput = {
    realms: [
      {
        id: 'market',
        issuer: 'https://auth.market.example/realms/market',
        audiences: ['https://api.market.example'],
        accessTokenLifetime: '12h',
        clients: CLIENTS.map((clientId) => ({ clientId, secret: { hash: secretHash(secretOf(clientId)) }, ...more[clientId] })),
      },
    ],
    apis: [{ id: 'market', realm: 'market', upstream }],
    ...others,
  }
  const file = join(folder, 'countersign.json')
  writeFileSync(file, JSON.stringify(input))
  return file
}

const realmAt = (origin: string): string => `${origin}/realms/market`
const asTrader = (trader: Trader, secret = secretOf(trader)): Record<string, string> => basic(trader, secret)

export const TOKEN_PATH = '/realms/market/oauth2/token'

export function ask(origin: string, trader: Trader, { secret, dpop }: { secret?: string; dpop?: string } = {}): Promise<Answer> {
  const headers = { ...asTrader(trader, secret), ...(dpop !== undefined && { dpop }) }
  return postForm(origin + TOKEN_PATH, { grant_type: 'client_credentials' }, headers)
}

export async function token(origin: string, trader: Trader, options: { secret?: string; dpop?: string } = {}): Promise<string> {
  const { status, json, text } = await ask(origin, trader, options)
  assert.equal(status, 200, text)
  return String(json['access_token'])
}

export function revoke(origin: string, trader: Trader, text: string): Promise<Answer> {
  return postForm(`${realmAt(origin)}/oauth2/revoke`, { token: text }, asTrader(trader))
}

export function introspect(origin: string, text: string): Promise<Answer> {
  return postForm(`${realmAt(origin)}/oauth2/introspect`, { token: text }, asTrader('checker'))
}

export async function isActive(origin: string, text: string): Promise<boolean> {
  const { status, json, text: body } = await introspect(origin, text)
  assert.equal(status, 200, body)
  return json['active'] === true
}

export const API_PATH = '/apis/market/stalls'

/** The guarded API's status. */
export async function call(origin: string, text: string, dpop?: string): Promise<number> {
  const headers = { authorization: `${dpop === undefined ? 'Bearer' : 'DPoP'} ${text}`, ...(dpop !== undefined && { dpop }) }
  return (await send(origin + API_PATH, { headers })).status
}

export function prove(key: ProofSigner, content: Pick<ProofContent, 'method' | 'url'> & { readonly accessToken?: string }): string {
  return makeProof(key, { jti: randomUUID(), issuedAt: Math.floor(Date.now() / 1000), ...content })
}

/** `countersign ...` on the same database; what it printed. */
export async function command(where: readonly string[], ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run([...args, ...where]).ended
  assert.equal(code, 0, stderr)
  return stdout
}

/** Asks until it is so; a test whose time ends before that has failed. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(20)
}
