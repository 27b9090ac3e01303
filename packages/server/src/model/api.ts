// A guarded API: where its requests come in, who may pass, and where they go.

interface ApiRoute {
  /** Upper case; empty: every method. */
  readonly methods: readonly string[]
  /** `/orders/:id`, `/orders/*`; below the API's root. */
  readonly path: string
  /** All of them are needed. */
  readonly scopes: readonly string[]
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
}
