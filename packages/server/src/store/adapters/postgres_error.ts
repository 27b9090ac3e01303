// What PostgreSQL and the way to it say when something fails: to be tried again, to be told to the operator in one sentence with the mend,
// or a mistake of ours that passes through. By SQLSTATE (PostgreSQL, appendix A) and by the system's own codes.
import { StoreUnavailable } from '../../model/store.ts'

type Sentence = (place: string, user: string) => string

export interface Whose {
  /** Without a password. */
  readonly place: string
  readonly user: string
}

/** `error` itself unless it says that the database cannot be read or written. */
export const asStoreError = (error: unknown, { place, user }: Whose): unknown => {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error
  const sentence = sentenceFor(error)
  return sentence === undefined ? error : new StoreUnavailable(sentence(place, user), { cause: redacted(error) })
}

/** The transaction lost a race that it may win the next time, and nothing of it is stored. */
export const isConflict = (error: unknown): boolean => CONFLICTS.has(codeOf(error))

/** What another node committed in between can make of a statement that looked first; at the second look it is no error. */
export const isOvertaken = (error: unknown): boolean => OVERTAKEN.has(codeOf(error))

/** What a statement says after another has failed in its transaction. */
export const isAftermath = (error: unknown): boolean => codeOf(error) === '25P02'

/** No answer in time: asking again would take as long once more. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && !isAnswer(error) && /timeout/i.test(error.message)

/** The server said no to a COMMIT, and not that it is going down or does not know. */
export const isRefusal = (error: unknown): boolean => isAnswer(error) && !/^(?:08|57P|40003)/.test(codeOf(error))

/** The server answered; all other errors come from the way to it. */
export const isAnswer = (error: unknown): boolean => SQLSTATE.test(codeOf(error))

/** This server will not do until its operator has done something, or another is in its place: the connection is of no more use. */
export const endsLink = (error: unknown): boolean => ENDS_LINK.has(codeOf(error)) || /^(?:08|57P)/.test(codeOf(error))

export const closedSentence: Sentence = (place) => `${place} was closed: this program is shutting down.`
const busySentence: Sentence = (place) => `${place} is too busy: other nodes write the same rows, so try again, and look at its load.`
export const unknownSentence: Sentence = (place) =>
  `${place} was lost while it was storing: what was asked may or may not be done, so look before asking again.`

const lostSentence: Sentence = (place) => `${place} cannot be reached: check that it runs and that nothing stands between.`
const slowSentence: Sentence = (place) => `${place} does not answer in time: check its load and the network between.`
const deniedSentence: Sentence = (place, user) => `${place} refuses the user ${user}: check its name, its password and pg_hba.conf.`
const absentSentence: Sentence = (place, user) => `${place} does not exist: make it with \`createdb\`, owned by ${user}.`
const rightsSentence: Sentence = (place, user) =>
  `${place} does not let ${user} do what it must: make it the owner of the database or schema.`
const replicaSentence: Sentence = (place) => `${place} takes no writes, since it is a replica or set read-only: name the primary.`
const fullSentence: Sentence = (place) => `There is no space left for ${place}: free some on its disk.`
const crowdedSentence: Sentence = (place) => `${place} has no connection or memory left: raise max_connections or use fewer nodes.`
const diskSentence: Sentence = (place) => `${place} cannot read or write its disk: look at its log.`
const startingSentence: Sentence = (place) => `${place} is starting or stopping: it answers again by itself, so wait or look at its log.`
const plainSentence: Sentence = (place) => `${place} does not speak TLS: turn it on there, or add sslmode=disable on a network you trust.`
const certificateSentence: Sentence = (place) =>
  `${place} shows a certificate that does not prove who it is: name its CA with sslrootcert, or the host as the certificate does.`
const unknownHostSentence: Sentence = (place) => `The host of ${place} is unknown: check its name.`

const sentenceFor = (error: Error): Sentence | undefined => {
  const code = codeOf(error)
  return BY_CODE[code] ?? BY_CLASS[SQLSTATE.test(code) ? code.slice(0, 2) : ''] ?? bySystem(error, code)
}

const BY_CODE: Readonly<Record<string, Sentence>> = {
  '25006': replicaSentence,
  '3D000': absentSentence,
  '3F000': rightsSentence,
  '42501': rightsSentence,
  '53100': fullSentence,
  '55P03': busySentence,
  '57014': busySentence,
  '57P03': startingSentence,
  ENOTFOUND: unknownHostSentence,
  EAI_AGAIN: unknownHostSentence,
}

const BY_CLASS: Readonly<Record<string, Sentence>> = {
  '08': lostSentence,
  '28': deniedSentence,
  '40': busySentence,
  '53': crowdedSentence,
  '57': startingSentence,
  '58': diskSentence,
  XX: diskSentence,
}

const bySystem = (error: Error, code: string): Sentence | undefined => {
  if (error.message === 'The server does not support SSL connections') return plainSentence
  if (/^(?:ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|ERR_SSL_)/.test(code)) return certificateSentence
  if (/password must be a (?:non-empty )?string|SASL|SCRAM/.test(error.message)) return deniedSentence
  if (/timeout/i.test(error.message)) return slowSentence
  if ('syscall' in error || /^Connection (?:terminated|ended)|not queryable|Client was closed|stream has ended/.test(error.message))
    return lostSentence
  return undefined
}

const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01'])
const OVERTAKEN: ReadonlySet<string> = new Set(['23503', '23505', '42701', '42710', '42P06', '42P07'])
/** It has a digit; the system's own codes have none. */
const SQLSTATE = /^(?=.*[0-9])[0-9A-Z]{5}$/
const ENDS_LINK: ReadonlySet<string> = new Set(['25006', '25P03', '0A000', '26000'])

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '')

/** What the server says of a row may hold its values. */
const redacted = (error: Error): Error => (isAnswer(error) ? new Error(`SQLSTATE ${codeOf(error)}`) : error)
