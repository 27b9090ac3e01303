// Servers to measure by how much they have: a folder with realms, clients and a guarded API for each realm, in the configuration or, the
// clients, in the database alone.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../packages/server/src/model/client.ts'
import { secretHash } from '../../packages/server/src/model/secret_hash.ts'
import type { Store } from '../../packages/server/src/model/store.ts'
import { openSqliteStore } from '../../packages/server/src/store/adapters/sqlite.ts'
import { AUDIENCE, CLIENT_SECRET, LIFETIME } from '../servers/asked.ts'
import { SERVE } from '../servers/countersign.ts'

export interface Size {
  readonly realms: number
  /** Of all realms together, spread evenly. */
  readonly clients: number
  /** Where the clients come from: the configuration's file, or rows that were there before the first start. */
  readonly from: 'file' | 'database'
}

export interface Place {
  readonly folder: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly remove: () => Promise<void>
}

export const sizeName = ({ realms, clients, from }: Size): string =>
  `${realms.toLocaleString('en-US')} x ${(clients / realms).toLocaleString('en-US')}${from === 'database' ? ', in the database' : ''}`

export async function createPlace(size: Size): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-scale-'))
  const file = join(folder, 'countersign.json')
  const ofEach = size.clients / size.realms
  const realms = numbers(size.realms).map((realm) => ({
    id: realmId(realm),
    audiences: [AUDIENCE],
    accessTokenLifetime: LIFETIME,
    grants: ['client_credentials'],
    clients: numbers(size.from === 'file' ? ofEach : 1).map((client) => ({ clientId: clientId(client), secrets: [{ hash: HASH }] })),
  }))
  const apis = realms.map(({ id }) => ({ id, realm: id, upstream: 'http://127.0.0.1:9', forwardAuth: true }))
  await writeFile(file, JSON.stringify({ data: 'data', masterKey: { env: 'BENCH_MASTER_KEY' }, realms, apis }))
  return {
    folder,
    args: [...SERVE, '--config', file, '--port', '0', '--management-port', '0'],
    env: { BENCH_MASTER_KEY: Buffer.alloc(32, 7).toString('base64url') },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** All clients but the first of each realm, which a first start has written, as commands make them. */
export async function fillDatabase({ folder }: Place, { realms, clients }: Size): Promise<void> {
  const store = await openSqliteStore({ file: join(folder, 'data', 'countersign.db') })
  try {
    for (const realm of numbers(realms).map(realmId)) {
      const first = await store.clients.find(realm, clientId(0))
      if (!first) throw new Error(`the first start did not write the client of ${realm}`)
      await Promise.all(
        numbers(clients / realms)
          .slice(1)
          .map((client) => putLike(store, first, clientId(client))),
      )
    }
  } finally {
    await store.close()
  }
}

function putLike(store: Store, first: Client, id: string): Promise<void> {
  const secrets = first.secrets.map((secret) => ({ ...secret, origin: 'command' as const }))
  return store.clients.put({ ...first, clientId: id, origin: 'command', secrets }, { at: 1_800_000_000, by: 'command bench' })
}

/** @param which of all clients; they are numbered realm by realm */
export function tokenRequest({ realms, clients }: Size, which: number): Buffer {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId(which % (clients / realms)),
    client_secret: CLIENT_SECRET,
  }).toString()
  const head = [
    `POST /realms/${realmOf({ realms, clients }, which)}/oauth2/token HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

/** As a proxy asks about a request of that client. */
export function guardedRequest(size: Size, which: number, token: string): Buffer {
  const realm = realmOf(size, which)
  const head = [
    `GET /realms/${realm}/forward-auth/${realm}/nginx HTTP/1.1`,
    'Host: 127.0.0.1',
    'X-Original-Method: GET',
    'X-Original-URI: /orders/17',
    `Authorization: Bearer ${token}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1')
}

const HASH = secretHash(CLIENT_SECRET)

function realmOf({ realms, clients }: Pick<Size, 'realms' | 'clients'>, which: number): string {
  return realmId(Math.floor(which / (clients / realms)))
}

function realmId(realm: number): string {
  return `realm-${realm}`
}

function clientId(client: number): string {
  return `client-${client}`
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number)
}
