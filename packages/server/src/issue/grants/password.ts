// grant_type=password: legacy, off unless a client is given it (RFC 9700 section 2.4). RFC 6749 section 4.3.
// An attempt is paid for before the password is looked at (issue/throttle.ts), alike whether or not anybody has that name.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Client } from '../../model/client.ts'
import type { User } from '../../model/user.ts'
import type { Caller, RealmContext } from '../context.ts'
import type { Attempt } from '../throttle.ts'
import type { Grant } from './grant.ts'
import { required, rightsOf } from './grant.ts'

export const password: Grant = {
  name: 'password',
  async authorize(context, client, parameters, caller) {
    const username = required(parameters, 'username')
    const given = required(parameters, 'password')
    const attempt = await admit(context, username, caller)
    const { user, right } = await look(context, attempt, username, given)
    if (!user?.enabled || !right) {
      attempt.failed()
      if (user) note(context, client, user, caller)
      throw new OAuthError('invalid_grant', 'Unknown user, or wrong password.')
    }
    attempt.succeeded()
    return { ...rightsOf(client), subject: { kind: 'user', user }, refresh: client.grants.includes('refresh_token') ? 'start' : 'none' }
  },
}

/** Many right sign-ins at once are no guessing: they wait for each other. @throws OAuthError slow_down */
async function admit({ throttle, realm }: RealmContext, username: string, { address }: Caller): Promise<Attempt> {
  let attempt = throttle.attempt(realm.id, username, address)
  while (!attempt.admitted) {
    if (!attempt.pending) throw tooMany(attempt.retryAfter)
    await attempt.pending
    attempt = throttle.attempt(realm.id, username, address)
  }
  return attempt
}

interface Looked {
  readonly user: User | undefined
  readonly right: boolean
}

/** Whose name it is, and whether the password is his. A malfunction costs the caller nothing: no guess was answered. */
async function look(context: RealmContext, attempt: Attempt, username: string, given: string): Promise<Looked> {
  try {
    const user = await context.store.users.findByUsername(context.realm.id, username)
    // Nobody's password takes as long to refuse as somebody's.
    return { user, right: await context.passwords.verify(user?.passwordHash, given) }
  } catch (error) {
    attempt.abandoned()
    throw error
  }
}

function tooMany(seconds: number): OAuthError {
  const sentence = `Too many sign-ins have failed for this user or from this address: try again in ${seconds} second${seconds === 1 ? '' : 's'}.`
  return new OAuthError('slow_down', sentence, { retryAfter: seconds })
}

/** Leaves an audit row behind the answer, and only for users there are: names can be invented without end. What the throttle admits bounds them. */
function note({ store, realm, now }: RealmContext, { clientId }: Client, user: User, { address }: Caller): void {
  const entry = { at: now(), by: 'server', realmId: realm.id, event: 'user.refused', clientId, address, detail: { user: user.id } } as const
  // A row that cannot be written is no reason to refuse in other words.
  store.audit.append(entry).catch(() => undefined)
}
