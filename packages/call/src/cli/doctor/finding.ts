// What the doctor finds: one sentence with a mark, and what mends it.
import type { ServerMetadata } from '@countersign/protocol/oauth/metadata'
import type { Client } from '../../client.ts'
import type { ClientOptions } from '../../client_options.ts'
import type { World } from '../command.ts'
import type { Connection } from '../connection_profile.ts'

export interface Finding {
  readonly step: string
  readonly mark: 'ok' | 'warn' | 'fail'
  readonly says: string
  readonly mend?: string
}

/** An answer that passed by, as far as it is worth knowing. */
export interface Overheard {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** The first 64 KiB; may hold tokens, so nothing of it is shown. */
  readonly text: string
}

/** The patient, as it gets known from step to step. */
export interface Patient {
  readonly world: World
  readonly connection: Connection
  readonly options: ClientOptions
  readonly client: Client
  /** Answers of the provider so far, the last one at the end. */
  readonly heard: readonly Overheard[]
  metadata?: ServerMetadata
  accessToken?: string
}

export const ok = (step: string, says: string): Finding => ({ step, mark: 'ok', says })
export const warn = (step: string, says: string, mend: string): Finding => ({ step, mark: 'warn', says, mend })
export const fail = (step: string, says: string, mend: string): Finding => ({ step, mark: 'fail', says, mend })

/** Where the provider is: its issuer, or else its token endpoint. */
export function providerUrl({ issuer, tokenUrl }: ClientOptions): URL {
  return new URL(tokenUrl ?? issuer ?? 'about:blank')
}
