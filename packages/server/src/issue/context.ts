// What an endpoint of one realm works with: the realm, its dialects and keys, the store, clock and randomness.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import type { Ledger } from '../model/ledger.ts'
import type { Realm } from '../model/realm.ts'
import type { Store } from '../model/store.ts'
import type { AccessTokenDraft } from '../model/token.ts'
import type { Directory } from './directory.ts'
import type { KeyRing } from './keys/key_ring.ts'
import type { SigningQueue } from './mint/signing_queue.ts'
import type { News } from './news.ts'
import type { Random } from './random.ts'
import type { RevocationFeed } from './revocation_feed.ts'
import type { RevocationList } from './revocation_list.ts'
import type { SecretUses } from './secret_uses.ts'
import type { StreamedResponse } from './streamed_response.ts'
import type { Throttle } from './throttle.ts'
import type { TrustedKeys } from './trusted_keys.ts'

/** Checks a person's password; undefined does the same work against nobody's hash and is false. */
interface Passwords {
  verify(phc: string | undefined, password: string): Promise<boolean>
}

/** What all realms of a process share. */
export interface Issuance {
  readonly store: Store
  readonly ledger: Ledger
  /** What other processes changed. */
  readonly news: News
  readonly directory: Directory
  readonly revocations: RevocationList
  readonly feed: RevocationFeed
  readonly signing: SigningQueue
  readonly passwords: Passwords
  readonly throttle: Throttle
  readonly secretUses: SecretUses
  /** Tokens that are being made for reuse right now, by what they mean. */
  readonly flights: Map<string, Promise<AccessTokenDraft>>
  readonly trustedKeys: TrustedKeys
  /** Opens what is sealed (client secrets for client_secret_jwt); null: nothing is. 32 bytes. */
  readonly masterKey: Uint8Array | null
  /** Whether each token leaves an audit row. */
  readonly auditTokens: boolean
  readonly random: Random
  /** Tells the operator one sentence that is no error. */
  readonly notice: (sentence: string) => void
  /** Epoch seconds, whole. */
  readonly now: () => number
}

export interface RealmContext extends Issuance {
  readonly realm: Realm
  /** The realm's dialects, canonical first. */
  readonly dialects: readonly CompiledDialect[]
  readonly keys: KeyRing
}

/** Who sent a request, as far as the connection tells. */
export interface Caller {
  /** '' if unknown. */
  readonly address: string
  /** At most 200 characters; '' if unknown. */
  readonly userAgent: string
}

/** What the operator's counters, log and traces want to know of a request: filled in as far as it comes. */
export interface RequestAccount {
  /** Once it is proven. */
  client: string
  /** Once it is chosen. */
  grant: string
  /** Told of each step that is done; undefined: nobody listens. */
  step: ((name: string) => void) | undefined
}

export interface EndpointRequest extends WireRequest {
  readonly caller: Caller
  readonly account?: RequestAccount
}

/** One endpoint: the methods it knows and what it answers. Throws OAuthError to refuse; the caller writes it in the dialect. */
export interface Endpoint {
  readonly methods: readonly string[]
  /** Parameters in the URL are refused unless this is true: credentials never travel there. */
  readonly query: boolean
  readonly answer: (context: RealmContext, dialect: CompiledDialect, request: EndpointRequest) => Promise<WireResponse | StreamedResponse>
}
