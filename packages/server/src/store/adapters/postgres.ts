// The PostgreSQL adapter: one connection that writes, a few that read. The only file that knows pg. SQL stays in what CockroachDB and
// YugabyteDB speak too; what only PostgreSQL knows (its keep-alive settings) is asked for where it is there.
import { Socket } from 'node:net'
import pg from 'pg'
import type { PostgresServer } from '../../model/database.ts'
import { placeOf } from '../../model/database.ts'
import type { Store } from '../../model/store.ts'
import { StoreUnavailable } from '../../model/store.ts'
import { migrate } from '../migrate.ts'
import type { EngineTypes } from '../migrations/migration.ts'
import type { Row, SnapshotRead, Sql, SqlValue, Statement } from '../sql.ts'
import { sqlStore } from '../sql_store.ts'
import type { Whose } from './postgres_error.ts'
import { asStoreError, closedSentence } from './postgres_error.ts'
import type { Answer, Link } from './postgres_link.ts'
import { keepLink } from './postgres_link.ts'
import type { MarkedLink } from './postgres_mark.ts'
import { markLink } from './postgres_mark.ts'
import { createReaders } from './postgres_readers.ts'
import type { Flavour, Patience } from './postgres_session.ts'
import { PATIENT, prepareSession, QUICK, useSchema } from './postgres_session.ts'
import { createTexts } from './postgres_text.ts'
import { createWriter } from './postgres_writer.ts'

export interface PostgresOptions {
  /** 0 to 1: spreads nodes that lost a race for the same rows. Default: no spread. */
  readonly random?: () => number
  /** Milliseconds of a clock that only goes forward, by which batches gather where several nodes write. Default: it stands still, and none does. */
  readonly monotonic?: () => number
  /** Connections for reading, at most; default: 4. */
  readonly readers?: number
}

/** The Store on one PostgreSQL server, which any number of nodes may share. */
export const openPostgresStore = async (server: PostgresServer, options: PostgresOptions = {}): Promise<Store> =>
  sqlStore(await openPostgres(server, options))

/** The same database, for what else shares its transactions. Rejects with StoreUnavailable, one sentence that names the place and the mend. */
export const openPostgres = async (
  server: PostgresServer,
  { random = () => 0.5, monotonic = () => 0, readers: most = 4 }: PostgresOptions = {},
): Promise<Sql> => {
  const whose: Whose = { place: placeOf(server), user: server.user }
  const texts = createTexts()
  let flavour: Flavour = { collates: true }
  const connect = async <L extends Link>(patience: Patience, prepare: (link: Link) => Promise<L> | L): Promise<L> => {
    try {
      const link = await connectTo(server, patience, texts)
      flavour = await prepareSession(link, patience, server.schema)
      return await prepare(link)
    } catch (error) {
      const known = asStoreError(error, whose)
      throw known instanceof StoreUnavailable
        ? known
        : new StoreUnavailable(`${whose.place} cannot be used: look at its log.`, { cause: known })
    }
  }
  const writerOn = (patience: Patience, prepare: (link: Link) => Promise<MarkedLink> | MarkedLink) => {
    const keeper = keepLink(() => connect(patience, prepare))
    return { keeper, writer: createWriter({ ...whose, keeper, random, monotonic, patience: patience.answer }) }
  }

  // Its table of marks is not there yet. A migration that was committed unknown to it is found so by the next start.
  const first = writerOn(PATIENT, (link) => ({ ...link, mark: undefined }))
  try {
    const link = await first.keeper.get()
    await useSchema(link, server)
    await migrate({
      types: typesOf(flavour),
      place: whose.place,
      transact: (unit) => first.writer.write(unit),
      ask: async (asked) => asked.read((await link.run(asked)).rows),
    })
  } catch (error) {
    throw asStoreError(error, whose)
  } finally {
    await first.keeper.close()
  }

  const { keeper, writer } = writerOn(QUICK, markLink)
  const readers = createReaders(() => keepLink(() => connect(QUICK, asItIs)), most, whose)
  let closed: Promise<void> | undefined
  const refuseIfClosed = (): void => {
    if (closed !== undefined) throw new StoreUnavailable(closedSentence(whose.place, whose.user))
  }
  const finish = async (): Promise<void> => {
    await writer.idle()
    await Promise.all([keeper.close(), readers.close()])
  }
  return {
    read: async (asked) => {
      refuseIfClosed()
      return await readers.read(asked)
    },
    write: async (unit) => {
      refuseIfClosed()
      return await writer.write(unit)
    },
    commit: async (unit) => {
      refuseIfClosed()
      return { value: await writer.write(unit), durable: DURABLE }
    },
    // What can be seen is committed, and what is committed is durable.
    flush: async () => refuseIfClosed(),
    snapshot: async (act) => {
      refuseIfClosed()
      return await onOneState(await connect(PATIENT, asItIs), act, whose)
    },
    close: () => (closed ??= finish()),
    isClosed: () => closed !== undefined,
  }
}

const DURABLE = Promise.resolve()
const asItIs = (link: Link): Link => link

const typesOf = ({ collates }: Flavour): EngineTypes => ({
  text: collates ? 'TEXT COLLATE "C"' : 'TEXT',
  integer: 'BIGINT',
  table: '',
  narrowTable: '',
})

const onOneState = async <T>(link: Link, act: (read: SnapshotRead) => Promise<T>, whose: Whose): Promise<T> => {
  try {
    await link.say('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return await act(async (asked) => asked.read((await link.run(asked)).rows))
  } catch (error) {
    throw asStoreError(error, whose)
  } finally {
    link.destroy()
  }
}

const connectTo = async (server: PostgresServer, { answer, connect }: Patience, texts: ReturnType<typeof createTexts>): Promise<Link> => {
  // Ours, so that it can be closed whatever the driver is waiting for.
  const socket = new Socket()
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    database: server.database,
    user: server.user,
    // A function, so that nothing is looked for in the environment and in .pgpass.
    password: () => server.password ?? '',
    ssl: tlsOf(server),
    stream: () => socket,
    pipeline: true,
    application_name: 'countersign',
    connectionTimeoutMillis: connect,
    query_timeout: answer,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary'): unknown =>
        NUMBERS.has(oid) ? Number : pg.types.getTypeParser(oid, format),
    },
  } satisfies pg.ClientConfig & { pipeline: boolean })
  let broken = false
  const breakOff = (): void => {
    broken = true
  }
  client.on('error', breakOff).on('end', breakOff)
  socket.on('close', breakOff)
  const told = async (result: Promise<pg.QueryResult<Row>>): Promise<Answer> => {
    const { rows, rowCount, command } = await result
    return { rows, count: rowCount ?? 0, command }
  }
  try {
    await client.connect()
  } catch (error) {
    socket.destroy()
    throw error
  }
  return {
    run: ({ sql, params, lock }: Statement) =>
      told(client.query<Row>({ ...texts(lock === undefined ? sql : `${sql} FOR ${lock.toUpperCase()}`), values: params.map(written) })),
    say: (sql) => told(client.query<Row>(sql)),
    hold: () => {
      // TLS has put its own stream around the socket.
      const { stream } = client.connection
      stream.cork()
      return () => stream.uncork()
    },
    isBroken: () => broken,
    end: async () => {
      if (!broken) await client.end().catch(() => undefined)
      socket.destroy()
    },
    destroy: () => {
      broken = true
      socket.destroy()
    },
  }
}

/** PostgreSQL has no NUL in a text. What a stranger looks up with one must be not found, and no error. */
const written = (value: SqlValue): SqlValue =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFF') : value

/** int8, and numeric as sums of it come. */
const NUMBERS: ReadonlySet<number> = new Set([20, 1700])

const tlsOf = ({ tls }: PostgresServer): pg.ClientConfig['ssl'] => {
  if (tls.mode === 'disable') return false
  if (tls.mode === 'require') return { rejectUnauthorized: false }
  const ca = tls.ca === null ? {} : { ca: tls.ca }
  return { ...ca, rejectUnauthorized: true, ...(tls.mode === 'verify-ca' && { checkServerIdentity: () => undefined }) }
}
