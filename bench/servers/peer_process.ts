// What a peer's own process starts from: its key and its way of working from the environment, and one line when it listens.
import type { JsonWebKeyInput, KeyObject } from 'node:crypto'
import { createPrivateKey } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BenchAlgorithm } from './asked.ts'

export interface PeerKey {
  readonly algorithm: BenchAlgorithm
  readonly jwk: JsonWebKeyInput['key'] & { readonly kid: string }
  readonly key: KeyObject
}

/** BENCH_KEY: a private JWK with `kid` and `alg`, made by the parent so that it can verify the peer's tokens. */
export function peerKey(): PeerKey {
  const jwk = JSON.parse(process.env['BENCH_KEY'] ?? '{}') as PeerKey['jwk'] & { readonly alg: BenchAlgorithm }
  return { algorithm: jwk.alg, jwk, key: createPrivateKey({ key: jwk, format: 'jwk' }) }
}

/** BENCH_WAY: which of a peer's ways of signing. */
export function peerWay(): string {
  return process.env['BENCH_WAY'] ?? ''
}

export function announce(server: Server): void {
  process.stdout.write(`public http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
  process.once('SIGTERM', () => process.exit(0))
}
