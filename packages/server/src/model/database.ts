// Where the state is kept, resolved: in memory, in one SQLite file, or on one PostgreSQL server that any number of nodes share.

/** How the way to the server is secured, with libpq's meanings. */
export type PostgresTls =
  | { readonly mode: 'disable' }
  /** Encrypted, and whoever answers is believed. */
  | { readonly mode: 'require' }
  /** The certificate is signed by `ca` (PEM; null: by one that this machine trusts) and, with verify-full, made out to the host. */
  | { readonly mode: 'verify-ca' | 'verify-full'; readonly ca: string | null }

export interface PostgresServer {
  /** Name or address; or a path that begins with `/`: the folder of its Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Never told to anybody but the server. */
  readonly password: string | null
  /** Schema of our tables, made if it is not there; null: the one the server gives this user. */
  readonly schema: string | null
  readonly tls: PostgresTls
}

export type DatabaseSettings =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly folder: string }
  | { readonly kind: 'postgres'; readonly server: PostgresServer }

/** As an operator may read it: no user, no password. */
export const placeOf = ({ host, port, database, schema }: PostgresServer): string => {
  const shown = host.includes(':') ? `[${host}]` : host
  const where = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : `${shown}:${port}`
  return `postgres://${where}/${database}${schema === null ? '' : `?schema=${schema}`}`
}
