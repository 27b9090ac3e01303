// What a fault test leaves behind to be judged: what clients saw, what was done to the system, what the database says afterwards.
// Plain data: the rules read nothing else. Bearers and secrets are named by their jti, hash or number, never written down.

export type What = 'token' | 'sign_in' | 'refresh' | 'revoke' | 'introspect' | 'call' | 'read' | 'command'

/** One request, as its client saw it. Times are milliseconds of one clock that nobody sets: that of the process with the clients. */
export interface Seen {
  readonly what: What
  /** Number of the node; -1: a command on the database. */
  readonly node: number
  readonly client: string
  readonly sentAt: number
  /** When it was answered, or given up. */
  readonly answeredAt: number
  /** 0: no answer came. A command's: 200 or 500, as it ended. */
  readonly status: number
  /** Why no answer came: nobody listened, the connection broke, the client's patience ended. */
  readonly lost?: 'refused' | 'broken' | 'late' | undefined
  /** `error` of OAuth, `code` of a problem document, or ''. */
  readonly code: string
  /** Seconds. */
  readonly retryAfter?: number | undefined
  /** What was shown: jti of an access token, hash of a refresh token, name of a secret or API key. */
  readonly shown?: string | undefined
  /** What came: jti of an access token, name of a secret or API key. */
  readonly got?: string | undefined
  /** Hash of the refresh token that came. */
  readonly gotRefresh?: string | undefined
  /** The chain of refreshes that it belongs to. */
  readonly chain?: string | undefined
  /** Name of the API key that was shown. */
  readonly apiKey?: string | undefined
  /** Name of a guarded request, which the upstream writes down. */
  readonly mark?: string | undefined
  /** Of an introspection. */
  readonly active?: boolean | undefined
  /** What a command was to do. */
  readonly action?: 'create' | 'rotate' | 'disable' | 'key' | 'drop' | undefined
  /** True: asked by who watches, on no account of Retry-After. */
  readonly probe?: boolean | undefined
}

export type Fault =
  | 'node killed'
  | 'worker killed'
  | 'node paused'
  | 'database killed'
  | 'database frozen'
  | 'disk full'
  | 'path cut'
  | 'path held'
  | 'path slow'
  | 'clock set'

/** Something that was done to the system, from when to when. */
export interface Disturbance {
  readonly fault: Fault
  /** Number of the node; undefined: all feel it. */
  readonly node?: number | undefined
  readonly from: number
  /** When all was put right again; until then infinite. */
  to: number
}

/** What the database says when all is over. */
export interface Facts {
  readonly windows: readonly { readonly account: string; readonly meter: string; readonly start: number; readonly units: number }[]
  readonly refreshTokens: ReadonlyMap<string, { readonly family: string; readonly isUsed: boolean }>
  readonly revokedFamilies: ReadonlySet<string>
  /** jti of revoked access tokens. */
  readonly revoked: ReadonlySet<string>
  /** Names (jti, family) in audit rows of revocations. */
  readonly audited: ReadonlySet<string>
  /** Client ids that are enabled. */
  readonly clients: ReadonlyMap<string, { readonly enabled: boolean; readonly liveSecrets: ReadonlySet<string> }>
}

export interface Limit {
  /** Fresh tokens a month, or units of guarded requests. */
  readonly of: 'tokens' | 'requests'
  readonly limit: number
}

export interface Evidence {
  readonly seen: readonly Seen[]
  readonly disturbances: readonly Disturbance[]
  /** Marks of the guarded requests that the upstream got, by client. */
  readonly reached: ReadonlyMap<string, ReadonlySet<string>>
  readonly facts: Facts
  readonly limits: ReadonlyMap<string, Limit>
  /** Clients whose plan lets requests pass uncounted. */
  readonly patient: ReadonlySet<string>
  /** Seconds that clocks of nodes may be apart. */
  readonly skew: number
}

/** A sentence for each thing that must not be. */
export type Rule = (evidence: Evidence) => string[]

/** Whether the request and the disturbance, with so many milliseconds after it, were at the same time. */
export function meets({ sentAt, answeredAt, node }: Seen, disturbance: Disturbance, afterMs = 0): boolean {
  const isFelt = disturbance.node === undefined || disturbance.node === node || node === -1
  return isFelt && disturbance.from <= answeredAt && disturbance.to + afterMs >= sentAt
}

export const isNodeFault = ({ fault }: Disturbance): boolean =>
  fault === 'node killed' || fault === 'worker killed' || fault === 'node paused'
