// A guarded API: where its requests come in, who may pass, and where they go.

interface ApiRoute {
  /** Upper case; empty: every method. */
  readonly methods: readonly string[]
  /** `/orders/:id`, `/orders/*`; below the API's root. */
  readonly path: string
  /** All of them are needed. */
  readonly scopes: readonly string[]
  /** Units that a request costs of the client's plan; 0: nothing, and it is counted all the same. */
  readonly cost: number
}

export interface Api {
  readonly id: string
  /** The realm whose tokens open it. */
  readonly realmId: string
  /** Own host names, lower case, without port: requests to them go here from the root. */
  readonly hosts: readonly string[]
  /** Path prefix on every other host, without a slash at its end: `/apis/{id}`. */
  readonly prefix: string
  /** Origin (and base path) of the upstream: `http://127.0.0.1:9000`. */
  readonly upstream: string
  /** What `aud` must hold. */
  readonly audience: string
  readonly apiKey: 'off' | 'optional' | 'required'
  readonly routes: readonly ApiRoute[]
  /** What a request that no route names needs: any valid token, or it is refused. */
  readonly otherwise: 'authenticated' | 'deny'
  /** `Authorization` and its like at the upstream: as the caller sent them, or taken away. */
  readonly credentials: 'pass' | 'strip'
  /** A JWT about the caller, signed with the realm's key, for an upstream that wants to know it was not bypassed: header `x-countersign-assertion`. */
  readonly assertion: boolean
  /** Bytes of a request body at most; null: as long as it comes. */
  readonly maxBodyBytes: number | null
  /** Seconds: until the upstream's answer begins, and between two pieces of it. */
  readonly timeout: number
  /** How often an idempotent request is tried again at the upstream, as long as nothing of an answer has come. */
  readonly retries: number
  /** Path that is asked each few seconds whether the upstream is well; null: it is taken to be. */
  readonly healthPath: string | null
  /** Whether a proxy may ask about each request and pass it on itself (gateway/forward_auth.ts); null: none may. */
  readonly forwardAuth: ForwardAuth | null
}

export interface ForwardAuth {
  /** `sha256:<base64url>` of what an asking proxy shows in a header; null: it is known by its address, one of the trusted proxies'. */
  readonly secretHash: string | null
}
